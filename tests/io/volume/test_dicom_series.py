"""DICOM series made here: order, spacing, tilt, gaps, repeats, several series, and objects that are no slices."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from volume_files import CT, MR, dicom_series, dicom_slice, picture

pytest.importorskip("pydicom", reason="needs the extra medical")

from lift3d.errors import InputError
from lift3d.io.volume.reading import list_series, read_volume
from lift3d.types.volumes import Volume


def read(source: Path, **options: object) -> tuple[Volume, str]:
    notes: list[str] = []
    volume = read_volume(source, notes=notes.append, **options)
    return volume, "\n".join(notes)


def refusal(source: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read(source, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def stacked(count: int) -> np.ndarray:
    """The values of `dicom_series`: axes (column, row, slice)."""
    return np.stack([picture(5, 4, n).T for n in range(count)], axis=-1) - 1000


def test_order_and_spacing_come_from_positions_alone(tmp_path: Path) -> None:
    dicom_series(tmp_path, [3, 5, 7, 9, 11])
    volume, _ = read(tmp_path)
    assert np.array_equal(volume.values, stacked(5)) and volume.values.dtype == np.int16
    assert volume.unit == "HU"
    expected = [[-0.7, 0, 0, 10], [0, -0.8, 0, 20], [0, 0, 2, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(volume.affine, expected, atol=1e-12)


def test_descending_heights_give_the_same_volume(tmp_path: Path) -> None:
    up, down = dicom_series(tmp_path / "up", [0, 1, 2]), tmp_path / "down"
    for n, z in enumerate([2, 1, 0]):
        dicom_slice(down / f"{n}", (-10, -20, z), picture(5, 4, z), InstanceNumber=n)
    a, b = read(up)[0], read(down)[0]
    assert np.array_equal(a.values, b.values) and np.array_equal(a.affine, b.affine)


def test_tilt_is_a_shear_and_nothing_is_resampled(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 3, 6, 9], lean=0.25)
    volume, notes = read(tmp_path)
    assert np.array_equal(volume.values, stacked(4)) and volume.is_sheared
    np.testing.assert_allclose(volume.affine[:3, 2], [0, -0.75, 3], atol=1e-9)
    assert volume.plane_distances[2] == pytest.approx(3) and "tilted by 14.0 degrees" in notes


def test_rows_and_columns_have_their_own_spacing(tmp_path: Path) -> None:
    cosines = (0, 1, 0, 0, 0, -1)  # sagittal
    for n in range(3):
        dicom_slice(
            tmp_path / f"{n}", (n * 2.5, 1, 2), picture(5, 4, n), cosines=cosines, spacing=(0.5, 0.25)
        )
    volume, _ = read(tmp_path)
    assert volume.shape == (4, 5, 3)
    np.testing.assert_allclose(volume.spacing, [0.25, 0.5, 2.5])
    assert (
        volume.orientation == "PIR" and volume.values[0, 0, 0] == 200 - 1000
    )  # along the normal, to the right


def test_missing_slice_is_named(tmp_path: Path) -> None:
    dicom_series(tmp_path, [18.1, 23.1, 33.1, 38.1])
    assert refusal(tmp_path) == (
        "a slice is missing between z = 23.1 and 33.1 mm (10 mm, elsewhere 5): give the whole series, or --close-gap."
    )


def test_closed_gap_is_linear_between_its_neighbours(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 5, 20, 25])
    assert "2 slices are missing between z = 5 and 20 mm (15 mm, elsewhere 5)" in refusal(tmp_path)
    volume, notes = read(tmp_path, close_gap=True)
    assert volume.shape == (4, 5, 6) and "interpolated linearly" in notes
    one, two = stacked(4)[..., 1].astype(float), stacked(4)[..., 2].astype(float)
    for k, weight in ((1, 0), (2, 1 / 3), (3, 2 / 3), (4, 1)):
        assert np.abs(volume.values[..., k] - (one + (two - one) * weight)).max() <= 0.5
    assert np.array_equal(volume.values[..., [0, 5]], stacked(4)[..., [0, 3]])


def test_two_gaps(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2, 4, 5, 8, 9, 10])
    text = refusal(tmp_path)
    assert "3 slices are missing between z = 5 and 8 mm (3 mm, elsewhere 1), and elsewhere" in text


def test_uneven_slices(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 5, 9.4, 15])
    text = refusal(tmp_path)
    assert "uneven slices: steps from 4.4 to 5.6 mm, the widest between z = 9.4 and 15 mm" in text
    volume, notes = read(tmp_path, close_gap=True)
    assert volume.shape == (4, 5, 4) and "uneven" in notes
    np.testing.assert_allclose(volume.spacing[2], 5)
    values = stacked(4).astype(float)
    expected = values[..., 2] + (values[..., 3] - values[..., 2]) * (0.6 / 5.6)
    assert np.abs(volume.values[..., 2] - expected).max() <= 0.5


def test_a_jitter_above_a_hundredth_of_a_millimetre_is_uneven(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 5.02, 10, 15])
    assert "uneven" in refusal(tmp_path)
    dicom_series(tmp_path / "fine", [0, 5.004, 10, 15])
    read(tmp_path / "fine")


def test_positions_with_few_decimals_are_rounded_not_uneven(tmp_path: Path) -> None:
    for n in range(9):

        def shorten(dataset, n=n) -> None:  # type: ignore[no-untyped-def]
            dataset.ImagePositionPatient = ["-10.0", "-20.0", f"{n * 0.75:.1f}"]

        dicom_slice(tmp_path / f"{n}", (0, 0, 0), picture(5, 4, n), change=shorten)
    volume, notes = read(tmp_path)
    assert volume.spacing[2] == pytest.approx(0.75) and "few decimals" in notes


def test_slices_shifted_sideways(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2, 3])
    dicom_slice(tmp_path / "late", (-10, -15, 4), picture(5, 4, 4))
    assert "do not lie behind each other on a straight line" in refusal(tmp_path)


def test_several_pictures_at_each_place(tmp_path: Path) -> None:
    for echo in (30.0, 5.5):
        for n in range(3):
            dicom_slice(
                tmp_path / f"{echo}-{n}", (0, 0, n * 4), picture(5, 4, n) + int(echo), EchoTime=echo, Modality="MR",
                sop_class=MR, RescaleIntercept=0, InstanceNumber=n,
            )  # fmt: skip
    text = refusal(tmp_path)
    assert (
        "2 pictures at each place, which differ by echo time (0: 5.5, 1: 30)" in text
        and "--time 0 to 1" in text
    )
    for time, echo in ((0, 5), (1, 30)):
        volume, notes = read(tmp_path, time=time)
        assert volume.values[0, 0, 0] == echo and volume.shape == (4, 5, 3) and f"time {time}" in notes
    assert "no time 2" in refusal(tmp_path, time=2)


def test_repeats_are_told_apart_by_two_attributes_together(tmp_path: Path) -> None:
    for echo in (1, 2):
        for b in (0, 1000):
            for n in range(3):
                dicom_slice(
                    tmp_path / f"{echo}-{b}-{n}", (0, 0, n), picture(5, 4, n) + echo + b, EchoTime=echo, DiffusionBValue=float(b),
                    InstanceNumber=1,
                )  # fmt: skip
    assert "differ by echo time and b-value" in refusal(tmp_path)
    values = [int(read(tmp_path, time=t)[0].values[0, 0, 0]) + 1000 for t in range(4)]
    assert values == [1, 1001, 2, 1002]


def test_repeats_without_a_difference(tmp_path: Path) -> None:
    for twice in range(2):
        dicom_series(tmp_path / str(twice), [0, 1, 2], Laterality="L" if twice else "R", InstanceNumber=4)
    assert "nothing in them says which belong together" in refusal(tmp_path)


def test_copies_of_files_are_left_out(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2, 3])
    for path in sorted(tmp_path.iterdir())[:2]:
        shutil.copy(path, tmp_path / f"copy of {path.name}")
    volume, notes = read(tmp_path)
    assert volume.shape == (4, 5, 4) and "2 pictures are in files that are copies" in notes


def test_one_place_with_an_extra_picture(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2, 3])
    dicom_slice(tmp_path / "extra", (-10, -20, 2), picture(5, 4, 9))
    assert "2 pictures at 2 mm along its normal and 1 elsewhere" in refusal(tmp_path)


def test_scouts_captures_and_other_files_are_left_out_and_named(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2])
    dicom_slice(
        tmp_path / "scout", (0, 0, 0), picture(9, 9, 0), cosines=(0, 1, 0, 0, 0, -1), SeriesNumber=1,
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )  # fmt: skip
    dicom_slice(
        tmp_path / "capture", (0, 0, 0), picture(9, 9, 0), sop_class="1.2.840.10008.5.1.4.1.1.7",
        ImagePositionPatient=None, ImageOrientationPatient=None, PixelSpacing=None,
    )  # fmt: skip
    (tmp_path / "readme.txt").write_text("hello")
    volume, notes = read(tmp_path)
    assert volume.shape == (4, 5, 3)
    assert "left out scout: a scout" in notes and "left out capture: a screen capture" in notes
    assert "left out 1 files that are not DICOM" in notes


def test_a_single_picture_of_another_orientation_is_left_out_and_named(tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2])
    dicom_slice(tmp_path / "other", (0, 0, 0), picture(5, 4, 0), cosines=(0, 1, 0, 0, 0, -1))
    volume, notes = read(tmp_path)
    assert volume.shape == (4, 5, 3) and "fewer than 3 parallel slices: 7.2" in notes


def test_several_series_are_listed_and_chosen(tmp_path: Path) -> None:
    dicom_series(tmp_path / "a", [0, 1, 2], SeriesNumber=2, SeriesInstanceUID="1.2")
    dicom_series(
        tmp_path / "b",
        [0, 2, 4, 6],
        SeriesNumber=3,
        SeriesInstanceUID="1.3",
        SeriesDescription="evil\x1b[31m",
    )
    text = refusal(tmp_path)
    assert "2 series or orientations: choose one with --series (3: CT" in text and "\x1b" not in text
    assert [s.name for s in list_series(tmp_path)] == ["3", "2"]
    assert read(tmp_path, series="2")[0].shape[2] == 3 and read(tmp_path, series="1.3")[0].shape[2] == 4
    assert "no series '9'" in refusal(tmp_path, series="9")


def test_pictures_of_one_place_are_no_rival_of_a_series(tmp_path: Path) -> None:
    dicom_series(tmp_path / "a", [0, 1, 2])
    dicom_series(tmp_path / "bolus", [5, 5, 5, 5, 5], SeriesNumber=9, SeriesInstanceUID="1.9")
    volume, notes = read(tmp_path)
    assert volume.shape == (4, 5, 3) and "9: CT" in notes and "5 pictures at 1 place of" in notes
    assert "too few slices" in refusal(tmp_path / "bolus")


def test_two_orientations_in_one_series_are_listed_and_chosen(tmp_path: Path) -> None:
    dicom_series(tmp_path / "a", [0, 1, 2, 3])
    for n in range(3):
        dicom_slice(tmp_path / f"sag{n}", (n, 0, 0), picture(5, 4, n), cosines=(0, 1, 0, 0, 0, -1))
    text = refusal(tmp_path)
    assert "7.1: CT" in text and "7.2: CT" in text
    assert read(tmp_path, series="7.2")[0].orientation == "PIR"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Modality": "RTDOSE", "sop_class": "1.2.840.10008.5.1.4.1.1.481.2"}, "RTDOSE"),
        ({"Modality": "SR", "sop_class": "1.2.840.10008.5.1.4.1.1.88.33"}, "structured report"),
        ({"PhotometricInterpretation": "RGB"}, "colour picture"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour picture"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "mosaic"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "scout"),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.1"}, "X-ray"),
        ({"PixelSpacing": None}, "without position, orientation or pixel spacing"),
        ({"PixelSpacing": [0, 1]}, "pixel spacing of 0 x 1 mm"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "not perpendicular"),
        ({"NumberOfFrames": 2}, "without a position for each frame"),
        ({"Rows": 30000, "Columns": 30000}, "30000 x 30000 pixels"),
        ({"RescaleSlope": 0}, "slope of 0"),
        ({"BitsAllocated": 12, "BitsStored": 12, "HighBit": 11}, "12 of 12 bits"),
        ({"Rows": 50}, "400 bytes of pixels wanted, 40 found"),
    ],
)  # fmt: skip
def test_refused(tags: dict[str, object], words: str, tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2], **tags)
    assert words in refusal(tmp_path)


@pytest.mark.parametrize(
    ("uid", "words"),
    [
        ("1.2.840.10008.1.2.4.51", "12-bit lossy JPEG Extended"),
        ("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
        ("1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.8.1"),
        ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.201"),
        ("1.2.840.10008.1.2.4.100", "MPEG2"),
    ],
)
def test_a_transfer_syntax_that_is_not_read_is_named(uid: str, words: str, tmp_path: Path) -> None:
    dicom_series(tmp_path, [0, 1, 2])
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        at = data.index(b"1.2.840.10008.1.2.1\0")
        padded = uid.encode() + b"\0" * (len(uid) % 2)
        data = data[: at - 2] + len(padded).to_bytes(2, "little") + padded + data[at + 20 :]
        length = int.from_bytes(data[140:144], "little") + len(padded) - 20
        path.write_bytes(data[:140] + length.to_bytes(4, "little") + data[144:])
    text = refusal(tmp_path)
    assert words in text and "not read" in text


def test_truncated_files(tmp_path: Path) -> None:
    path = sorted(dicom_series(tmp_path, [0, 1, 2]).iterdir())[1]
    data = path.read_bytes()
    for cut, words in ((30, "40 bytes of pixels wanted, 10 found"), (60, "cut short"), (len(data) - 200, "")):
        path.write_bytes(data[:-cut])
        assert words in refusal(tmp_path)


def test_unit_is_hounsfield_only_for_a_rescaled_ct(tmp_path: Path) -> None:
    for name, tags, unit in (
        ("a", {}, "HU"),
        ("b", {"RescaleType": "HU"}, "HU"),
        ("c", {"RescaleType": "US"}, None),
        ("d", {"RescaleSlope": None, "RescaleIntercept": None}, None),
        ("e", {"Modality": "MR", "sop_class": MR}, None),
    ):
        assert (
            read(dicom_series(tmp_path / name, [0, 1, 2], sop_class=tags.pop("sop_class", CT), **tags))[
                0
            ].unit
            == unit
        )


def test_empty_and_unreadable_folders(tmp_path: Path) -> None:
    assert "is empty" in refusal(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.bin").write_bytes(bytes(500))
    assert "holds 2 files, none of which is a volume: give a DICOM series" in refusal(tmp_path)
    assert "does not exist" in refusal(tmp_path / "nowhere")
    assert "not a volume" in refusal(tmp_path / "a.txt")
    (tmp_path / "p.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(50))
    assert "is a picture" in refusal(tmp_path / "p.jpg")
