"""OpenEXR: files written here byte by byte from the layout of the format, damaged ones, and kinds that are not read."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.io.height.exr import is_exr, read_exr
from lift3d.io.height.height_map import read_height_map

KINDS = {np.dtype("<u4"): 0, np.dtype("<f2"): 1, np.dtype("<f4"): 2}
VALUES = np.random.default_rng(0).normal(size=(37, 21)).astype(np.float32)


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def predicted(raw: bytes) -> bytes:
    """Bytes reordered and predicted as OpenEXR does before it compresses them."""
    data = np.frombuffer(raw, np.uint8)
    data = np.concatenate([data[0::2], data[1::2]]).astype(np.int64)
    data[1:] = data[1:] - data[:-1] + 128
    return data.astype(np.uint8).tobytes()


def run_lengths(data: bytes) -> bytes:
    out, at = b"", 0
    while at < len(data):
        same = 1
        while same < 100 and at + same < len(data) and data[at + same] == data[at]:
            same += 1
        if same > 2:
            out, at = out + bytes([same - 1, data[at]]), at + same
        else:
            out, at = out + bytes([255, data[at]]), at + 1
    return out


def exr(channels: dict[str, np.ndarray], compression: int = 3, version: int = 2, y0: int = 0) -> bytes:
    """A file of one part; channels in alphabetical order, as the format wants them."""
    names = sorted(channels)
    height, width = channels[names[0]].shape
    listed = b"".join(
        n.encode() + b"\0" + struct.pack("<iIii", KINDS[channels[n].dtype], 0, 1, 1) for n in names
    )
    box = struct.pack("<4i", 0, y0, width - 1, y0 + height - 1)
    head = b"\x76\x2f\x31\x01" + struct.pack("<I", version)
    head += attribute("channels", "chlist", listed + b"\0") + attribute(
        "compression", "compression", bytes([compression])
    )
    head += attribute("dataWindow", "box2i", box) + attribute("displayWindow", "box2i", box) + b"\0"
    step = 16 if compression == 3 else 1
    blocks = []
    for y in range(0, height, step):
        raw = b"".join(channels[n][row].tobytes() for row in range(y, min(y + step, height)) for n in names)
        packed = raw
        if compression in (2, 3):
            packed = zlib.compress(predicted(raw))
        elif compression == 1:
            packed = run_lengths(predicted(raw))
        packed = packed if len(packed) < len(raw) else raw
        blocks.append(struct.pack("<ii", y + y0, len(packed)) + packed)
    at = len(head) + 8 * len(blocks)
    offsets = b""
    for block in blocks:
        offsets += struct.pack("<Q", at)
        at += len(block)
    return head + offsets + b"".join(blocks)


@pytest.mark.parametrize("compression", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["<f4", "<f2", "<u4"])
@pytest.mark.parametrize("y0", [0, -5])
def test_values_are_exact(compression: int, kind: str, y0: int) -> None:
    values = (np.abs(VALUES) * 100).round().astype(kind)
    data = exr({"Z": values}, compression, y0=y0)
    assert is_exr(data)
    assert np.array_equal(read_exr(data, "x.exr"), values.astype(np.float32))


def test_constant_values_are_compressed_by_run_lengths() -> None:
    data = exr({"Y": np.zeros((40, 64), np.float32)}, 1)
    assert len(data) < 3000 and (read_exr(data, "x.exr") == 0).all()


def test_the_channel_of_the_depth_is_taken() -> None:
    colour = {n: np.zeros_like(VALUES) for n in "ABGR"}
    assert np.array_equal(read_exr(exr({**colour, "ViewLayer.Depth.Z": VALUES}), "x"), VALUES)
    half = np.zeros(VALUES.shape, np.float16)
    assert np.array_equal(read_exr(exr({"A": half, "B": half, "V": VALUES, "Z2": half}), "x"), VALUES)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (exr({"R": VALUES, "G": VALUES, "B": VALUES}), "colours and no heights"),
        (exr({"Z": VALUES}, version=2 | 0x200), "tiled"),
        (exr({"Z": VALUES}, version=2 | 0x1000), "multi-part"),
        (exr({"Z": VALUES}).replace(b"\x03dataWindow", b"\x04dataWindow"), "PIZ"),
    ],
)
def test_kinds_that_are_not_read(data: bytes, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        read_exr(data, "x.exr")


def test_damage_is_one_sentence(tmp_path) -> None:  # type: ignore[no-untyped-def]
    good = exr({"Z": VALUES})
    rng = np.random.default_rng(3)
    path = tmp_path / "x.exr"
    for k in range(150):
        bad = bytearray(good[: rng.integers(5, len(good))] if k % 2 else good)
        for _ in range(int(rng.integers(1, 4))):
            bad[rng.integers(4, len(bad))] = rng.integers(256)
        path.write_bytes(bytes(bad))
        try:
            read_height_map(path)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
