"""Height maps of every format: order, holes, background, distances; hostile and useless files."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.height.height_map import height_field, read_height_map

RAMP = np.tile(np.linspace(1, 4, 100), (80, 1))


def save(path: Path, values: np.ndarray) -> Path:
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        Pil.fromarray(values).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a.png", (RAMP * 60).astype(np.uint8)),
        ("b.png", (RAMP * 16000).astype(np.uint16)),
        ("c.tif", RAMP.astype(np.float32)),
        ("d.tif", (RAMP * 16000).astype(np.uint16)),
        ("e.npy", RAMP),
        ("f.npy", np.asfortranarray(RAMP.astype(np.float16))),
        ("g.png", np.repeat((RAMP * 60).astype(np.uint8)[..., None], 3, 2)),
    ],
)
def test_bright_is_near(tmp_path: Path, name: str, values: np.ndarray) -> None:
    field = read_height_map(save(tmp_path / name, values))
    assert field.known is None and field.name == name
    assert np.allclose(field.values, (RAMP - 1) / 3, atol=0.01)


def test_distances_become_inverse_depth() -> None:
    """A slanted plane seen by a pinhole camera is a plane in inverse depth."""
    inverse = 0.2 + 0.5 * np.linspace(0, 1, 60)[None] + 0.1 * np.linspace(0, 1, 40)[:, None]
    field = height_field((1000 / inverse).astype(np.uint16), near="dark")
    assert np.abs(np.diff(field.values, 2, axis=1)).max() < 2e-3
    assert field.values[0, 0] < field.values[-1, -1]


def test_eight_bits_are_no_distances() -> None:
    field = height_field((RAMP * 60).astype(np.uint8), near="dark")
    assert np.allclose(field.values, 1 - (RAMP - 1) / 3, atol=0.01)


def test_holes_are_filled_and_the_background_is_not() -> None:
    distance = np.full((40, 60), 2000, np.uint16)
    distance[:, 30:] = 1000
    distance[10:14, 10:20] = 0
    distance[20:24, 40:50] = 65535
    field = height_field(distance, near="dark")
    assert field.known is None and set(np.unique(field.values)) == {0.0, 1.0}
    far = RAMP.copy()
    far[:5], far[8, 8] = np.inf, np.nan
    far[:, 0] = 1e10
    field = height_field(far, near="dark")
    assert field.known is not None and not field.known[:5].any() and not field.known[:, 0].any()
    assert field.known[5:, 1:].all()


def test_arrays_of_objects_are_not_unpickled(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}] * 20, object), allow_pickle=True)
    path = tmp_path / "evil.npy"
    path.write_bytes(stream.getvalue())
    with pytest.raises(InputError, match="not numbers"):
        read_height_map(path)


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    path.write_bytes(stream.getvalue() + bytes(100))
    with pytest.raises(InputError, match="array of shape"):
        read_height_map(path)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (np.zeros((3, 4, 5)), "array of shape"),
        (np.zeros((3, 400)), "too small"),
        (np.full((30, 40), np.nan), "no height"),
        (np.zeros((30, 40), complex), "type complex"),
    ],
)
def test_useless_arrays(values: np.ndarray, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        height_field(values)


def test_useless_files(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (70, 80, 3)).astype(np.uint8)
    with pytest.raises(InputError, match="has colours"):
        read_height_map(save(tmp_path / "photo.png", colours))
    (tmp_path / "empty.npy").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        read_height_map(tmp_path / "empty.npy")
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00broken")
    with pytest.raises(InputError, match="damaged"):
        read_height_map(tmp_path / "x.npy")
    with pytest.raises(InputError, match="does not exist"):
        read_height_map(tmp_path / "none.exr")
    with pytest.raises(InputError, match="near"):
        read_height_map(tmp_path / "none.exr", "grey")
