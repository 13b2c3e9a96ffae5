"""Pictures with depth on disk, in shards that can be added at any time.

    train-00000.depth ...   16 scenes each: b"LIFTDEP1", the length of the listing as little-endian uint32, the listing as
                            JSON, then for each picture its JPEG and its inverse depth

Inverse depth is stored as uint16, 65535 at the nearest surface, 1 for the sky, as second differences along rows (a plane's
inverse depth is linear in the image, so that they are nearly zero), compressed by zlib. A shard appears when it is complete."""

from __future__ import annotations

import hashlib
import io
import json
import math
import mmap
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.dataset import SPLIT_NAMES, Corpus
from lift3d.corpus.scenes.scene_maker import DepthPicture, SceneMaker
from lift3d.errors import InputError
from lift3d.io.files.atomic import write_bytes
from lift3d.types import F32

MAGIC = b"LIFTDEP1"
SCENES, VIEWS = 16, 4
"""Scenes of a shard, and views of each."""
MAX_SHARD, MAX_LISTING, MAX_SIDE = 256 << 20, 1 << 20, 2048
_NAME = re.compile(r"(train|val|test)-[0-9]{5}\.depth")
ADVICE = "write the pictures again with `lift3d corpus scenes`"
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Row:
    """Place of a picture in its shard: offset and length of the JPEG and of the depth, size, depth in metres of the nearest
    surface, focal length in pixels, and the number of the scene."""

    jpeg: tuple[int, int]
    depth: tuple[int, int]
    size: tuple[int, int]
    near: float
    focal: float
    scene: int


def write_scenes(
    corpora: Sequence[Corpus], target: Path, split: str, shards: int, progress: Progress, first: int = 0,
    size: tuple[int, int] = (320, 256), seed: int = 0,
) -> int:  # fmt: skip
    """Write the shards `first` to `first + shards - 1` of a split that do not exist yet; returns how many were written.

    size: (width, height). InputError for an unknown split, and where a corpus has no shapes of the split or the folder cannot be
    written."""
    if split not in SPLIT_NAMES:
        raise InputError(f"there is no split called {split}", f"choose from {', '.join(SPLIT_NAMES)}")
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file, not a folder", "give a folder for the pictures")
    maker, written = SceneMaker(corpora, split, size, seed), 0
    for k in range(first, first + shards):
        path = target / f"{split}-{k:05d}.depth"
        if not path.exists():
            pictures = [p for n in range(k * SCENES, (k + 1) * SCENES) for p in maker.views(n, VIEWS)]
            write_bytes(path, encode_shard(pictures))
            written += 1
        progress(split, (k + 1 - first) / shards)
    return written


def encode_shard(pictures: Sequence[DepthPicture]) -> bytes:
    """The bytes of a shard."""
    rows, parts, at = [], [], 0
    for picture in pictures:
        near = float(picture.depth[picture.depth > 0].min())
        codes = np.where(picture.depth > 0, np.rint(65535 * near / np.maximum(picture.depth, near)), 1)
        packed = pack_codes(np.maximum(codes, 1).astype(np.uint16))
        n, m = len(picture.jpeg), len(packed)
        rows.append([at, n, m, *picture.rgb.shape[1::-1], near, picture.focal, picture.scene])
        parts += [picture.jpeg, packed]
        at += n + m
    listing = json.dumps({"rows": rows}).encode()
    return b"".join([MAGIC, struct.pack("<I", len(listing)), listing, *parts])


def pack_codes(codes: NDArray[np.uint16]) -> bytes:
    """Codes (H, W) as compressed second differences along rows, modulo 2^16."""
    for _ in range(2):
        codes = np.diff(codes, axis=1, prepend=np.uint16(0))
    return zlib.compress(np.ascontiguousarray(codes, "<u2").tobytes(), 1)


