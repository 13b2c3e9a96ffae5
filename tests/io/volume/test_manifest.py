"""The files of the manifest of medical formats against their right answers; skipped where those files are absent."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from volume_files import FORMATS

from lift3d.errors import InputError
from lift3d.io.volume.label_maps import read_labels
from lift3d.io.volume.reading import list_series, read_volume
from lift3d.types.volumes import Labels, Volume

pytestmark = pytest.mark.skipif(not FORMATS.is_dir(), reason="needs ../shared/data/medical/formats")
SINGLE = "dicom/single_files"


@pytest.fixture
def dicom() -> None:
    pytest.importorskip("pydicom", reason="needs the extra medical")
    pytest.importorskip("gdcm", reason="needs the extra medical")


def volume(path: str, **options: object) -> tuple[Volume, list[str]]:
    notes: list[str] = []
    return read_volume(FORMATS / path, notes=notes.append, **options), notes


def refusal(path: str, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        volume(path, **options)
    text = str(caught.value)
    assert "\n" not in text and caught.value.advice
    return text


def equal_in_space(a: Volume, b: Volume, tolerance: float = 0.0) -> None:
    """The same values at the same places of the body, to 0.01 mm, whatever the order of the axes."""
    i, j, k = np.indices(a.shape).reshape(3, -1)
    world = a.affine @ np.stack([i, j, k, np.ones_like(i)])
    there = np.linalg.solve(b.affine, world)[:3]
    nearest = np.rint(there).astype(int)
    assert np.abs((there - nearest) * b.spacing[:, None]).max() < 0.01
    assert a.values.size == b.values.size
    other = b.values[tuple(nearest)]
    np.testing.assert_allclose(a.values[i, j, k].astype(float), other.astype(float), rtol=0, atol=tolerance)


def test_tilted_gantry_is_a_shear(dicom: None) -> None:
    read, notes = volume("dicom/ct_tilt_14deg")
    assert read.shape == (512, 512, 4) and read.unit == "HU" and read.values.dtype == np.int16
    np.testing.assert_allclose(read.spacing, [0.41796875, 0.41796875, 5.0], atol=1e-6)
    np.testing.assert_allclose(read.affine[:3, 2], [0, 0, 5.0], atol=1e-6)
    np.testing.assert_allclose(
        read.affine[:3, 3], [106.791015625, 256.61886606561, -61.951915066986], atol=1e-6
    )
    assert read.plane_distances[2] == pytest.approx(4.851, abs=0.001)
    assert read.is_sheared and any("14.0 degrees" in note for note in notes)


def test_missing_slice(dicom: None) -> None:
    text = refusal("dicom/ct_missing_slice")
    assert text == (
        "a slice is missing between z = 28.11 and 38.11 mm (10 mm, elsewhere 5): give the whole series, or --close-gap."
    )
    closed, notes = volume("dicom/ct_missing_slice", close_gap=True)
    assert closed.shape == (512, 512, 5) and closed.values.dtype == np.int16
    np.testing.assert_allclose(closed.spacing, [0.429688, 0.429688, 5.0], atol=1e-4)
    assert any("interpolated linearly" in note for note in notes)
    middle = (closed.values[..., 2].astype(float) + closed.values[..., 4]) / 2
    assert np.abs(closed.values[..., 3] - middle).max() <= 0.5


def test_two_orientations_in_one_series(dicom: None) -> None:
    text = refusal("dicom/mr_two_orientations")
    assert "202: MR, 2 pictures" in text and "501: MR, 2 pictures" in text and "0.32 x 0.32 mm" in text
    stacks = list_series(FORMATS / "dicom/mr_two_orientations")
    assert sorted(s.name for s in stacks) == ["202", "501"] and len({s.uid for s in stacks}) == 1


def test_two_slices_are_too_few(dicom: None) -> None:
    assert "too few slices" in refusal("dicom/mr_two_slices")


@pytest.mark.parametrize("folder", ["mr_rle", "mr_j2k", "mr_jpeg", "mr_jpegls"])
def test_lossless_transfer_syntaxes_are_exact(folder: str, dicom: None) -> None:
    read, _ = volume(f"dicom/{folder}")
    truth, _ = volume("dicom/mr_compressed_truth.nii.gz")
    equal_in_space(read, truth)
    np.testing.assert_allclose(read.affine[:3, 2] * [-1, -1, 1], [-1, 0, 0], atol=1e-6)  # LPS


@pytest.mark.parametrize(
    ("folder", "spacing", "step"),
    [
        ("mr_slope_per_slice", (6.39995861, 4.0), 0.5),
        ("mr_oblique", (2.34375, 2.34375), 4.0),
        ("mr_enhanced", (0.9375, 0.9375), 0.9),
    ],
)
def test_truth_beside_the_series(folder: str, spacing: tuple[float, float], step: float, dicom: None) -> None:
    read, _ = volume(f"dicom/{folder}")
    truth, _ = volume(f"dicom/{folder}_truth.nii.gz")
    equal_in_space(read, truth, tolerance=1e-4 if read.values.dtype == np.float32 else 0)
    np.testing.assert_allclose(read.spacing[:2], spacing, atol=1e-6)
    assert read.plane_distances[2] == pytest.approx(step, abs=1e-3)
    assert read.unit is None


def test_slope_of_each_slice(dicom: None) -> None:
    read, _ = volume("dicom/mr_slope_per_slice")
    assert (round(float(read.values.min()), 2), round(float(read.values.max()), 2)) == (33.44, 96.47)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("dicom/rgb_secondary_capture", "colour picture"),
        ("dicom/mosaic_transfer_syntaxes", "Siemens mosaic"),
        (f"{SINGLE}/rtstruct.dcm", "RTSTRUCT"),
        (f"{SINGLE}/rtdose.dcm", "RTDOSE"),
        (f"{SINGLE}/liver.dcm", "segmentation (SEG)"),
        (f"{SINGLE}/JPEG2000.dcm", "without position"),
        (f"{SINGLE}/CT_small.dcm", "too few slices"),
        (f"{SINGLE}/no_meta.dcm", "not a volume"),
        (f"{SINGLE}/MR_truncated.dcm", "8192 bytes of pixels wanted, 8130 found"),
        ("nrrd/test1d_ascii.nrrd", "1 dimensions"),
        ("nrrd/test2d_ascii.nrrd", "2 dimensions"),
        ("nrrd/test_customFields.nrrd", "1 dimensions"),
        ("nrrd/test_simple4d_raw.nrrd", "too few"),
        ("nrrd/BallBinary30x30x30_byteskip_minus_five.nhdr", "byte skip of -5"),
        ("nrrd/BallBinary30x30x30_nifti.nhdr", "54000 bytes of values, but more follow"),
        ("nrrd/BallBinary30x30x30.raw", "not a volume"),
        ("mha/image5x6x7-no-spacing.mhd", "no spacing"),
        ("mha/image10x11x12x13.mha", "4-D: it holds 13 volumes: choose one with --time 0 to 12"),
        ("mha/invalid_utf8.mhd", "no text of MetaImage"),
        ("mha/referring_to_system_file.mhd", "'/trying/to/get/a/system/file.conf', outside its own folder"),
        ("mha/image_min10_max10.mha", "2 dimensions"),
        ("nifti/example_nifti2.nii.gz", "4-D: it holds 2 volumes: choose one with --time 0 to 1"),
        ("volumes/tooth.nhdr", "neither a unit nor a space"),
    ],
)
def test_refused_in_one_sentence(path: str, words: str, dicom: None) -> None:
    assert words in refusal(path)


def test_small_pictures_in_seven_encodings_are_equal(dicom: None) -> None:
    from lift3d.io.volume.dicom.pixels import decode

    names = sorted((FORMATS / SINGLE).glob("MR_small*.dcm"))
    pictures = [next(decode(path, path.name, [None])) for path in names]
    assert len(pictures) == 6 and pictures[0].shape == (64, 64)
    assert all(np.array_equal(one, pictures[0]) for one in pictures)
    assert pictures[0].min() >= 0 and len(np.unique(pictures[0])) > 500


def test_enhanced_pictures_in_five_encodings_are_equal(dicom: None) -> None:
    from lift3d.io.volume.dicom.pixels import decode

    names = sorted((FORMATS / SINGLE).glob("emri_small*.dcm"))
    assert len(names) == 5
    stacks = [np.stack(list(decode(path, path.name, range(10)))) for path in names]
    assert stacks[0].shape == (10, 64, 64) and all(np.array_equal(one, stacks[0]) for one in stacks)
    for path in names:
        assert "without a position for each frame" in refusal(f"{SINGLE}/{path.name}")


def test_mosaic_pixels_in_nine_syntaxes(dicom: None) -> None:
    from lift3d.io.volume.dicom.pixels import decode

    for path in sorted((FORMATS / "dicom/mosaic_transfer_syntaxes").glob("*.dcm")):
        assert int(next(decode(path, path.name, [None])).astype(int).sum()) == 38036663, path.name


@pytest.mark.parametrize(
    "name",
    [
        "BallBinary30x30x30.nrrd", "BallBinary30x30x30.nhdr", "BallBinary30x30x30_gz.nrrd", "BallBinary30x30x30_bz2.nrrd",
        "BallBinary30x30x30_byteskip_minus_one.nhdr", "BallBinary30x30x30_byteskip_minus_one_nifti.nhdr",
        "BallBinary30x30x30_gz_byteskip_minus_one.nrrd", "BallBinary30x30x30_gz_lineskip.nrrd",
    ],
)  # fmt: skip
def test_the_ball_in_every_encoding_of_nrrd(name: str) -> None:
    read, _ = volume(f"nrrd/{name}")
    raw = np.fromfile(FORMATS / "nrrd/BallBinary30x30x30.raw", "<i2").reshape(30, 30, 30).transpose(2, 1, 0)
    assert np.array_equal(read.values, raw)
    np.testing.assert_array_equal(read.affine, np.diag([-1, -1, 1, 1]))


def test_metaimage(dicom: None) -> None:
    for name in ("image10x10x10.mha", "image10x10x10.mhd"):
        read, _ = volume(f"mha/{name}")
        assert read.shape == (10, 10, 10) and 0 < read.values.min() < read.values.max() < 1
        np.testing.assert_array_equal(read.affine, np.diag([-1, -1, 1, 1]))
    read, _ = volume("mha/image5x6x7-with-123-spacing.mhd")
    np.testing.assert_array_equal(read.spacing, [1, 2, 3])
    told, notes = volume("mha/image5x6x7-no-spacing.mhd", spacing=(1, 2, 3))
    np.testing.assert_array_equal(told.affine, read.affine)
    assert np.array_equal(told.values, read.values)
    fourth, _ = volume("mha/image10x11x12x13.mha", time=12)
    assert fourth.shape == (10, 11, 12)
    np.testing.assert_allclose(fourth.affine[:3, 3], [131, 99, -917])


@pytest.mark.parametrize(
    ("name", "shape", "spacing", "orientation"),
    [
        ("anatomical.nii", (33, 41, 25), 2, "LAS"),
        ("reoriented_anat_moved.nii", (21, 26, 22), 4, "RAS"),
        ("bet_two_balls.nii.gz", (142, 178, 142), 1, "RAS"),
        ("cord_t2.nii.gz", (60, 55, 52), 1, "PSR"),
        ("cord_t2_labels.nii.gz", (60, 55, 52), 1, "PSR"),
    ],
)
def test_nifti(name: str, shape: tuple[int, ...], spacing: float, orientation: str) -> None:
    read, notes = volume(f"nifti/{name}")
    assert read.shape == shape and read.orientation == orientation
    np.testing.assert_allclose(read.spacing, spacing, atol=1e-4)
    assert any("sform was used" in note for note in notes)


def test_nifti_2_with_two_volumes() -> None:
    first, _ = volume("nifti/example_nifti2.nii.gz", time=0)
    second, notes = volume("nifti/example_nifti2.nii.gz", time=1)
    assert first.shape == second.shape == (32, 20, 12) and not np.array_equal(first.values, second.values)
    assert "no time 2" in refusal("nifti/example_nifti2.nii.gz", time=2)


def test_tooth_with_its_spacing_stated() -> None:
    read, notes = volume("volumes/tooth.nhdr", spacing=(1, 1, 1))
    assert read.shape == (103, 94, 161) and read.values.dtype == np.uint16
    raw = np.fromfile(FORMATS / "volumes/tooth.raw", ">u2")
    assert np.array_equal(read.values.ravel(order="F"), raw) and any("LPS" in note for note in notes)


@pytest.mark.parametrize(("name", "millilitres"), [("Skull", 429.94), ("Brain", 1471.48)])
def test_label_maps(name: str, millilitres: float) -> None:
    labels = read_labels(FORMATS / f"volumes/{name}.nrrd", lambda _: None)
    assert isinstance(labels, Labels) and labels.present == (1,) and labels.orientation == "LPS"
    volume_ml = np.count_nonzero(labels.ids) * labels.voxel_volume / 1000
    assert volume_ml == pytest.approx(millilitres, abs=0.01)


def test_heads() -> None:
    for path in sorted((FORMATS / "head_labels").glob("*.nii.gz"))[:3]:
        labels = read_labels(path, lambda _: None)
        assert labels.orientation == "LIA" and labels.ids.dtype == np.uint16 and 24 in labels.present
        np.testing.assert_allclose(labels.spacing, 1, atol=1e-3)


def test_segmentation_of_the_same_ct(dicom: None) -> None:
    folder = FORMATS.parent / "totalseg_ct"
    ct = read_volume(folder / "dicom", notes=lambda _: None)
    segmentation = read_labels(folder / "example_seg_dicom.nii.gz", lambda _: None)
    corners = np.array(
        [[0, 0, 0, 1], [511, 0, 0, 1], [0, 511, 0, 1], [0, 0, 19, 1], [511, 511, 19, 1]], float
    ).T
    flip = np.array([[1, 0, 0, 0], [0, -1, 0, 511], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    assert np.abs(ct.affine @ corners - segmentation.affine @ flip @ corners).max() < 0.01
    assert ct.unit == "HU" and "spleen" in segmentation.names.values()


def test_every_file_is_read_or_refused_in_a_sentence(dicom: None) -> None:
    for path in sorted(p for p in FORMATS.rglob("*") if p.is_file()):
        try:
            read_volume(Path(path), notes=lambda _: None)
        except InputError as error:
            assert not re.search(r"\n|Traceback|Error\b", str(error)), path
