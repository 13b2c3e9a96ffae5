"""A corpus on disk, opened: shapes by number, with their cells, surfaces, meshes and what is said of them.

    index.parquet   a row per shape, in the order of keys within their sources (columns: docs/corpus.md)
    cells.bin       2 x 32768 bytes a shape: cells whose centre is inside, cells that the surface touches; a bit each, C order
                    of (x, y, z), first cell in the highest bit of the first byte (numpy.packbits)
    surface.bin     4096 x 12 bytes a shape: x, y, z as little-endian uint16, normal as 3 int8, sRGB as 3 uint8
    meshes.bin      GLB files one after the other, at the offsets in the index
    corpus.json     the data card for programs: sources, versions, sha256, counts; there when the corpus is whole

All but the index are memory-mapped: opening costs nothing, and a shape is read when it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.batches import PLANE_BYTES
from lift3d.errors import InputError, MissingExtra
from lift3d.geometry.parts.convert import concatenate_parts, model_to_mesh
from lift3d.geometry.parts.sampling import BYTES_PER_SAMPLE, SAMPLES, unpack_samples
from lift3d.geometry.voxels.canonical_frame import RESOLUTION, canonical_grid
from lift3d.geometry.voxels.occupancy import connected_occupancy
from lift3d.io.mesh import glb_reader
from lift3d.types import Mesh, Part, Points, Voxels

VERSION = 1
SPLIT_NAMES = ("train", "val", "test")
INDEX, CELLS, SURFACE, MESHES, CARD = "index.parquet", "cells.bin", "surface.bin", "meshes.bin", "corpus.json"


def import_parquet() -> Any:
    """pyarrow.parquet; MissingExtra that names the extra where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("the index of a corpus", "corpus") from error
    return pyarrow.parquet


