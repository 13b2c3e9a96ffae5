"""NRRD and MetaImage headers made here: spaces, units, data files, skips, lying sizes; and the writer of NRRD."""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.io.volume.label_maps import read_labels
from lift3d.io.volume.nrrd_writer import write_nrrd
from lift3d.io.volume.reading import read_volume
from lift3d.types.volumes import Labels, Volume

VALUES = np.arange(3 * 4 * 5, dtype="<i2").reshape(3, 4, 5)
RAW = VALUES.tobytes(order="F")
NRRD = {
    "type": "short", "dimension": "3", "space": "left-posterior-superior", "sizes": "3 4 5",
    "space directions": "(1,0,0) (0,2,0) (0.5,0,3)", "endian": "little", "encoding": "raw", "space origin": "(10,20,30)",
}  # fmt: skip
META = {
    "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False", "CompressedData": "False",
    "TransformMatrix": "0 1 0 -1 0 0 0 0 1", "Offset": "1 2 3", "ElementSpacing": "1 2 3", "DimSize": "3 4 5",
    "ElementType": "MET_SHORT",
}  # fmt: skip


def read(path: Path, **options: object) -> tuple[Volume, str]:
    notes: list[str] = []
    return read_volume(path, notes=notes.append, **options), "\n".join(notes)


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    return str(caught.value)


def nrrd(path: Path, data: bytes = RAW, **changes: str | None) -> Path:
    fields = {**NRRD, **{k.replace("_", " "): v for k, v in changes.items()}}
    lines = [f"{k}: {v}" for k, v in fields.items() if v is not None]
    path.write_bytes(("NRRD0004\n# a comment\n" + "\n".join(lines) + "\n").encode() + b"\n" + data)
    return path


def meta(path: Path, data: bytes = RAW, file: str = "LOCAL", **changes: str | None) -> Path:
    lines = [f"{k} = {v}" for k, v in {**META, **changes}.items() if v is not None]
    path.write_bytes(("\n".join([*lines, f"ElementDataFile = {file}"]) + "\n").encode() + data)
    return path


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1)), ("LPS", (-1, -1)), ("RAS", (1, 1)), ("right-anterior-superior", (1, 1)),
        ("left-anterior-superior", (-1, 1)), ("LAS", (-1, 1)),
    ],
)  # fmt: skip
def test_spaces_of_nrrd(space: str, signs: tuple[int, int], tmp_path: Path) -> None:
    volume, _ = read(nrrd(tmp_path / "a.nrrd", space=space))
    assert np.array_equal(volume.values, VALUES)
    x, y = signs
    np.testing.assert_array_equal(
        volume.affine, [[x, 0, 0.5 * x, 10 * x], [0, 2 * y, 0, 20 * y], [0, 0, 3, 30], [0, 0, 0, 1]]
    )


def test_encodings_of_nrrd(tmp_path: Path) -> None:
    for encoding, data in (
        ("gzip", gzip.compress(RAW)), ("gz", zlib.compress(RAW)), ("bzip2", bz2.compress(RAW)), ("bz2", bz2.compress(RAW)),
        ("ascii", " ".join(str(v) for v in VALUES.ravel(order="F")).encode()),
        ("gzip", gzip.compress(RAW[:50]) + gzip.compress(RAW[50:])),
    ):  # fmt: skip
        assert np.array_equal(read(nrrd(tmp_path / "a.nrrd", data, encoding=encoding))[0].values, VALUES), (
            encoding
        )
    big = VALUES.astype(">i2").tobytes(order="F")
    assert np.array_equal(read(nrrd(tmp_path / "a.nrrd", big, endian="big"))[0].values, VALUES)
    assert "hex" in refusal(nrrd(tmp_path / "a.nrrd", encoding="hex"))


