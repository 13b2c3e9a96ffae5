"""Pictures of a corpus (`lift3d corpus render`) as training samples, read by index from their shards."""

from __future__ import annotations

import hashlib
import io
import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.pictures.sample_files import NAME, VISIBLE
from lift3d.corpus.pictures.shard_reader import shard_files
from lift3d.errors import InputError

BLOCK = 512


@dataclass(frozen=True)
class SampleLocation:
    """Location of a picture's files: index of the shard, and (start, size) in bytes by file name extension."""

    shard: int
    files: dict[str, tuple[int, int]]


class PictureSet:
    """The pictures of one split, by index, in the order of the shards. InputError for a split without pictures or damaged
    shards."""

    def __init__(self, folder: str | Path, split: str) -> None:
        self.paths = shard_files(Path(folder), split)
        if not self.paths:
            raise InputError(
                f"{folder} contains no pictures of the split {split}", "run lift3d corpus render"
            )
        self._maps: list[mmap.mmap] = []
        for path in self.paths:
            with open(path, "rb") as file:
                self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self.locations = [
            location
            for shard, data in enumerate(self._maps)
            for location in _read_index(shard, data, self.paths[shard])
        ]

    def __len__(self) -> int:
        return len(self.locations)

    def _read(self, i: int, ending: str) -> bytes:
        location = self.locations[i]
        start, size = location.files[ending]
        return self._maps[location.shard][start : start + size]

    def rgb(self, i: int) -> NDArray[np.uint8]:
        """Picture i, sRGB (S, S, 3)."""
        return np.asarray(Pil.open(io.BytesIO(self._read(i, "rgb.jpg")), formats=("JPEG",)).convert("RGB"))

    def mask(self, i: int) -> NDArray[np.bool_]:
        """Mask (S, S) bool of picture i: true where the object is visible."""
        return np.asarray(Pil.open(io.BytesIO(self._read(i, "mask.png")), formats=("PNG",))) == VISIBLE

    def record(self, i: int) -> dict[str, Any]:
        """The JSON of picture i: camera, key of the shape, category and random choices."""
        return dict(json.loads(self._read(i, "json")))

    def digest(self) -> str:
        """A hash of the shards' names and sizes, which identifies the training data."""
        text = " ".join(f"{p.name}:{p.stat().st_size}" for p in self.paths)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_index(shard: int, data: mmap.mmap, path: Path) -> list[SampleLocation]:
    """Locations of the pictures in a tar file, in file order. InputError for a damaged file."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    at = 0
    while at + BLOCK <= len(data):
        header = data[at : at + BLOCK]
        if not any(header):
            break
        name = header[:100].split(b"\0")[0].decode("ascii", "replace")
        try:
            size = int(header[124:136].split(b"\0")[0] or b"0", 8)
        except ValueError as error:
            raise InputError(f"{path} is damaged", "render the pictures again") from error
        match = NAME.fullmatch(name)
        if match is None or not 0 <= size <= len(data) - at - BLOCK:
            raise InputError(f"{path} is damaged", "render the pictures again")
        found.setdefault(match[1], {})[match[2]] = (at + BLOCK, size)
        at += BLOCK + -(-size // BLOCK) * BLOCK
    return [SampleLocation(shard, files) for files in found.values()]
