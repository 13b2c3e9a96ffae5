"""Pictures of a corpus (`lift3d corpus render`) as training samples, read by number out of their shards."""

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
    """Where the files of a picture lie: the shard's number, and (start, size) by ending."""

    shard: int
    files: dict[str, tuple[int, int]]


class PictureSet:
    """The pictures of one split; samples by number, in the order of the shards."""

    def __init__(self, folder: str | Path, split: str) -> None:
        self.paths = shard_files(Path(folder), split)
        if not self.paths:
            raise InputError(
                f"{folder} holds no pictures of the split {split}", "render them with lift3d corpus render"
            )
        self._maps: list[mmap.mmap] = []
        for path in self.paths:
            with open(path, "rb") as file:
                self._maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self.places = [
            place
            for shard, data in enumerate(self._maps)
            for place in _places(shard, data, self.paths[shard])
        ]

    def __len__(self) -> int:
        return len(self.places)

    def _read(self, i: int, ending: str) -> bytes:
        place = self.places[i]
        start, size = place.files[ending]
        return self._maps[place.shard][start : start + size]

    def rgb(self, i: int) -> NDArray[np.uint8]:
        """(S, S, 3) sRGB."""
        return np.asarray(Pil.open(io.BytesIO(self._read(i, "rgb.jpg")), formats=("JPEG",)).convert("RGB"))

    def mask(self, i: int) -> NDArray[np.bool_]:
        """(S, S): where the thing is seen."""
        return np.asarray(Pil.open(io.BytesIO(self._read(i, "mask.png")), formats=("PNG",))) == VISIBLE

    def said(self, i: int) -> dict[str, Any]:
        """Camera, key of the shape, category and what was drawn."""
        return dict(json.loads(self._read(i, "json")))

    def digest(self) -> str:
        """A sum over the shards' names and sizes: what a run was trained on."""
        text = " ".join(f"{p.name}:{p.stat().st_size}" for p in self.paths)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _places(shard: int, data: mmap.mmap, path: Path) -> list[SampleLocation]:
    """The pictures of a tar file, in its order."""
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