def test_data_files_of_nrrd(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "v.raw").write_bytes(b"line one\nline two\n" + b"xyz" + RAW)
    (tmp_path / "sub" / "v.raw").write_bytes(RAW)
    head = tmp_path / "a.nhdr"
    assert np.array_equal(
        read(nrrd(head, b"", data_file="v.raw", line_skip="2", byte_skip="3"))[0].values, VALUES
    )
    assert np.array_equal(read(nrrd(head, b"", data_file="v.raw", byte_skip="-1"))[0].values, VALUES)
    assert np.array_equal(read(nrrd(head, b"", data_file="sub/v.raw"))[0].values, VALUES)
    inner = tmp_path / "sub" / "a.nhdr"
    for outside in ("../v.raw", str(tmp_path / "v.raw"), "sub/../../v.raw", "C:\\v.raw", "..\\v.raw"):
        assert "outside its own folder" in refusal(nrrd(inner, b"", data_file=outside)), outside
    (tmp_path / "sub" / "link.raw").symlink_to(tmp_path / "v.raw")
    assert "outside its own folder" in refusal(nrrd(inner, b"", data_file="link.raw"))
    assert "which is missing" in refusal(nrrd(head, b"", data_file="none.raw"))
    assert "several files" in refusal(nrrd(head, b"", data_file="LIST"))
    assert "several files" in refusal(nrrd(head, b"", data_file="v%03d.raw 1 5 1"))