class Corpus:
    """Opened from its folder. `corpus.column("category")`, `corpus.where(split="test")`, then by number:
    `inside`, `crossed`, `filled`, `full`, `surface`, `parts`, `mesh`, `voxels`."""

    def __init__(self, folder: str | Path, card: dict[str, Any] | None = None) -> None:
        """card: of a corpus that is just being written; read from the folder otherwise."""
        self.folder = Path(folder).expanduser()
        self.card = read_card(self.folder) if card is None else card
        self.table = import_parquet().read_table(self.folder / INDEX)
        n = self.table.num_rows
        self.cells = self._map(CELLS, (n, 2, PLANE_BYTES))
        self.samples = self._map(SURFACE, (n, SAMPLES, BYTES_PER_SAMPLE))
        self.meshes = self._map(MESHES, (-1,))

    def _map(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        path = self.folder / name
        size = path.stat().st_size if path.is_file() else -1
        expected = int(np.prod(shape))
        if size < 0 or (expected >= 0 and size != expected):
            raise InputError(f"{path} is missing or of the wrong size", "build the corpus again")
        if size == 0:
            return np.zeros((0, *shape[1:]), np.uint8)
        return np.memmap(path, np.uint8, "r", shape=(size,) if expected < 0 else shape)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def columns(self) -> list[str]:
        """Names of the index's columns."""
        return list(self.table.column_names)

    def column(self, name: str) -> list[Any]:
        """One column of the index as a list."""
        if name not in self.columns:
            raise InputError(f"the index has no column {name!r}", f"choose from {', '.join(self.columns)}")
        return list(self.table.column(name).to_pylist())

    @cached_property
    def keys(self) -> list[str]:
        return self.column("key")

    def row(self, i: int) -> dict[str, Any]:
        """All that the index says of shape i."""
        return dict(self.table.slice(self._number(i), 1).to_pylist()[0])

    def where(self, **values: str | bool | Sequence[str]) -> NDArray[np.int64]:
        """Numbers of the shapes whose columns have these values: where(split="train", category=["chair", "table"]).
        A value that no shape has is an InputError that names the nearest ones: a slip of the pen is no empty selection."""
        chosen = np.ones(len(self), bool)
        for name, value in values.items():
            wanted = {value} if isinstance(value, str | bool) else set(value)
            column = self.column(name)
            possible = {*column, *(SPLIT_NAMES if name == "split" else ())}
            for missing in sorted(wanted - possible - {True, False}, key=str):
                near = get_close_matches(str(missing), [str(x) for x in possible], 4, 0.5)
                raise InputError(
                    f"no shape has {name} {missing!r}",
                    f"there is {', '.join(near or sorted(map(str, possible))[:12])}",
                )
            chosen &= np.array([x in wanted for x in column], bool).reshape(-1)
        return np.flatnonzero(chosen)

    def _number(self, i: int) -> int:
        if not 0 <= i < len(self):
            raise InputError(f"there is no shape {i}", f"they go from 0 to {len(self) - 1}")
        return int(i)

    def _plane(self, i: int, which: int) -> NDArray[np.uint8]:
        return np.array(self.cells[self._number(i), which])

    def inside(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) cells whose centre is inside."""
        return np.unpackbits(self._plane(i, 0)).reshape(RESOLUTION, RESOLUTION, RESOLUTION).astype(bool)

    def surface_voxels(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) cells that the surface touches."""
        return np.unpackbits(self._plane(i, 1)).reshape(RESOLUTION, RESOLUTION, RESOLUTION).astype(bool)

    def inside_or_surface(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) cells inside or touched by the surface: nothing thin is lost, everything is up to half a cell larger."""
        return self.inside(i) | self.surface_voxels(i)

    def occupied(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) cells that it fills (geometry/voxels/occupancy.py): thick parts by their inside, thin ones whole, and what
        joins them."""
        return connected_occupancy(self.inside(i), self.surface_voxels(i))

    def surface(self, i: int) -> Points:
        """4096 samples, even over the surface, with normals and colours."""
        xyz, normals, colours = unpack_samples(np.array(self.samples[self._number(i)]))
        return Points(xyz, normals.astype(np.float32), colours)

    def glb(self, i: int) -> bytes:
        """The kept mesh as a GLB file."""
        row = self.row(i)
        start = int(row["mesh_offset"])
        return self.meshes[start : start + int(row["mesh_bytes"])].tobytes()

    def parts(self, i: int) -> list[Part]:
        """The kept mesh in its parts, each with its material; the corpus' frame (z up)."""
        return glb_reader.read(self.glb(i), Path(f"{i}.glb")).parts

    def mesh(self, i: int) -> Mesh:
        """The kept mesh as one, its textures packed into one."""
        return model_to_mesh(glb_reader.read(self.glb(i), Path(f"{i}.glb")), self.keys[i])

    def voxels(self, i: int, resolution: int = RESOLUTION, kind: str = "occupancy") -> Voxels:
        """Occupancy or signed distance at the cells' centres; other resolutions than 64, and distances, are computed
        from the kept mesh."""
        origin, step = canonical_grid(resolution)
        affine = np.diag([step, step, step, 1.0])
        affine[:3, 3] = origin
        if kind == "occupancy" and resolution == RESOLUTION:
            return Voxels(self.inside(i).astype(np.float32), affine, kind)
        from lift3d.geometry.voxels.field import sample_field

        v, f = concatenate_parts(self.parts(i))
        return Voxels(sample_field(v, f, origin, step, (resolution,) * 3, kind), affine, kind)


def read_card(folder: Path) -> dict[str, Any]:
    """corpus.json of a whole corpus of this version; InputError otherwise."""
    if not folder.exists():
        raise InputError(
            f"{folder} does not exist", "name the folder of a corpus; `lift3d corpus build` makes one"
        )
    if not (folder / CARD).is_file():
        begun = (folder / ".building").is_dir()
        raise InputError(
            f"{folder} holds {'a corpus that is not finished' if begun else 'no corpus'}",
            "run the same `lift3d corpus build` again"
            if begun
            else "make one with `lift3d corpus build`, of meshes of your own with --from",
        )
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text("utf-8"))
        version = card["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / CARD} is damaged", "build the corpus again") from error
    if version != VERSION:
        raise InputError(
            f"{folder} is a corpus of version {version}, and this program reads version {VERSION}",
            "build it again, or use the lift3d that built it",
        )
    return card
