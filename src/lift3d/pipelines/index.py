"""Create or update the index of a folder of models: the pipeline of `lift3d index`.

Only models that are new, changed or removed since the last call are processed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lift3d.context import Progress
from lift3d.errors import InputError, Lift3dError
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.io.mesh.meshes import FORMATS, load_parts
from lift3d.pipelines.arguments import Message, PathLike, or_ignore, or_silent
from lift3d.search_index.database import DATABASE
from lift3d.search_index.store import IndexedFile, ModelIndex
from lift3d.types import F32

FOLDER = ".lift3d-index"
"""Name of an index inside the folder of its models."""
MODEL_SUFFIXES = frozenset([*FORMATS, ".gltf", ".off"])
BATCH = 8
"""Models that are stored in one transaction; an interruption loses at most these."""
MAX_DEPTH = 32
"""Levels of folders that are searched for models."""


@dataclass
class IndexReport:
    """path: the index; count: models in it; then counts of files by what was done; the reason for each unreadable file; sentences
    on what in the new and changed files could not be used."""

    path: Path = Path()
    count: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def to_text(self) -> str:
        """The counts as one line."""
        text = f"{self.new} new, {self.changed} changed, {self.unchanged} as before, {self.removed} removed"
        return text + (f", {len(self.unreadable)} could not be read" if self.unreadable else "")

    def reasons(self) -> list[str]:
        """One line "PATH: reason" for each file that could not be read, by path."""
        return [
            f"{path}: {why.removeprefix(Path(path).name).strip(' :')}"
            for path, why in sorted(self.unreadable.items())
        ]


def index(
    folder: PathLike,
    output: PathLike | None = None,
    *,
    weights: str | None = None,
    progress: Progress | None = None,
    message: Message | None = None,
) -> IndexReport:
    """Index every model file below a folder.

    output: the folder of the index, FOLDER/.lift3d-index if None. weights: of the embedding, a run's folder or a weights file,
    the package's own if None. What was indexed before an interruption is kept.

    Raises InputError for a folder without readable models, or an output that holds other files or the index of another folder
    or other weights.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}", "name a folder of models")
    path = Path(output) if output is not None else folder / FOLDER
    files = {file.path: file for file in list_models(folder, path)}
    if not files and not (path / DATABASE).is_file():
        raise InputError(
            f"there are no models in {folder}", f"lift3d reads {', '.join(sorted(MODEL_SUFFIXES))}"
        )
    network, fresh = EmbeddingNetwork(weights), not path.exists()
    with open_store(folder, path, network) as store:
        report = _update(store, folder, files, network, or_silent(progress))
        report.path, report.count = path, len(store)
        useless = fresh and not report.count and report.unreadable
        if not useless and not store.update_graph():
            or_ignore(message)(
                f"{report.count} models are searched faster with usearch: pip install 'lift3d[search]'"
            )
    if useless:
        shutil.rmtree(path)
        raise InputError(
            f"none of {len(report.unreadable)} models in {folder} could be read ({report.reasons()[0]})",
            "export them again",
        )
    return report


def open_store(folder: Path, path: Path, network: EmbeddingNetwork) -> ModelIndex:
    """The index of a folder, opened for writing, created where there is none. Raises InputError for an index of another folder
    or of other weights."""
    if not (path / DATABASE).is_file():
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path} exists already and is not an index", "name another folder with -o")
        return ModelIndex.create(path, network.name, _relative(folder, path))
    store = ModelIndex(path, write=True)
    try:
        store.require(network.name)
        if store.root != folder.resolve():
            raise InputError(
                f"{path} is the index of {store.root}, not of {folder}", "name another folder with -o"
            )
    except BaseException:
        store.close()
        raise
    return store


def _relative(folder: Path, path: Path) -> str:
    """The folder of the models relative to the index, so that both can be moved together; absolute on another drive."""
    path.mkdir(parents=True, exist_ok=True)
    try:
        return Path(os.path.relpath(folder.resolve(), path.resolve())).as_posix()
    except ValueError:
        return folder.resolve().as_posix()


def list_models(folder: Path, path: Path) -> Iterator[IndexedFile]:
    """Every model file below a folder, ordered by path, without hidden folders, links to folders and the index at `path`."""
    own = path.resolve()
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        depth = len(here.relative_to(folder).parts)
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and (here / f).resolve() != own and depth < MAX_DEPTH
        )
        for name in sorted(names):
            file = here / name
            if name.startswith(".") or file.suffix.lower() not in MODEL_SUFFIXES:
                continue
            try:
                status = file.stat()
            except OSError:  # a broken link
                continue
            yield IndexedFile(file.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns)


def _update(
    store: ModelIndex,
    folder: Path,
    files: dict[str, IndexedFile],
    network: EmbeddingNetwork,
    progress: Progress,
) -> IndexReport:
    """Bring the store to the state of the files."""
    stored, refused, report = store.files(), store.unreadable(), IndexReport()
    gone = [path for path in (*stored, *refused) if path not in files]
    if gone:
        store.remove(gone)
        report.removed = sum(path in stored for path in gone)
    todo = []
    for path, file in files.items():
        if path in stored and stored[path][0] == file:
            report.unchanged += 1
        elif path in refused and refused[path][0] == file:
            report.unreadable[path] = refused[path][1]
        else:
            todo.append(file)
    batch: list[tuple[IndexedFile, str, F32]] = []
    for number, file in enumerate(todo):
        progress("models", number / len(todo))
        try:
            digest = hashlib.sha256(read_bytes(folder / file.path, MAX_FILE)).hexdigest()
            if file.path in stored and stored[file.path][1] == digest:
                store.touch([file])
                report.unchanged += 1
                continue
            loaded = load_parts(folder / file.path)
            vectors = network.embed_parts(loaded.parts).vectors
            report.warnings += [
                f"{file.path}: {text.rstrip('.')}." for text in dict.fromkeys(loaded.warnings)
            ]
        except Lift3dError as error:
            why = error.cause if isinstance(error, InputError) else str(error)
            store.mark_unreadable(file, why)
            report.unreadable[file.path] = why
            continue
        batch.append((file, digest, vectors))
        report.changed += file.path in stored
        report.new += file.path not in stored
        if len(batch) == BATCH:
            store.put(batch)
            batch = []
    if batch:
        store.put(batch)
    if todo:
        progress("models", 1.0)
    return report
