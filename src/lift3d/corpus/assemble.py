"""The corpus on disk from finished batches: duplicates dropped, families and splits assigned, files written in order."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.corpus.batches import read_batch
from lift3d.corpus.dataset import CELLS, INDEX, MESHES, SURFACE, import_parquet
from lift3d.corpus.duplicates import Duplicates, find_duplicates
from lift3d.corpus.splits import assign_split, hold_out, name_families
from lift3d.geometry.parts.sampling import BYTES_PER_SAMPLE, SAMPLES
from lift3d.io.files.atomic import writing

COLUMNS: dict[str, str] = {
    "key": "string", "source": "string", "name": "string", "category": "string", "synset": "string", "family": "string",
    "split": "string", "licence": "string", "author": "string", "words": "string", "sha256": "string", "digest": "string",
    "faces_source": "int32", "faces": "int32", "thickness": "float32", "thin": "bool", "closed": "bool",
    "textured": "bool", "width": "float32", "depth": "float32", "height": "float32", "same": "string",
    "mesh_offset": "int64", "mesh_bytes": "int64",
}  # fmt: skip


def read_rows(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The rows of all models in the batches, in order."""
    return [row for file in files for row in read_batch(file, only_rows=True).rows]


def write_corpus(
    files: Sequence[Path], folder: Path, work: Path, progress: Callable[[float], None] = lambda fraction: None,
    own: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """Write index, voxels, surface samples and meshes into `folder`; returns the rows of all shapes, repeats included.

    files: of the batches; work: a folder for temporary files; own: the shapes come from a folder of the user's meshes, of
    which some of each category are held out however few there are.
    """
    import pyarrow

    rows, descriptors = [], []
    surfaces = work / "surfaces.tmp"
    with open(surfaces, "wb") as out:
        for file in files:
            batch = read_batch(file)
            rows += [row for row in batch.rows if row["state"] == "kept"]
            descriptors.append(batch.descriptor)
            out.write(batch.surface.tobytes())
    n = len(rows)
    table = np.concatenate(descriptors) if descriptors else np.zeros((0, 1), np.float32)
    samples = np.memmap(surfaces, np.uint8, "r", shape=(n, SAMPLES, BYTES_PER_SAMPLE))
    found = find_duplicates(
        [row["digest"] for row in rows], table, lambda i: np.asarray(samples[i]), progress
    )
    # shapes that a collection assigns to training and test stay there, even if they are related
    related = [(i, j) for i, j in found.related if rows[i]["split"] == rows[j]["split"]]
    names = name_families([row["family"] for row in rows], Duplicates(found.original, related))
    own = own and not any(row["split"] for row in rows)
    repeats: dict[int, list[str]] = {}
    for row, family, same in zip(rows, names, found.original):
        row["family"], row["split"] = family, assign_split(family, row["split"])
        row["same"] = rows[same]["key"] if same >= 0 else ""
        if same >= 0:
            repeats.setdefault(same, []).append(row["key"])
    if own:
        hold_out(rows)
    _write_rows(files, rows, folder, found.original)
    index = [_index_row(rows[i], repeats.get(i, [])) for i in range(n) if found.original[i] < 0]
    types = {name: getattr(pyarrow, "bool_" if kind == "bool" else kind)() for name, kind in COLUMNS.items()}
    schema = pyarrow.schema(list(types.items()))
    with writing(folder / INDEX) as part:
        import_parquet().write_table(
            pyarrow.Table.from_pylist(index, schema=schema), part, compression="zstd"
        )
    surfaces.unlink()
    return rows


def _write_rows(files: Sequence[Path], rows: list[dict[str, Any]], folder: Path, same: Sequence[int]) -> None:
    """Write the three large files batch by batch and add the mesh offsets to the rows."""
    at, offset = 0, 0
    with (
        writing(folder / CELLS) as cells,
        writing(folder / SURFACE) as surface,
        writing(folder / MESHES) as meshes,
        open(cells, "wb") as a,
        open(surface, "wb") as b,
        open(meshes, "wb") as c,
    ):
        for file in files:
            batch = read_batch(file)
            for k, mesh in enumerate(batch.meshes):
                if same[at] < 0:
                    a.write(batch.cells[k].tobytes())
                    b.write(batch.surface[k].tobytes())
                    c.write(mesh)
                    rows[at].update(mesh_offset=offset, mesh_bytes=len(mesh))
                    offset += len(mesh)
                at += 1


def _index_row(row: dict[str, Any], repeats: list[str]) -> dict[str, Any]:
    """A row of the index; repeats: the keys of shapes that were dropped as repeats of this one."""
    from lift3d.taxonomy.categories import CATEGORIES

    size = row["size"] or (None, None, None)
    known = CATEGORIES.get(row["category"])
    more = {
        "words": " | ".join(row["words"]), "width": size[0], "depth": size[1], "height": size[2],
        "synset": (known.synset or "") if known else "", "same": json.dumps(repeats) if repeats else "",
    }  # fmt: skip
    return {name: more.get(name, row.get(name)) for name in COLUMNS}