def test_sizes_of_nrrd_that_lie(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    assert "120 bytes of values wanted, 110 found" in refusal(nrrd(path, RAW[:-10]))
    assert "120 bytes of values, but more follow" in refusal(nrrd(path, RAW + b"\0"))
    assert "120 bytes of values, but more follow" in refusal(
        nrrd(path, gzip.compress(RAW + b"\0"), encoding="gzip")
    )
    assert "wanted" in refusal(nrrd(path, gzip.compress(RAW)[:-20], encoding="gzip"))
    assert "limit" in refusal(nrrd(path, sizes="30000 30000 30000"))
    assert "sizes" in refusal(nrrd(path, sizes="3 4"))
    assert "sizes" in refusal(nrrd(path, sizes="3 4 -5"))
    assert "60 values wanted, 3 found" in refusal(nrrd(path, b"1 2 3", encoding="ascii"))
    assert "no numbers" in refusal(nrrd(path, b"x " * 60, encoding="ascii"))
    assert "too few" in refusal(nrrd(path, sizes="30 2 1"))
    bomb = gzip.compress(bytes(64 << 20))
    assert "more follow" in refusal(nrrd(path, bomb, encoding="gzip"))
    bomb = gzip.compress(bytes(8 << 20))
    assert "more follow" in refusal(nrrd(path, bomb, encoding="gzip", byte_skip="-1"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": None, "space directions": None, "spacings": "1 1 1"}, "neither a unit nor a space"),
        ({"space": None, "space directions": None}, "states no spacing"),
        ({"space": "scanner-xyz"}, "says nothing about the patient"),
        ({"space units": '"mm" "mm" "inch"'}, "unit of length"),
        ({"space directions": "(1,0,0) (2,0,0) (0,0,1)"}, "singular"),
        ({"space directions": "(1,0,0) (0,1,0)"}, "2 space directions for 3 axes"),
        ({"space directions": "(1,0,0) (0,1,nan) (0,0,1)"}, "not three numbers"),
        ({"space directions": "(1,0,0) (0,1,0) __import__"}, "space directions"),
        ({"type": "block"}, "'block'"),
        ({"endian": None}, "little or big endian"),
        ({"encoding": None}, "no 'encoding'"),
        ({"byte skip": "-5"}, "byte skip of -5"),
        ({"byte skip": "x"}, "'byte skip' as 'x'"),
    ],
)
def test_headers_of_nrrd_that_are_refused(changes: dict[str, str | None], words: str, tmp_path: Path) -> None:
    assert words in refusal(nrrd(tmp_path / "a.nrrd", **changes))


def test_units_of_nrrd(tmp_path: Path) -> None:
    volume, _ = read(nrrd(tmp_path / "a.nrrd", space_units='"um" "um" "um"'))
    np.testing.assert_allclose(volume.spacing[:2], [0.001, 0.002])
    np.testing.assert_allclose(volume.affine[:3, 3], [-0.01, -0.02, 0.03])
    plain = {"space": None, "space_directions": None, "space_origin": None, "spacings": "1 1 2"}
    volume, notes = read(nrrd(tmp_path / "a.nrrd", **plain, units='"cm" "cm" "cm"'))
    np.testing.assert_allclose(volume.spacing, [10, 10, 20])
    assert "left and right may be exchanged" in notes
    volume, _ = read(nrrd(tmp_path / "a.nrrd", **plain), spacing=(0.5, 0.5, 1))
    np.testing.assert_allclose(volume.spacing, [0.5, 0.5, 1])
    assert "its own spacing" in refusal(nrrd(tmp_path / "a.nrrd"), spacing=(1, 1, 1))


def test_times_and_vectors_of_nrrd(tmp_path: Path) -> None:
    several = np.stack([VALUES, VALUES + 100])
    fields = {"dimension": "4", "sizes": "2 3 4 5", "space_directions": "none (1,0,0) (0,1,0) (0,0,1)"}
    path = nrrd(tmp_path / "a.nrrd", several.tobytes(order="F"), **fields, kinds="list domain domain domain")
    assert "4-D: it holds 2 volumes" in refusal(path)
    assert np.array_equal(read(path, time=1)[0].values, VALUES + 100)
    assert "colours or vectors" in refusal(
        nrrd(path, several.tobytes(order="F"), **fields, kinds="vector domain domain domain")
    )


def test_written_nrrd_is_read_again(tmp_path: Path) -> None:
    affine = np.array([[-0.5, 0.1, 0, 7], [0, 0.75, 0.2, -8], [0, 0, 2, 9], [0, 0, 0, 1.0]])
    for values in (VALUES, VALUES / np.float32(3)):
        write_nrrd(Volume.of(values, affine), tmp_path / "a.nrrd")
        again, _ = read(tmp_path / "a.nrrd")
        assert np.array_equal(again.values, values) and np.array_equal(again.affine, affine)
    labels = Labels.of((VALUES % 4).astype(np.uint8), affine, {1: "left  lung", 3: "heart\n:=evil"})
    write_nrrd(labels, tmp_path / "b.nrrd")
    first = (tmp_path / "b.nrrd").read_bytes()
    write_nrrd(labels, tmp_path / "b.nrrd")
    assert (tmp_path / "b.nrrd").read_bytes() == first
    again_labels = read_labels(tmp_path / "b.nrrd", lambda _: None)
    assert np.array_equal(again_labels.ids, labels.ids)
    assert dict(again_labels.names) == {1: "left lung", 3: "heart :=evil"}
    with pytest.raises(InputError, match="does not end"):
        write_nrrd(labels, tmp_path / "b.txt")


def test_axes_of_metaimage(tmp_path: Path) -> None:
    volume, _ = read(meta(tmp_path / "a.mha"))
    assert np.array_equal(volume.values, VALUES)
    # axis i along LPS y with 1 mm, j along -x with 2 mm, k along z with 3 mm
    expected = [[0, 2, 0, -1], [-1, 0, 0, -2], [0, 0, 3, 3], [0, 0, 0, 1]]
    np.testing.assert_array_equal(volume.affine, expected)


def test_encodings_of_metaimage(tmp_path: Path) -> None:
    for packed in (zlib.compress(RAW), gzip.compress(RAW)):
        volume, _ = read(meta(tmp_path / "a.mha", packed, CompressedData="True"))
        assert np.array_equal(volume.values, VALUES)
    (tmp_path / "v.zraw").write_bytes(zlib.compress(RAW))
    assert np.array_equal(
        read(meta(tmp_path / "a.mhd", b"", "v.zraw", CompressedData="True"))[0].values, VALUES
    )
    big = VALUES.astype(">i2").tobytes(order="F")
    assert np.array_equal(
        read(meta(tmp_path / "a.mha", big, BinaryDataByteOrderMSB="True"))[0].values, VALUES
    )
    text = " ".join(map(str, VALUES.ravel(order="F"))).encode()
    assert np.array_equal(read(meta(tmp_path / "a.mha", text, BinaryData="False"))[0].values, VALUES)
    (tmp_path / "v.raw").write_bytes(b"12345" + RAW)
    for skip in ("5", "-1"):
        assert np.array_equal(read(meta(tmp_path / "a.mhd", b"", "v.raw", HeaderSize=skip))[0].values, VALUES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ElementSpacing": None}, "states no spacing"),
        ({"ElementSpacing": "1 0 1"}, "spacing of 1 x 0 x 1"),
        ({"ElementSpacing": "1 x 1"}, "not 3 numbers"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "singular"),
        ({"TransformMatrix": "1 0 0"}, "not 9 numbers"),
        ({"DimSize": "3 4"}, "sizes"),
        ({"DimSize": "30000 30000 30000"}, "limit"),
        ({"DimSize": "3 4 6"}, "144 bytes of values wanted, 120 found"),
        ({"DimSize": "3 4 4"}, "96 bytes of values, but more follow"),
        ({"ElementType": "MET_CHAR_ARRAY"}, "MET_CHAR_ARRAY"),
        ({"ElementNumberOfChannels": "3"}, "3 channels"),
        ({"DistanceUnits": "parsec"}, "parsec"),
        ({"CompressedData": "True"}, "cannot be unpacked"),
        ({"HeaderSize": "-2"}, "HeaderSize"),
    ],
)
def test_headers_of_metaimage_that_are_refused(
    changes: dict[str, str | None], words: str, tmp_path: Path
) -> None:
    assert words in refusal(meta(tmp_path / "a.mha", **changes))


