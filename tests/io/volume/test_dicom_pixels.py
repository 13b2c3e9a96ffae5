"""Stored pixels to values: bits, signs, byte orders, slopes, multi-frame groups, DICOMDIR, zip archives."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from volume_files import AXIAL, dicom_series, dicom_slice, picture

pydicom = pytest.importorskip("pydicom", reason="needs the extra medical")

from pydicom.dataset import Dataset
from pydicom.fileset import FileSet

from lift3d.errors import InputError, MissingExtra
from lift3d.io.volume import archive as archives
from lift3d.io.volume.dicom import headers, streams
from lift3d.io.volume.reading import read_volume
from lift3d.types.volumes import Volume


def read(source: Path, **options: object) -> Volume:
    return read_volume(source, notes=options.pop("notes", lambda _: None), **options)


def series(folder: Path, pixels: np.ndarray, **tags: object) -> Path:
    for n in range(3):
        dicom_slice(folder / f"{n}", (0, 0, n), pixels, **tags)
    return folder


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4"])
def test_byte_orders_and_types(syntax: str, dtype: str, tmp_path: Path) -> None:
    pixels = np.array([[0, 1, 2, 3], [100, 101, 127, 120], [7, 5, 3, 1]], dtype)
    if dtype[0] == "i":
        pixels = -pixels
    volume = read(series(tmp_path, pixels, syntax=syntax, RescaleIntercept=5))
    assert np.array_equal(volume.values[..., 1], pixels.T.astype(int) + 5) and volume.values.dtype == np.int16


def test_rle_is_exact(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(-2000, 3000, (16, 12)).astype(np.int16)

    def compress(dataset: Dataset) -> None:
        dataset.compress(pydicom.uid.RLELossless)

    volume = read(series(tmp_path, pixels, change=compress))
    assert np.array_equal(volume.values[..., 2], pixels.T - 1000)


def test_compressed_pixels_that_are_cut_short(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 3000, (16, 12)).astype(np.int16)
    source = series(tmp_path, pixels, change=lambda dataset: dataset.compress(pydicom.uid.RLELossless))
    path, data = source / "1", (source / "1").read_bytes()
    for cut in range(5, 300, 13):
        path.write_bytes(data[:-cut])
        with pytest.raises(InputError, match="cut short"):
            read(source)
    path.write_bytes(data[:-58])
    with pytest.raises(InputError, match=r"cut short: \d+ bytes of compressed pixels wanted, \d+ found"):
        read(source)


@pytest.mark.parametrize(
    "syntax", ["JPEGLosslessProcess14_1", "JPEGLosslessProcess14", "JPEGLSLossless", "JPEG2000Lossless"]
)
@pytest.mark.parametrize(("dtype", "bits"), [("u2", 10), ("u2", 16), ("i2", 12), ("i2", 16), ("u1", 8)])
def test_lossless_codecs_are_exact(syntax: str, dtype: str, bits: int, tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm", reason="needs the extra medical")
    ends = (-(1 << bits - 1), 1 << bits - 1) if dtype[0] == "i" else (0, 1 << bits)
    pixels = np.random.default_rng(bits).integers(*ends, (37, 41)).astype(dtype)
    pixels[:10] = pixels[0]
    for path in sorted(
        series(tmp_path, pixels, BitsStored=bits, HighBit=bits - 1, RescaleIntercept=0).iterdir()
    ):
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
        change.SetInput(reader.GetImage())
        if not change.Change():
            pytest.skip("the library does not write this combination")
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
    assert np.array_equal(read(tmp_path).values[..., 1], pixels.T)


def test_errors_of_the_decoder_are_heard(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="a.dcm has damaged pixels"), streams.watched("a.dcm"):
        os.write(2, b"Corrupt JPEG data: premature end of data segment\n")
    with streams.watched("a.dcm"):
        os.write(2, b"something else\n")
    assert capfd.readouterr().err == "something else\n"


def test_streams_that_contradict_their_header() -> None:
    frame = b"\xff\xd8\xff\xc3\x00\x0b\x0c\x00\x05\x00\x04\x01\x01\x11\x00" + bytes(4) + b"\xff\xd9\0"
    streams.check(frame, False, (16, 5, 4), "a")
    for data, expected, words in (
        (frame, (16, 5, 5), "pixels of 4 x 5, another size"),
        (frame, (8, 5, 4), "12 bits, more than"),
        (frame[:-3], (16, 5, 4), "cut short"),
        (b"\xff\xd8" + bytes(40), (16, 5, 4), "without a header"),
    ):
        with pytest.raises(InputError, match=words):
            streams.check(data, False, expected, "a")


def test_bits_above_those_stored_are_overlays(tmp_path: Path) -> None:
    stored = np.array([[5, 4095, 2048], [0, 1, 2047], [3, 3, 3]], np.uint16)
    with_overlay = stored | np.array(0xA000, np.uint16)
    bits = {"BitsStored": 12, "HighBit": 11, "RescaleIntercept": 0}
    unsigned = read(series(tmp_path / "u", with_overlay, **bits)).values[..., 0].T
    assert np.array_equal(unsigned, stored)
    signed = read(series(tmp_path / "s", with_overlay, PixelRepresentation=1, **bits)).values[..., 0].T
    assert np.array_equal(signed, [[5, -1, -2048], [0, 1, 2047], [3, 3, 3]])
    high = (
        read(series(tmp_path / "h", stored << 4, BitsStored=12, HighBit=15, RescaleIntercept=0))
        .values[..., 0]
        .T
    )
    assert np.array_equal(high, stored)


def test_values_that_do_not_fit_16_bits_are_widened(tmp_path: Path) -> None:
    pixels = np.array([[0, 65535, 1], [2, 3, 4], [5, 6, 7]], np.uint16)
    values = read(series(tmp_path, pixels)).values
    assert values.dtype == np.int32 and values.min() == -1000 and values.max() == 64535


def test_each_slice_has_its_own_slope(tmp_path: Path) -> None:
    for n, slope in enumerate((1, 2, 0.5)):
        dicom_slice(tmp_path / f"{n}", (0, 0, n), picture(5, 4, 0), RescaleSlope=slope, RescaleIntercept=n)
    values = read(tmp_path).values
    assert values.dtype == np.float32
    for n, slope in enumerate((1, 2, 0.5)):
        np.testing.assert_allclose(values[..., n].T, picture(5, 4, 0) * slope + n)


def test_slopes_beyond_numbers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a number"):
        read(dicom_series(tmp_path, [0, 1, 2], RescaleSlope="1e300"))


def enhanced(path: Path, positions: list[float], *, shared: bool, edit: object = None) -> Path:
    """One file of several frames, each with its own position and slope."""
    frames = np.stack([picture(5, 4, n) for n in range(len(positions))])

    def groups(dataset: Dataset) -> None:
        dataset.NumberOfFrames = len(positions)
        dataset.PerFrameFunctionalGroupsSequence = []
        common = Dataset()
        measures, orientation = Dataset(), Dataset()
        measures.PixelSpacing, orientation.ImageOrientationPatient = [0.8, 0.7], list(AXIAL)
        common.PixelMeasuresSequence, common.PlaneOrientationSequence = [measures], [orientation]
        dataset.SharedFunctionalGroupsSequence = [common] if shared else []
        for n, z in enumerate(positions):
            frame, place, value, content = Dataset(), Dataset(), Dataset(), Dataset()
            place.ImagePositionPatient = [0, 0, z]
            value.RescaleSlope, value.RescaleIntercept = 1, n
            content.TemporalPositionIndex = 1 + positions[:n].count(z)
            frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [value]
            frame.FrameContentSequence = [content]
            if not shared:
                frame.PixelMeasuresSequence, frame.PlaneOrientationSequence = [measures], [orientation]
            dataset.PerFrameFunctionalGroupsSequence.append(frame)
        dataset.PixelData = frames.astype("<i2").tobytes()
        if edit is not None:
            edit(dataset)

    none = dict.fromkeys(
        (
            "ImagePositionPatient",
            "ImageOrientationPatient",
            "PixelSpacing",
            "RescaleSlope",
            "RescaleIntercept",
        )
    )
    return dicom_slice(
        path, (0, 0, 0), frames[0], change=groups, sop_class="1.2.840.10008.5.1.4.1.1.2.1", **none
    )


@pytest.mark.parametrize("shared", [True, False])
def test_frames_are_placed_by_their_groups(shared: bool, tmp_path: Path) -> None:
    volume = read(enhanced(tmp_path / "one", [6, 2, 4], shared=shared))
    np.testing.assert_allclose(
        volume.affine, [[-0.7, 0, 0, 0], [0, -0.8, 0, 0], [0, 0, 2, 2], [0, 0, 0, 1]], atol=1e-12
    )
    for k, n in enumerate((1, 2, 0)):
        np.testing.assert_allclose(volume.values[..., k].T, picture(5, 4, n) + n)
    assert volume.unit == "HU"


def test_frames_of_several_times(tmp_path: Path) -> None:
    path = enhanced(tmp_path / "one", [0, 2, 4, 0, 2, 4], shared=True)
    with pytest.raises(InputError, match=r"differ by time \(0: 1, 1: 2\)"):
        read(path)
    assert read(path, time=1).values[0, 0, 0] == 300 + 3


def test_frames_that_contradict_their_number(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.NumberOfFrames = 2

    with pytest.raises(InputError, match="states 2 frames, but describes 4"):
        read(enhanced(tmp_path / "one", [0, 1, 2, 3], shared=True, edit=edit))


def test_without_preamble(tmp_path: Path) -> None:
    for path in dicom_series(tmp_path, [0, 1, 2]).iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[:2] == b"\x08\x00"
    assert read(tmp_path).shape == (4, 5, 3)


def test_dicomdir(tmp_path: Path) -> None:
    source = dicom_series(tmp_path / "source", [0, 2, 4], PatientID="1", StudyInstanceUID="1.9", StudyID="1", AccessionNumber="",
                          StudyDate="20200101", StudyTime="120000", PatientName="A")  # fmt: skip
    files = FileSet()
    for path in source.iterdir():
        files.add(path)
    disc = tmp_path / "disc"
    files.write(disc)
    for place in (disc, disc / "DICOMDIR"):
        volume = read(place)
        assert volume.shape == (4, 5, 3) and volume.spacing[2] == 2
    victim = next(p for p in disc.rglob("*") if p.is_file() and p.name != "DICOMDIR")
    victim.rename(victim.with_name(victim.name + "x"))
    with pytest.raises(InputError, match="lists 1 files that are missing"):
        read(disc / "DICOMDIR")


def test_dicomdir_that_points_outside(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        record = Dataset()
        record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", ["..", "..", "etc", "passwd"]
        dataset.DirectoryRecordSequence = [record]

    path = dicom_slice(
        tmp_path / "DICOMDIR", (0, 0, 0), picture(3, 3, 0), sop_class="1.2.840.10008.1.3.10", change=edit
    )
    with pytest.raises(InputError, match="outside its own folder"):
        read(path)


def test_zip_archive(tmp_path: Path) -> None:
    source = dicom_series(tmp_path / "source", [0, 2, 4])
    with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
        for path in source.iterdir():
            archive.write(path, f"deep/er/{path.name}")
    volume = read(tmp_path / "scan.zip")
    assert np.array_equal(volume.values, read(source).values) and volume.source == "scan.zip"


def test_zip_archives_that_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 1 << 20)
    for name in ("../evil", "/etc/evil", "a/../../evil", "C:\\evil"):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
            archive.writestr(name, b"x")
        with pytest.raises(InputError, match="outside the archive"):
            read(tmp_path / "bad.zip")
    with (
        zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a", "w") as file,
    ):
        for _ in range(8):
            file.write(bytes(1 << 20))
    with pytest.raises(InputError, match="zip bomb"):
        read(tmp_path / "bomb.zip")
    (tmp_path / "cut.zip").write_bytes((tmp_path / "bomb.zip").read_bytes()[:1000])
    with pytest.raises(InputError, match="cut short or not a zip"):
        read(tmp_path / "cut.zip")
    assert not list(tmp_path.glob("evil*")) and not (tmp_path.parent / "evil").exists()


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dicom_series(tmp_path, [0, 1, 2])
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(MissingExtra, match=r"reading DICOM needs .*lift3d\[medical\]"):
        headers.library()
    with pytest.raises(MissingExtra):
        read(tmp_path)


def test_broken_bytes_in_a_header_are_refused(tmp_path: Path) -> None:
    path = sorted(dicom_series(tmp_path, [0, 1, 2]).iterdir())[0]
    data, random = path.read_bytes(), np.random.default_rng(1)
    for _ in range(60):
        broken = bytearray(data)
        for at in random.integers(132, len(data), 6):
            broken[at] = random.integers(256)
        path.write_bytes(broken)
        try:
            read(tmp_path)
        except InputError as error:
            assert "\n" not in str(error)
