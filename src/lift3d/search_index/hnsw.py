"""Approximate nearest neighbours: a hierarchical navigable small-world graph (Malkov & Yashunin 2018, arXiv:1603.09320), by
the library usearch (the extra `search`).

Every number of a graph's file is checked before usearch reads the file, because usearch does not check them. An invalid
graph is ignored: it can be rebuilt from the tables of the index.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import MissingExtra
from lift3d.io.files.atomic import writing
from lift3d.types import F32

CONNECTIVITY, EXPANSION = 16, 256
"""CONNECTIVITY: neighbours of a vector; EXPANSION: minimum number of candidates in a search."""
HEADER = struct.Struct("<7s3H4B3QB")
"""Header of usearch's files: magic, version, metric, scalar type, key type, slot type, number of present vectors, number of
deleted vectors, dimensions, whether a key can have several vectors."""
_MAGIC = b"usearch"


def is_installed() -> bool:
    """Whether usearch is installed."""
    try:
        import usearch.index  # noqa: F401
    except ImportError:
        return False
    return True


def create_graph(dimensions: int) -> Any:
    """An empty graph of half-precision vectors, compared by inner product. MissingExtra where usearch is not installed."""
    try:
        from usearch.index import Index
    except ImportError as error:
        raise MissingExtra("quick search among many models", "search") from error
    return Index(
        ndim=dimensions,
        metric="ip",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION // 2,
        expansion_search=EXPANSION,
    )


def add(graph: Any, numbers: NDArray[np.int64], vectors: F32) -> None:
    """Insert vectors (N, D) with the ids `numbers` (N,); a vector with the same id is replaced."""
    gone = [int(n) for n in numbers if n in graph]
    for n in gone:
        graph.remove(n)
    if len(numbers):
        graph.add(numbers.astype(np.uint64), np.asarray(vectors, np.float32), threads=1)


def nearest(graph: Any, vector: F32, count: int) -> NDArray[np.int64]:
    """Ids of approximately the `count` vectors nearest to `vector` (D,), nearest first."""
    found = graph.search(np.asarray(vector, np.float32), min(count, len(graph)), threads=1)
    return np.asarray(found.keys).astype(np.int64)


def save(graph: Any, path: Path) -> None:
    """Write the graph to a file, atomically."""
    with writing(path) as part:
        graph.save(os.fspath(part))


def open_graph(path: Path, dimensions: int, view: bool = True) -> Any | None:
    """The graph of a file, memory-mapped if `view`; None where the file is missing or invalid."""
    if not path.is_file() or not is_valid(path, dimensions):
        return None
    graph = create_graph(dimensions)
    try:
        graph.view(os.fspath(path)) if view else graph.load(os.fspath(path))
    except (RuntimeError, ValueError, OSError, OverflowError):
        return None
    return graph


def is_valid(path: Path, dimensions: int) -> bool:
    """Whether every size, level, neighbour and entry point in the file is within range. The file is memory-mapped and checked
    in chunks."""
    size = path.stat().st_size
    if size < 8 + 64 + 40:
        return False
    data = np.memmap(path, np.uint8, "r")
    rows, width = struct.unpack("<II", data[:8].tobytes())
    at = 8 + rows * width
    if width != 2 * dimensions or at + 64 + 40 > size:
        return False
    magic, major, *_, metric, number, key, slot, present, deleted, d, several = HEADER.unpack(
        data[at : at + HEADER.size].tobytes()
    )
    if magic != _MAGIC or major != 2 or (metric, number, key, slot) != (ord("i"), 12, 14, 15) or several:
        return False
    count, edges, base, top, entry = struct.unpack("<5Q", data[at + 64 : at + 104].tobytes())
    at += 104
    if (
        (edges, base, d) != (CONNECTIVITY, 2 * CONNECTIVITY, dimensions)
        or count != rows
        or present + deleted != rows
    ):
        return False
    if rows == 0:
        return size == at
    if entry >= rows or at + 2 * rows > size:
        return False
    levels = data[at : at + 2 * rows].view("<i2").astype(np.int64)
    at += 2 * rows
    if levels.min() < 0 or levels.max() != top or levels[entry] != top:
        return False
    each = 14 + 4 * base + levels * (4 + 4 * edges)
    if at + int(each.sum()) != size:
        return False
    starts = at + np.concatenate([[0], np.cumsum(each)[:-1]])
    return _level_sound(data, starts + 10, base, rows, starts, levels) and _upper_sound(
        data, starts, levels, edges, base, rows
    )


def _level_sound(
    data: Any, at: NDArray[np.int64], most: int, rows: int, starts: Any = None, levels: Any = None,
    lowest: int = 0, every: NDArray[np.int64] | None = None,
) -> bool:  # fmt: skip
    """Whether counts and neighbours at one level of some vectors are valid. at: offsets of their lists; most: maximum number
    of neighbours; every: the top level of each vector of the graph, which must be at least `lowest`."""
    for first in range(0, len(at), 8192):
        some = at[first : first + 8192]
        lists = data[some[:, None] + np.arange(4 + 4 * most)].view("<u4")
        counts, near = lists[:, 0], lists[:, 1:]
        used = np.arange(most) < counts[:, None]
        if (counts > most).any() or (near[used] >= rows).any():
            return False
        if every is not None and (every[near[used]] < lowest).any():
            return False
        if starts is not None and levels is not None:
            stored = data[starts[first : first + 8192, None] + np.arange(8, 10)].view("<i2")[:, 0]
            if (stored != levels[first : first + 8192]).any():
                return False
    return True


def _upper_sound(
    data: Any, starts: NDArray[np.int64], levels: NDArray[np.int64], edges: int, base: int, rows: int
) -> bool:
    """Whether the levels above the lowest are valid: neighbours at a level must exist at this level."""
    for level in range(1, int(levels.max()) + 1):
        mine = np.flatnonzero(levels >= level)
        at = starts[mine] + 10 + 4 + 4 * base + (level - 1) * (4 + 4 * edges)
        if not _level_sound(data, at, edges, rows, lowest=level, every=levels):
            return False
    return True
