"""NIfTI headers made here: both versions and byte orders, scaling, forms, units, times, lying sizes; and the writer."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from volume_files import nifti_bytes

from lift3d.errors import InputError
from lift3d.io.volume.nifti_writer import write_nifti
from lift3d.io.volume.reading import read_volume
from lift3d.types.volumes import Labels, Volume

VALUES = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
AFFINE = np.array([[-0.5, 0.1, 0, 7], [0, 0.75, 0.2, -8], [0, 0, 2, 9], [0, 0, 0, 1.0]])


def read(tmp_path: Path, data: bytes, name: str = "a.nii", **options: object) -> tuple[Volume, str]:
    notes: list[str] = []
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return read_volume(tmp_path / name, notes=notes.append, **options), "\n".join(notes)


def refusal(tmp_path: Path, data: bytes, name: str = "a.nii", **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read(tmp_path, data, name, **options)
    return str(caught.value)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "without_ending"])
def test_versions_and_byte_orders(version: int, order: str, name: str, tmp_path: Path) -> None:
    volume, notes = read(tmp_path, nifti_bytes(VALUES, affine=AFFINE, order=order, version=version), name)
    assert np.array_equal(volume.values, VALUES) and volume.values.dtype == np.int16 and volume.unit is None
    np.testing.assert_allclose(volume.affine, AFFINE, rtol=1e-7)
    assert "sform was used (scanner)" in notes


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"])
def test_types_of_values(dtype: str, tmp_path: Path) -> None:
    values = (VALUES % 100).astype(dtype)
    volume, _ = read(tmp_path, nifti_bytes(values))
    assert np.array_equal(volume.values, values)
    assert volume.values.dtype == {"f8": np.float32, "i8": np.int32, "u4": np.int32}.get(
        dtype, np.dtype(dtype)
    )


def test_scaling(tmp_path: Path) -> None:
    whole, _ = read(tmp_path, nifti_bytes(VALUES, scaling=(2, -1024)))
    assert whole.values.dtype == np.int16 and np.array_equal(whole.values, VALUES * 2 - 1024)
    decimal, _ = read(tmp_path, nifti_bytes(VALUES, scaling=(0.5, 1)))
    assert decimal.values.dtype == np.float32 and np.array_equal(decimal.values, VALUES * 0.5 + 1)
    for slope in (0, float("nan"), float("inf")):
        assert np.array_equal(read(tmp_path, nifti_bytes(VALUES, scaling=(slope, 5)))[0].values, VALUES)
    assert "intercept" in refusal(tmp_path, nifti_bytes(VALUES, scaling=(2, float("nan"))))
    assert "not a number" in refusal(tmp_path, nifti_bytes(VALUES, scaling=(3e38, 0)))


@pytest.mark.parametrize(("handed", "signs"), [(1, (1, -1, -1)), (-1, (1, -1, 1))])
def test_qform(handed: int, signs: tuple[int, ...], tmp_path: Path) -> None:
    data = nifti_bytes(VALUES, codes=(1, 0), quaternion=(1, 0, 0, 10, 20, 30), pixdim=(handed, 2, 3, 4))
    volume, notes = read(tmp_path, data)
    expected = np.diag([*np.array([2, 3, 4]) * signs, 1.0])
    expected[:3, 3] = 10, 20, 30
    np.testing.assert_allclose(volume.affine, expected, atol=1e-6)
    assert "qform was used (scanner)" in notes


def test_forms_that_differ_are_measured(tmp_path: Path) -> None:
    affine = np.diag([1, 1, 1, 1.0])
    affine[0, 3] = 2.5
    volume, notes = read(tmp_path, nifti_bytes(VALUES, affine=affine, codes=(1, 2)))
    assert "sform was used (aligned), qform lies up to 2.5 mm from it" in notes
    np.testing.assert_allclose(volume.affine, affine)


def test_stated_voxel_size_that_contradicts_the_sform(tmp_path: Path) -> None:
    _, notes = read(tmp_path, nifti_bytes(VALUES, pixdim=(1, 1, 1, 5)))
    assert "1 x 1 x 5 mm differs from that of the sform, 1 x 1 x 1 mm" in notes


@pytest.mark.parametrize(("units", "scale"), [(1, 1000), (2, 1), (3, 0.001), (0, 1), (10, 1)])
def test_units(units: int, scale: float, tmp_path: Path) -> None:
    volume, notes = read(tmp_path, nifti_bytes(VALUES, units=units, affine=np.diag([2, 2, 2, 1.0])))
    np.testing.assert_allclose(volume.spacing, 2 * scale)
    assert ("states no unit of length" in notes) == (units == 0)


def test_no_form_needs_a_spacing(tmp_path: Path) -> None:
    data = nifti_bytes(VALUES, codes=(0, 0))
    assert "neither sform nor qform" in refusal(tmp_path, data)
    volume, notes = read(tmp_path, data, spacing=(1, 2, 3))
    np.testing.assert_array_equal(volume.affine, np.diag([1, 2, 3, 1]))
    assert "left and right may be exchanged" in notes
    assert "states its own spacing" in refusal(tmp_path, nifti_bytes(VALUES), spacing=(1, 1, 1))


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([1, 1, 0, 1.0]),
        np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
        np.full((4, 4), np.nan),
    ],
)
def test_singular_affine(affine: np.ndarray, tmp_path: Path) -> None:
    assert "sform of a.nii is singular" in refusal(tmp_path, nifti_bytes(VALUES, affine=affine))


def test_four_dimensions(tmp_path: Path) -> None:
    values = np.stack([VALUES, VALUES + 1, VALUES + 2], axis=-1)
    for name in ("a.nii", "a.nii.gz"):
        text = refusal(tmp_path, nifti_bytes(values), name)
        assert "is 4-D: it holds 3 volumes: choose one with --time 0 to 2" in text
        for time in range(3):
            assert np.array_equal(
                read(tmp_path, nifti_bytes(values), name, time=time)[0].values, VALUES + time
            )
    assert "no time 3" in refusal(tmp_path, nifti_bytes(values), time=3)
    assert "5 dimensions" in refusal(tmp_path, nifti_bytes(np.stack([values, values], axis=-1)))
    assert read(tmp_path, nifti_bytes(VALUES, dims=(4, 5, 6, 1, 1)))[0].shape == (4, 5, 6)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_sizes_that_lie(name: str, tmp_path: Path) -> None:
    assert "240 bytes of values, but more follow" in refusal(tmp_path, nifti_bytes(VALUES) + b"\0", name)
    text = refusal(tmp_path, nifti_bytes(VALUES)[:-7], name)
    assert "240 bytes of values wanted, 233 found" in text
    assert "million voxels" not in text and "limit" in refusal(
        tmp_path, nifti_bytes(VALUES, dims=(30000, 30000, 3)), name
    )
    assert "cut short" in refusal(tmp_path, nifti_bytes(VALUES, dims=(1000, 1000, 1000)), name)
    assert "axes" in refusal(tmp_path, nifti_bytes(VALUES, dims=(4, -5, 6)), name)
    assert "too few" in refusal(tmp_path, nifti_bytes(VALUES[:2]), name)


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = bytearray(
        gzip.compress(nifti_bytes(np.random.default_rng(0).integers(0, 999, (9, 9, 9)).astype(np.int16)))
    )
    (tmp_path / "a.nii.gz").write_bytes(packed[:-400])
    with pytest.raises(InputError, match="1458 bytes of values wanted"):
        read_volume(tmp_path / "a.nii.gz", notes=print)
    packed[-6] ^= 1  # the checksum
    (tmp_path / "a.nii.gz").write_bytes(packed)
    with pytest.raises(InputError, match="damaged"):
        read_volume(tmp_path / "a.nii.gz", notes=print)


def test_values_that_are_no_numbers(tmp_path: Path) -> None:
    values = VALUES.astype(np.float32)
    values[1, 2, 3], values[0, 0, 0] = np.nan, np.inf
    assert "2 voxels of 120 that are not a number" in refusal(tmp_path, nifti_bytes(values))


def test_types_that_are_refused(tmp_path: Path) -> None:
    for code, words in ((128, "colours"), (32, "complex"), (7, "unknown type 7")):
        data = bytearray(nifti_bytes(VALUES))
        struct.pack_into("<h", data, 70, code)
        assert words in refusal(tmp_path, bytes(data))
    data = bytearray(nifti_bytes(VALUES))
    data[344:348] = b"ni1\0"
    assert "pair" in refusal(tmp_path, bytes(data))
    struct.pack_into("<f", data, 108, 100.5)
    data[344:348] = b"n+1\0"
    assert "begin at byte 100.5" in refusal(tmp_path, bytes(data))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    "volume",
    [
        Volume.of(VALUES, AFFINE), Volume.of(VALUES.astype(np.float32) / 3, AFFINE),
        Volume.of(np.asfortranarray(VALUES).astype(np.uint8), np.diag([-1, 2, 3, 1.0])),
        Labels.of((VALUES % 5).astype(np.uint16), AFFINE), Labels.of((VALUES * 9).astype(np.uint32), np.diag([-1, -2, 3, 1.0])),
    ],
)  # fmt: skip
def test_written_volumes_are_read_again(volume: Volume | Labels, name: str, tmp_path: Path) -> None:
    write_nifti(volume, tmp_path / name)
    again = read_volume(tmp_path / name, notes=lambda _: None)
    values = volume.ids if isinstance(volume, Labels) else volume.values
    assert np.array_equal(again.values, values)
    np.testing.assert_allclose(again.affine, volume.affine, rtol=1e-6, atol=1e-6)
    first = (tmp_path / name).read_bytes()
    write_nifti(volume, tmp_path / name)
    assert (tmp_path / name).read_bytes() == first
    if isinstance(volume, Labels):
        assert again.values.dtype == (np.uint8 if values.max() < 256 else np.uint16)


def test_written_qform_and_sform_agree(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for n in range(30):
        turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
        if n < 8:  # half turns and quarter turns
            turn = np.diag([(-1) ** (n & 1), (-1) ** (n >> 1 & 1), (-1.0) ** (n >> 2)])[
                [n % 3, (n + 1) % 3, (n + 2) % 3]
            ]
        affine = np.eye(4)
        affine[:3, :3] = turn * random.uniform(0.3, 4, 3)
        affine[:3, 3] = random.uniform(-200, 200, 3)
        write_nifti(Volume.of(VALUES, affine), tmp_path / "a.nii")
        notes: list[str] = []
        read_volume(tmp_path / "a.nii", notes=notes.append)
        assert notes == ["sform was used (scanner)"], (n, notes)
        data = bytearray((tmp_path / "a.nii").read_bytes())
        struct.pack_into("<h", data, 254, 0)
        (tmp_path / "q.nii").write_bytes(data)
        again = read_volume(tmp_path / "q.nii", notes=notes.append)
        np.testing.assert_allclose(again.affine, affine, atol=1e-4)


def test_writer_refuses(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not end in"):
        write_nifti(Volume.of(VALUES, AFFINE), tmp_path / "a.img")
    with pytest.raises(InputError, match="above 65535"):
        write_nifti(Labels.of(VALUES.astype(np.uint32) + 70000, AFFINE), tmp_path / "a.nii")
    assert not list(tmp_path.iterdir())
