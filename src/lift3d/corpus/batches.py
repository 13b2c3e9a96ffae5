"""Turning models into shapes in batches; each batch is one file, so that a killed build continues with the missing ones."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.descriptor import LENGTH
from lift3d.corpus.entry import Entry, Source
from lift3d.corpus.shape_record import record_shape
from lift3d.errors import InputError, Lift3dError
from lift3d.geometry.parts.clean import NoShapeError, clean_parts
from lift3d.geometry.parts.sampling import BYTES_PER_SAMPLE, SAMPLES
from lift3d.geometry.voxels.canonical_frame import RESOLUTION
from lift3d.io.files.atomic import write_bytes

BATCH_SIZE = 24
"""Models per batch."""
PLANE_BYTES = RESOLUTION**3 // 8
"""Bytes of a binary voxel grid, one bit per voxel."""
MAX_FACES = 2_000_000


@dataclass(frozen=True, eq=False)
class Batch:
    """rows: metadata of every model of the batch. The arrays hold the K models with row["state"] == "kept": cells
    (K, 2, PLANE_BYTES) uint8, surface (K, SAMPLES, ROW) uint8, descriptor (K, LENGTH) float32, meshes as GLB."""

    rows: list[dict[str, Any]]
    cells: NDArray[np.uint8]
    surface: NDArray[np.uint8]
    descriptor: NDArray[np.float32]
    meshes: list[bytes]

    def write(self, file: Path) -> None:
        """Write the batch as an .npz file; the same batch gives the same bytes."""
        out = io.BytesIO()
        blob = np.frombuffer(b"".join(self.meshes), np.uint8)
        ends = np.cumsum([len(mesh) for mesh in self.meshes], dtype=np.int64)
        text = np.frombuffer(json.dumps(self.rows, sort_keys=True).encode(), np.uint8)
        np.savez(
            out, rows=text, cells=self.cells, surface=self.surface, descriptor=self.descriptor, ends=ends, blob=blob
        )  # fmt: skip
        write_bytes(file, out.getvalue())


def read_batch(file: Path, only_rows: bool = False) -> Batch:
    """The batch in a file, without its arrays if `only_rows`. Raises InputError for a damaged file."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            rows = json.loads(arrays["rows"].tobytes())
            if only_rows:
                empty = (
                    np.zeros((0, 2, PLANE_BYTES), np.uint8),
                    np.zeros((0, SAMPLES, BYTES_PER_SAMPLE), np.uint8),
                )
                return Batch(rows, *empty, arrays["descriptor"], [])
            ends = np.concatenate([[0], arrays["ends"]])
            blob = arrays["blob"].tobytes()
            meshes = [blob[a:b] for a, b in zip(ends, ends[1:])]
            return Batch(rows, arrays["cells"], arrays["surface"], arrays["descriptor"], meshes)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{file} of an unfinished build is damaged", "delete this file and build again"
        ) from error


def split_into_batches(entries: Sequence[Entry]) -> Iterator[tuple[int, Sequence[Entry]]]:
    """The number and the entries of each batch."""
    for number, first in enumerate(range(0, len(entries), BATCH_SIZE)):
        yield number, entries[first : first + BATCH_SIZE]


def make_batch(source: Source, entries: Sequence[Entry]) -> Batch:
    """Load, clean and record the entries of a batch; an entry that cannot be used gets a row with the reason."""
    rows, cells, surface, descriptor, meshes = [], [], [], [], []
    for entry in entries:
        row = _metadata(source, entry)
        rows.append(row)
        try:
            row["sha256"] = hashlib.sha256(entry.file.read_bytes()).hexdigest()
            parts = source.load(entry)
            if sum(len(part.faces) for part in parts) > MAX_FACES:
                raise InputError(f"{entry.file.name} has more than {MAX_FACES} faces", "simplify it first")
            cleaned = clean_parts(parts)
            shape = record_shape(cleaned)
        except NoShapeError as error:
            row.update(state=error.reason)
            continue
        except Lift3dError as error:
            row.update(state="refused", reason=str(error))
            continue
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            row.update(
                state="refused", reason=f"{entry.file.name} or a file it needs cannot be read ({why})."
            )
            continue
        # one untrusted model must not end a build of ten thousand; the card lists it
        except Exception as error:
            row.update(state="failed", reason=f"{type(error).__name__}: {error}"[:300])
            continue
        row.update(
            state="kept", faces_source=shape.faces[0], faces=shape.faces[1], thickness=round(shape.thickness, 4),
            thin=shape.thin, closed=shape.closed, textured=shape.textured, digest=shape.digest,
            strays=cleaned.strays, scale=cleaned.scale,
        )  # fmt: skip
        cells.append(np.stack([np.packbits(shape.inside), np.packbits(shape.surface_voxels)]))
        surface.append(shape.surface.pack())
        descriptor.append(shape.descriptor)
        meshes.append(shape.mesh)
    return Batch(
        rows,
        np.array(cells, np.uint8).reshape(-1, 2, PLANE_BYTES),
        np.array(surface, np.uint8).reshape(-1, SAMPLES, BYTES_PER_SAMPLE),
        np.array(descriptor, np.float32).reshape(-1, LENGTH),
        meshes,
    )


def _metadata(source: Source, entry: Entry) -> dict[str, Any]:
    """The metadata that the source states for an entry, and its category."""
    from lift3d.corpus.categorize import category_of

    category = entry.category if source.packages == () else category_of(entry)
    return {
        "key": entry.key, "source": source.name, "name": entry.name, "words": list(entry.words),
        "family": f"{source.name}/{entry.family}", "licence": entry.licence, "author": entry.author,
        "size": entry.size, "category": category or "unknown", "split": entry.split,
    }  # fmt: skip
