"""`lift3d volume` and `measure` as a user types them, on real files and on broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d as run

import lift3d
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.pipelines.medical.notice import NOTICE

MEDICAL = Path(__file__).resolve().parents[3] / "shared/data/medical"
FORMATS = MEDICAL / "formats"
pytestmark = pytest.mark.skipif(not FORMATS.is_dir(), reason="the shared data are not beside this checkout")


@pytest.fixture
def dicom() -> None:
    pytest.importorskip("pydicom", reason="needs the extra medical")
    pytest.importorskip("gdcm", reason="needs the extra medical")


def test_a_label_map_becomes_a_closed_model(tmp_path: Path) -> None:
    code, text = run("volume", FORMATS / "nrrd/BallBinary30x30x30.nrrd", "-o", tmp_path / "ball.stl")
    assert code == 0 and NOTICE in text and "taken as labels" in text
    report = json.loads((tmp_path / "ball.report.json").read_text())
    (row,) = report["structures"]
    assert row["volume_ml"] == pytest.approx(row["voxels_ml"], rel=0.002)
    mesh = lift3d.load(tmp_path / "ball.stl")
    assert inspect_solid(mesh).is_solid and mesh.volume * 1e6 == pytest.approx(row["volume_ml"], rel=1e-4)
    code, text = run("measure", tmp_path / "ball.stl", FORMATS / "nrrd/BallBinary30x30x30.nrrd", "--json")
    found = json.loads(text[text.index("{") :])
    assert code == 0 and found["notice"] == NOTICE and found["structures"][0]["volume_ml"] == row["volume_ml"]


@pytest.mark.slow
def test_thin_bone_keeps_its_volume(tmp_path: Path) -> None:
    code, text = run("volume", FORMATS / "volumes/Skull.nrrd", "-o", tmp_path / "skull.3mf")
    assert code == 0, text
    row = json.loads((tmp_path / "skull.report.json").read_text())["structures"][0]
    assert row["voxels_ml"] == pytest.approx(429.94, abs=0.01)
    assert row["volume_ml"] == pytest.approx(429.94, rel=0.005)


@pytest.mark.slow
def test_a_ct_becomes_bone(tmp_path: Path, dicom: None) -> None:
    code, text = run(
        "volume",
        MEDICAL / "totalseg_ct/dicom",
        "-o",
        tmp_path / "bone.ply",
        "--threshold",
        "bone",
        "--min-part",
        "0.1ml",
    )
    assert code == 0 and "left out" in text, text
    mesh = lift3d.load(tmp_path / "bone.ply")
    report = inspect_solid(mesh)
    assert report.closed and report.oriented and report.positive_volume and report.no_self_intersection
    volume = lift3d.load_volume(MEDICAL / "totalseg_ct/dicom")
    low = volume.affine[:3, 3] * [-1, -1, 1]
    corner = (volume.affine @ [*(np.array(volume.shape) - 1), 1])[:3] * [-1, -1, 1]
    box = np.sort(np.stack([low, corner]), 0) / 1000
    reach = np.max(volume.spacing) / 1000
    assert (mesh.bounds[0] >= box[0] - reach).all() and (mesh.bounds[1] <= box[1] + reach).all()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("dicom/ct_missing_slice", "a slice is missing between z = 28.11 and 38.11 mm"),
        ("dicom/mr_two_slices", "slices"),
        ("dicom/rgb_secondary_capture", "colour"),
        ("dicom/single_files/rtstruct.dcm", ""),
        ("dicom/single_files/MR_truncated.dcm", ""),
        ("nrrd/BallBinary30x30x30_byteskip_minus_five.nhdr", ""),
        ("nrrd/test2d_ascii.nrrd", ""),
        ("mha/referring_to_system_file.mhd", ""),
        ("volumes/tooth.nhdr", ""),
        ("nothing.nii.gz", ""),
    ],
)
def test_what_would_be_wrong_is_refused(tmp_path: Path, dicom: None, source: str, words: str) -> None:
    code, text = run("volume", FORMATS / source, "-o", tmp_path / "out.stl", "--threshold", "100", "-q")
    assert code == 2 and words in text and "Traceback" not in text and len(text.strip().splitlines()) == 1, (
        text
    )
    assert not list(tmp_path.iterdir())


def test_a_spacing_that_is_not_stated_is_given(tmp_path: Path) -> None:
    tooth = FORMATS / "volumes/tooth.nhdr"
    code, text = run("volume", tooth, "-o", tmp_path / "t.stl", "--threshold", "1000", "--spacing", "a,b")
    assert code == 2 and "not three numbers" in text and not list(tmp_path.iterdir())
    volume = lift3d.load_volume(tooth, spacing="0.2,0.2,0.3")
    np.testing.assert_allclose(volume.spacing, [0.2, 0.2, 0.3])


def test_series_are_listed_and_chosen(tmp_path: Path, dicom: None) -> None:
    code, text = run("volume", FORMATS / "dicom/mr_two_orientations", "--list")
    assert code == 0 and len(text.splitlines()) == 2 and text.startswith("202") and "501" in text
    code, text = run("volume", FORMATS / "dicom/mr_two_orientations")
    assert code == 2 and "-o" in text