def unpack_codes(data: bytes, width: int, height: int) -> NDArray[np.uint16]:
    """The inverse of `pack_codes`. ValueError for data of another size."""
    reader = zlib.decompressobj()
    raw = reader.decompress(data, 2 * width * height + 1)
    if len(raw) != 2 * width * height:
        raise ValueError("its depth has the wrong size")
    codes = np.frombuffer(raw, "<u2").reshape(height, width)
    for _ in range(2):
        codes = np.cumsum(codes, 1, dtype=np.uint16)
    return codes


class DepthSet:
    """The pictures of one split in a folder of shards and its sub-folders, by index. InputError for no or damaged shards."""

    def __init__(self, folder: str | Path, split: str) -> None:
        self.folder, self.split = Path(folder).expanduser(), split
        self.rows: list[tuple[int, Row]] = []
        self.paths: list[Path] = []
        self._maps: list[mmap.mmap] = []
        self.refresh()
        if not self.rows:
            raise InputError(f"{folder} contains no pictures with depth of the split {split}", ADVICE)

    def refresh(self) -> None:
        """Add the shards that have appeared since the set was opened."""
        known = set(self.paths)
        for path in sorted(self.folder.rglob(f"{self.split}-*.depth")):
            if path in known or not _NAME.fullmatch(path.name):
                continue
            if not 12 < path.stat().st_size <= MAX_SHARD:
                raise _damaged(path, "has no plausible size")
            with open(path, "rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            rows = _read_listing(path, data)
            self.paths.append(path)
            self._maps.append(data)
            self.rows += [(len(self._maps) - 1, row) for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def digest(self) -> str:
        """A hash of the first shard, which identifies a set that may grow."""
        return hashlib.sha256(self._maps[0][:]).hexdigest()[:16]

    def rgb(self, i: int) -> NDArray[np.uint8]:
        """Picture i, (H, W, 3) uint8 sRGB."""
        shard, row = self.rows[i]
        start, length = row.jpeg
        try:
            with Pil.open(
                io.BytesIO(self._maps[shard][start : start + length]), formats=("JPEG",)
            ) as picture:
                if picture.size != row.size:
                    raise ValueError("a picture has the wrong size")
                return np.asarray(picture.convert("RGB"))
        except (OSError, ValueError, SyntaxError) as error:
            raise _damaged(self.paths[shard], f"cannot be decoded ({error})") from error

    def inverse_depth(self, i: int) -> F32:
        """(H, W) float32 in 1 / metres, 0 for the sky."""
        shard, row = self.rows[i]
        start, length = row.depth
        try:
            codes = unpack_codes(self._maps[shard][start : start + length], *row.size)
        except (ValueError, zlib.error) as error:
            raise _damaged(self.paths[shard], f"cannot be decoded ({error})") from error
        return np.where(codes > 1, codes.astype(np.float32) / np.float32(65535 * row.near), np.float32(0))

    def focal(self, i: int) -> float:
        """Focal length of picture i in pixels."""
        return self.rows[i][1].focal


def _read_listing(path: Path, data: mmap.mmap) -> list[Row]:
    """The rows of a shard, checked against its size."""
    (length,) = struct.unpack("<I", data[8:12])
    if data[:8] != MAGIC or length > MAX_LISTING:
        raise _damaged(path, "is not a shard of pictures with depth")
    try:
        listed: Any = json.loads(data[12 : 12 + length])["rows"]
        rows, base = [], 12 + length
        for at, n, m, width, height, near, focal, scene in listed:
            whole = all(isinstance(x, int) and x >= 0 for x in (at, n, m, width, height, scene))
            if (
                not whole
                or base + at + n + m > len(data)
                or not 0 < width <= MAX_SIDE
                or not 0 < height <= MAX_SIDE
            ):
                raise ValueError("a row points outside")
            if not (math.isfinite(near) and near > 0 and math.isfinite(focal) and focal > 0):
                raise ValueError("a row has no camera")
            rows.append(
                Row((base + at, n), (base + at + n, m), (width, height), float(near), float(focal), scene)
            )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, f"has a damaged listing ({error})") from error
    return rows


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} {what}", f"delete it and {ADVICE}")
