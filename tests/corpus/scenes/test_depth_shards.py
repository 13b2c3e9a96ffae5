"""Shards of pictures with depth: lossless codes, growth while open, and damage as one sentence."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.corpus.scenes.depth_shards import MAGIC, DepthSet, encode_shard, pack_codes, unpack_codes
from lift3d.corpus.scenes.scene_maker import DepthPicture
from lift3d.errors import InputError


def picture(seed: int = 0, height: int = 12, width: int = 20) -> DepthPicture:
    rng = np.random.default_rng(seed)
    rgb = np.full((height, width, 3), 40 * seed + 20, np.uint8)
    out = io.BytesIO()
    Pil.fromarray(rgb).save(out, "JPEG")
    depth = rng.uniform(0.5, 9, (height, width)).astype(np.float32)
    depth[0] = 0
    return DepthPicture(out.getvalue(), rgb, depth, 17.5, seed)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=30, deadline=None)
def test_codes_are_lossless(seed: int, height: int, width: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 65536, (height, width)).astype(np.uint16)
    assert np.array_equal(unpack_codes(pack_codes(codes), width, height), codes)


def test_a_plane_takes_little_space() -> None:
    y, x = np.mgrid[:256, :320]
    codes = (30000 + 40.3 * x + 21.7 * y).astype(np.uint16)
    assert len(pack_codes(codes)) < codes.nbytes / 8


def test_pictures_return_with_their_depth_and_camera(tmp_path: Path) -> None:
    shown = [picture(k) for k in range(3)]
    (tmp_path / "train-00000.depth").write_bytes(encode_shard(shown))
    found = DepthSet(tmp_path, "train")
    assert len(found) == 3
    for k, one in enumerate(shown):
        assert np.abs(found.rgb(k).astype(int) - one.rgb).max() < 4
        assert found.focal(k) == 17.5
        inverse, known = found.inverse_depth(k), one.depth > 0
        assert np.abs(inverse[known] - 1 / one.depth[known]).max() < 1 / 0.5 / 65535
        assert (inverse[~known] == 0).all()


def test_new_shards_are_found_and_the_digest_stays(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/train-00000.depth").write_bytes(encode_shard([picture(0)]))
    found = DepthSet(tmp_path, "train")
    digest = found.digest()
    (tmp_path / "b").mkdir()
    (tmp_path / "b/train-00000.depth").write_bytes(encode_shard([picture(1), picture(2)]))
    (tmp_path / "b/.train-00001.depth").write_bytes(b"unfinished")
    found.refresh()
    assert len(found) == 3 and found.digest() == digest == DepthSet(tmp_path, "train").digest()
    assert found.rgb(2)[0, 0, 0] > found.rgb(0)[0, 0, 0]


def listing(rows: object) -> bytes:
    text = json.dumps({"rows": rows}).encode()
    return MAGIC + struct.pack("<I", len(text)) + text + b"x" * 100


ROW = [0, 50, 50, 20, 12, 0.5, 17.5, 0]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"LIFTDEP1", b"x" * 100, MAGIC + struct.pack("<I", 2**31) + b"{}", MAGIC + struct.pack("<I", 2) + b"[]",
        listing(1), listing([[1]]), listing([ROW[:1] + [99, *ROW[2:]]]), listing([[-1, *ROW[1:]]]),
        listing([[*ROW[:3], 10**6, *ROW[4:]]]), listing([[*ROW[:5], float("nan"), *ROW[6:]]]), listing([[*ROW[:6], 0, 0]]),
        listing([[*ROW[:5], "near", *ROW[6:]]]), MAGIC + struct.pack("<I", 50_000) + b"[" * 50_000 + b"x",
    ],
)  # fmt: skip
def test_a_damaged_listing_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "val-00000.depth").write_bytes(data)
    with pytest.raises(InputError, match=r"val-00000.depth.*lift3d corpus scenes"):
        DepthSet(tmp_path, "val")


def test_damaged_pictures_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "val-00000.depth"
    path.write_bytes(listing([ROW]))
    found = DepthSet(tmp_path, "val")
    for read in (found.rgb, found.inverse_depth):
        with pytest.raises(InputError, match="cannot be decoded"):
            read(0)


def test_a_bomb_is_not_unpacked() -> None:
    import zlib

    with pytest.raises(ValueError, match="wrong size"):
        unpack_codes(zlib.compress(bytes(50_000_000)), 20, 12)


def test_no_shards_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures with depth of the split test"):
        DepthSet(tmp_path, "test")