def test_metaimage_that_points_elsewhere(tmp_path: Path) -> None:
    for outside in ("/etc/passwd", "../x.raw", "..\\x.raw", "C:/x.raw"):
        assert "outside its own folder" in refusal(meta(tmp_path / "a.mhd", b"", outside))
    assert "several files" in refusal(meta(tmp_path / "a.mhd", b"", "LIST"))
    (tmp_path / "b.mhd").write_bytes(b"ObjectType = Image\nNDims = 3\n")
    assert "no ElementDataFile" in refusal(tmp_path / "b.mhd")


def test_a_folder_with_one_volume(tmp_path: Path) -> None:
    nrrd(tmp_path / "a.nrrd")
    volume, notes = read(tmp_path)
    assert volume.shape == (3, 4, 5) and "the only volume" in notes
    meta(tmp_path / "b.mha")
    assert "holds 2 volumes (a.nrrd, b.mha)" in refusal(tmp_path)
    assert "has no series" in refusal(tmp_path / "a.nrrd", series="1")


def test_label_maps(tmp_path: Path) -> None:
    def labels(values: np.ndarray, code: str, **changes: str) -> Labels:
        path = nrrd(tmp_path / "a.nrrd", values.tobytes(order="F"), type=code, **changes)
        return read_labels(path, lambda _: None)

    assert labels(VALUES, "short").ids.dtype == np.uint8
    assert np.array_equal(labels((VALUES * 100).astype("<f4"), "float").ids, VALUES * 100)
    assert labels((VALUES * 100).astype("<f4"), "float").ids.dtype == np.uint16
    for values, code, words in (
        ((VALUES / 7).astype("<f4"), "float", "decimal values such as 0.7143"),
        (VALUES - 1, "short", "values from -1 to 58"),
        ((VALUES.astype("<i4") + 70000), "int", "values from 70000"),
    ):
        with pytest.raises(InputError, match=words):
            labels(values, code)
