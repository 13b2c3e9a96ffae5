"""Models of volumes: their size and place, what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

import lift3d
from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.pipelines.medical.notice import NOTICE
from lift3d.pipelines.medical.source import parse_millilitres
from lift3d.types import Labels, Volume

CENTRE, RADIUS = np.array([12.0, -30.0, 45.0]), 11.0


def oblique(spacing: tuple[float, float, float] = (0.9, 1.0, 1.2)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec([0.2, -0.3, 0.4]).as_matrix() @ np.diag(spacing)
    affine[:3, 2] += [0.1, 0.15, 0]  # a tilted gantry
    affine[:3, 3] = CENTRE - affine[:3, :3] @ [20, 18, 15]
    return affine


def distances(affine: np.ndarray, shape: tuple[int, int, int] = (40, 37, 31)) -> np.ndarray:
    index = np.stack(np.indices(shape), -1) @ affine[:3, :3].T + affine[:3, 3]
    return np.linalg.norm(index - CENTRE, axis=-1)


def ball() -> Volume:
    """100 HU at the surface of a ball, rising inwards."""
    affine = oblique()
    values = 100 + 80 * (RADIUS - distances(affine))
    return Volume.of(values.astype(np.int16), affine, "HU", "ball")


def halves() -> Labels:
    """A ball of two labels."""
    affine = oblique()
    inside = distances(affine) < RADIUS
    ids = inside.astype(np.uint8)
    ids[inside & (np.indices(ids.shape)[0] > 19)] = 2
    return Labels.of(ids, affine, {1: "left half", 2: "right/half"}, "halves")


@pytest.mark.parametrize("frame", ["lps", "ras"])
def test_a_ball_has_its_size_and_its_place(frame: str) -> None:
    found = lift3d.volume_to_meshes(ball(), threshold=100, frame=frame)
    (mesh,) = found.meshes.values()
    assert inspect_solid(mesh).is_solid and mesh.units == "m" and found.frame == frame.upper()
    truth = 4 / 3 * np.pi * RADIUS**3 / 1000
    assert found.structures[0].volume_ml == pytest.approx(truth, rel=0.01)
    place = CENTRE * ([-1, -1, 1] if frame == "lps" else 1) / 1000
    np.testing.assert_allclose(mesh.center_mass, place, atol=2e-5)
    assert found.to_dict()["grid"]["sheared"] and found.structures[0].name == "above 100"


def test_named_thresholds_and_ranges() -> None:
    assert lift3d.volume_to_meshes(ball(), threshold="bone").structures[0].name == "bone"
    shell = lift3d.volume_to_meshes(ball(), threshold="100..300").structures[0]
    inner = lift3d.volume_to_meshes(ball(), threshold=300).structures[0]
    full = lift3d.volume_to_meshes(ball(), threshold=100, fill_cavities=True).structures[0]
    assert shell.volume_ml == pytest.approx(full.volume_ml - inner.volume_ml, rel=0.01)
    filled = lift3d.volume_to_meshes(ball(), threshold="100..300", fill_cavities=True).structures[0]
    assert filled.volume_ml == pytest.approx(full.volume_ml, rel=1e-3)


def test_labels_share_their_boundary_and_are_written(tmp_path: Path) -> None:
    said: list[str] = []
    steps: list[float] = []
    found = lift3d.volume_to_meshes(
        halves(),
        tmp_path / "organs",
        each=True,
        message=said.append,
        progress=lambda name, f: steps.append(f),
    )
    assert sorted(p.name for p in (tmp_path / "organs").iterdir()) == [
        "labels.csv", "left_half.stl", "preview.png", "report.json", "right_half.stl",
    ]  # fmt: skip
    total = sum(one.volume_ml for one in found.structures)
    assert total == pytest.approx(4 / 3 * np.pi * RADIUS**3 / 1000, rel=0.01)
    for one in found.structures:
        assert one.volume_ml == pytest.approx(one.voxels_ml, rel=0.005)
        mesh = lift3d.load(tmp_path / "organs" / str(one.file))
        assert inspect_solid(mesh).is_solid and mesh.volume * 1e6 == pytest.approx(one.volume_ml, rel=1e-4)
        assert b"frame: LPS patient" in (tmp_path / "organs" / str(one.file)).read_bytes()[:80]
    left, right = (np.round(one.mesh.vertices, 9) for one in found.structures)
    shared = {tuple(p) for p in left} & {tuple(p) for p in right}
    assert len(shared) > 200, "vertices of the wall between them"
    report = json.loads((tmp_path / "organs/report.json").read_text())
    assert report["notice"] == NOTICE and len(report["structures"]) == 2
    table = (tmp_path / "organs/labels.csv").read_text().splitlines()
    assert NOTICE in table[0] and len(table) == 4 and steps == sorted(steps) and steps[-1] == 1


def test_one_file_with_all_labels_and_another_unit(tmp_path: Path) -> None:
    found = lift3d.volume_to_meshes(halves(), tmp_path / "both.ply", unit="m")
    mesh = lift3d.load(tmp_path / "both.ply")
    assert mesh.body_count == 2 and mesh.units == "m" and max(mesh.extents) < 0.1
    assert {p.name for p in tmp_path.iterdir()} == {"both.ply", "both.png", "both.csv", "both.report.json"}
    assert found.structures[0].file == "both.ply"
    only = lift3d.volume_to_meshes(halves(), labels=["left half"])
    assert [one.number for one in only.structures] == [1]
    assert [one.number for one in lift3d.volume_to_meshes(halves(), labels=[2]).structures] == [2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no threshold is given.*--threshold bone, or a number: --threshold"),
        ({"threshold": "granite"}, "no threshold called 'granite'"),
        ({"threshold": 99999}, "no voxel is above 99999"),
        ({"threshold": -99999}, "every voxel"),
        ({"threshold": "300..100"}, "empty"),
        ({"threshold": 100, "each": True}, "labels have no threshold"),
        ({"each": True}, "not labels of 0 to 65535: give --threshold"),
        ({"threshold": 100, "frame": "xyz"}, "no frame called xyz"),
        ({"threshold": 100, "unit": "ft"}, "unit ft"),
        ({"threshold": 100, "min_part": "3 spoons"}, "not a volume"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        lift3d.volume_to_meshes(ball(), tmp_path / "out.stl", **options)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_threshold_by_name_needs_hounsfield_units() -> None:
    volume = Volume.of(ball().values, ball().affine, None, "ball")
    with pytest.raises(InputError, match="does not state the unit.*--hounsfield.*Otsu"):
        lift3d.volume_to_meshes(volume, threshold="bone")
    assert lift3d.volume_to_meshes(volume, threshold="bone", hounsfield=True).structures


def test_unknown_labels_and_full_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label 7: give one of left half, right/half"):
        lift3d.volume_to_meshes(halves(), labels=[7])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty"):
        lift3d.volume_to_meshes(halves(), tmp_path / "full")
    with pytest.raises(InputError, match="cannot be written"):
        lift3d.volume_to_meshes(halves(), tmp_path / "model.docx")


def test_millilitres() -> None:
    assert [parse_millilitres(x) for x in ("2ml", "500 mm3", "0,5cc", 3.0)] == [2.0, 0.5, 0.5, 3.0]


def test_names_of_labels_come_back_from_their_file(tmp_path: Path) -> None:
    from lift3d.io.volume.nifti_writer import write_nifti

    write_nifti(halves(), tmp_path / "labels.nii.gz")
    assert [row["name"] for row in lift3d.measure(tmp_path / "labels.nii.gz").rows] == [
        "left half",
        "right/half",
    ]
    found = lift3d.volume_to_meshes(tmp_path / "labels.nii.gz", labels=["left half"])
    assert [one.name for one in found.structures] == ["left half"]


def test_measures_of_labels_meshes_and_values(tmp_path: Path) -> None:
    labels = halves()
    sizes = lift3d.measure(labels)
    assert [row["name"] for row in sizes.rows] == ["left half", "right/half"]
    assert sizes.rows[0]["volume_ml"] == pytest.approx(
        (labels.ids == 1).sum() * labels.voxel_volume / 1000, rel=1e-3
    )
    other = labels.ids.copy()
    other[other == 2] = 0
    report = lift3d.measure(Labels.of(other, labels.affine), labels, tmp_path / "scores.csv")
    assert report.rows[0]["dice"] == 1 and report.rows[1]["dice"] == 0 and report.rows[1]["missing"]
    assert report.mean == {
        "dice": 0.5, "hd95_mm": pytest.approx(report.rows[1]["hd95_mm"] / 2, rel=1e-3), "nsd": 0.5, "structures": 2, "missing": 1,
        "assd_mm": pytest.approx(report.rows[1]["assd_mm"] / 2, rel=1e-3),
    }  # fmt: skip
    assert "1 of 2 structures are missing" in report.to_text()
    assert (tmp_path / "scores.csv").read_text().startswith(f"# {NOTICE}")
    lift3d.volume_to_meshes(ball(), tmp_path / "ball.stl", threshold=100)
    inside = lift3d.measure(tmp_path / "ball.stl", ball()).rows[0]
    assert inside["volume_ml"] == pytest.approx(4 / 3 * np.pi * RADIUS**3 / 1000, rel=0.01)
    assert inside["least_HU"] > 50 and inside["voxels_ml"] == pytest.approx(inside["volume_ml"], rel=0.03)
    same = lift3d.measure(tmp_path / "ball.stl", tmp_path / "ball.stl").rows[0]
    assert same["dice"] == 1 and same["hd95_mm"] < 0.01
    plain = trimesh.creation.box((0.01, 0.01, 0.01))
    with pytest.raises(InputError, match="outside of the volume"):
        lift3d.measure(plain, Volume.of(ball().values, np.diag([1, 1, 1, 1.0]) + np.eye(4, k=3) * 900, "HU"))
