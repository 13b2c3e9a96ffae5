"""A corpus on disk: shapes by index, with their voxels, surface samples, meshes and metadata.

    index.parquet   a row per shape, sorted by key within each source (columns: docs/corpus.md)
    cells.bin       2 x 32768 bytes per shape: voxels whose centre is inside, voxels that the surface touches; one bit each,
                    C order of (x, y, z), first voxel in the highest bit of the first byte (numpy.packbits)
    surface.bin     4096 x 12 bytes per shape: x, y, z as little-endian uint16, normal as 3 int8, sRGB as 3 uint8
    meshes.bin      GLB files in sequence, at the offsets in the index
    corpus.json     the data card for programs: sources, versions, sha256, counts; it exists once the corpus is complete

All files but the index are memory-mapped, and a shape is read on access.
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
    """The module pyarrow.parquet. Raises MissingExtra where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("the index of a corpus", "corpus") from error
    return pyarrow.parquet


class Corpus:
    """A corpus opened from its folder.

    `column("category")` and `where(split="test")` select shapes; `inside`, `surface_voxels`, `inside_or_surface`,
    `occupied`, `surface`, `parts`, `mesh` and `voxels` return the data of one shape by index. Raises InputError for a folder
    that holds no complete corpus, MissingExtra without pyarrow.
    """

    def __init__(self, folder: str | Path, card: dict[str, Any] | None = None) -> None:
        """card: of a corpus that is being written; read from the folder otherwise."""
        self.folder = Path(folder).expanduser()
        self.card = read_card(self.folder) if card is None else card
        self.table = import_parquet().read_table(self.folder / INDEX)
        n = self.table.num_rows
        self.cells = self._map(CELLS, (n, 2, PLANE_BYTES))
        self.samples = self._map(SURFACE, (n, SAMPLES, BYTES_PER_SAMPLE))
        self.meshes = self._map(MESHES, (-1,))

    def _map(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """A memory-mapped file of bytes; InputError when its size does not match the index."""
        path = self.folder / name
        size = path.stat().st_size if path.is_file() else -1
        expected = int(np.prod(shape))
        if size < 0 or (expected >= 0 and size != expected):
            raise InputError(f"{path} is missing or has the wrong size", "build the corpus again")
        if size == 0:
            return np.zeros((0, *shape[1:]), np.uint8)
        return np.memmap(path, np.uint8, "r", shape=(size,) if expected < 0 else shape)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def columns(self) -> list[str]:
        """Names of the columns of the index."""
        return list(self.table.column_names)

    def column(self, name: str) -> list[Any]:
        """One column of the index as a list. Raises InputError for an unknown name."""
        if name not in self.columns:
            raise InputError(f"the index has no column {name!r}", f"choose from {', '.join(self.columns)}")
        return list(self.table.column(name).to_pylist())

    @cached_property
    def keys(self) -> list[str]:
        """The key of every shape."""
        return self.column("key")

    def row(self, i: int) -> dict[str, Any]:
        """The row of shape i in the index."""
        return dict(self.table.slice(self._number(i), 1).to_pylist()[0])

    def where(self, **values: str | bool | Sequence[str]) -> NDArray[np.int64]:
        """Indices of the shapes whose columns have these values: where(split="train", category=["chair", "table"]).

        Raises InputError for a value that no shape has, with the most similar ones.
        """
        chosen = np.ones(len(self), bool)
        for name, value in values.items():
            wanted = {value} if isinstance(value, str | bool) else set(value)
            column = self.column(name)
            possible = {*column, *(SPLIT_NAMES if name == "split" else ())}
            for missing in sorted(wanted - possible - {True, False}, key=str):
                near = get_close_matches(str(missing), [str(x) for x in possible], 4, 0.5)
                raise InputError(
                    f"no shape has {name} {missing!r}",
                    f"choose from {', '.join(near or sorted(map(str, possible))[:12])}",
                )
            chosen &= np.array([x in wanted for x in column], bool).reshape(-1)
        return np.flatnonzero(chosen)

    def _number(self, i: int) -> int:
        if not 0 <= i < len(self):
            raise InputError(f"there is no shape {i}", f"give an index from 0 to {len(self) - 1}")
        return int(i)

    def _plane(self, i: int, which: int) -> NDArray[np.uint8]:
        return np.array(self.cells[self._number(i), which])

    def inside(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) bool: voxels whose centre is inside."""
        return np.unpackbits(self._plane(i, 0)).reshape(RESOLUTION, RESOLUTION, RESOLUTION).astype(bool)

    def surface_voxels(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) bool: voxels that the surface touches."""
        return np.unpackbits(self._plane(i, 1)).reshape(RESOLUTION, RESOLUTION, RESOLUTION).astype(bool)

    def inside_or_surface(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) bool: voxels inside or touched by the surface. Thin parts are kept; shapes grow by up to half a voxel."""
        return self.inside(i) | self.surface_voxels(i)

    def occupied(self, i: int) -> NDArray[np.bool_]:
        """(64, 64, 64) bool: the binary occupancy of `geometry.voxels.occupancy`: thick parts by their interior, thin parts and
        the connections between them by the surface."""
        return connected_occupancy(self.inside(i), self.surface_voxels(i))

    def surface(self, i: int) -> Points:
        """4096 samples, uniform over the surface, with normals and colours."""
        xyz, normals, colours = unpack_samples(np.array(self.samples[self._number(i)]))
        return Points(xyz, normals.astype(np.float32), colours)

    def glb(self, i: int) -> bytes:
        """The simplified mesh as a GLB file."""
        row = self.row(i)
        start = int(row["mesh_offset"])
        return self.meshes[start : start + int(row["mesh_bytes"])].tobytes()

    def parts(self, i: int) -> list[Part]:
        """The parts of the simplified mesh, each with its material, in the canonical frame (Z up)."""
        return glb_reader.read(self.glb(i), Path(f"{i}.glb")).parts

    def mesh(self, i: int) -> Mesh:
        """The simplified mesh with its textures packed into one."""
        return model_to_mesh(glb_reader.read(self.glb(i), Path(f"{i}.glb")), self.keys[i])

    def voxels(self, i: int, resolution: int = RESOLUTION, quantity: str = "occupancy") -> Voxels:
        """Occupancy or signed distance at the voxel centres; occupancy at resolution 64 is the stored one, everything else is
        computed from the simplified mesh. quantity: "occupancy" or "signed_distance"."""
        origin, step = canonical_grid(resolution)
        affine = np.diag([step, step, step, 1.0])
        affine[:3, 3] = origin
        if quantity == "occupancy" and resolution == RESOLUTION:
            return Voxels(self.inside(i).astype(np.float32), affine, quantity)
        from lift3d.geometry.voxels.field import sample_field

        v, f = concatenate_parts(self.parts(i))
        return Voxels(sample_field(v, f, origin, step, (resolution,) * 3, quantity), affine, quantity)


def read_card(folder: Path) -> dict[str, Any]:
    """The contents of corpus.json. Raises InputError unless the folder holds a complete corpus of this version."""
    if not folder.exists():
        raise InputError(
            f"{folder} does not exist", "give the folder of a corpus; `lift3d corpus build` builds one"
        )
    if not (folder / CARD).is_file():
        begun = (folder / ".building").is_dir()
        raise InputError(
            f"{folder} holds {'an unfinished corpus' if begun else 'no corpus'}",
            "run the same `lift3d corpus build` again"
            if begun
            else "build one with `lift3d corpus build`, from your own meshes with --from",
        )
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text("utf-8"))
        version = card["version"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / CARD} is damaged", "build the corpus again") from error
    if version != VERSION:
        raise InputError(
            f"{folder} is a corpus of version {version}, but this program reads version {VERSION}",
            "build it again, or use the version of lift3d that built it",
        )
    return card
