"""An index brought to the state of its folder: only what is new, has changed or is gone is touched."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lift3d.errors import InputError, Lift3dError
from lift3d.index.store import DATABASE, IndexedFile, ModelIndex
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.io.mesh.meshes import FORMATS, load_parts
from lift3d.types import F32

FOLDER = ".lift3d-index"
MODELS = frozenset([*FORMATS, ".gltf", ".off"])
TOGETHER = 8
"""Models that are entered in one transaction: what an interruption loses."""
DEEPEST = 32
Say = Callable[[str], None]
Progress = Callable[[str, float], None]


@dataclass
class IndexReport:
    """Counts of files by what was done, and why some could not be read, by path."""

    new: int = 0
    changed: int = 0
    same: int = 0
    removed: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        text = f"{self.new} new, {self.changed} changed, {self.same} as before, {self.removed} removed"
        return text + (f", {len(self.refused)} could not be read" if self.refused else "")


def update(
    folder: Path, index: Path | None, weights: str | None, say: Say, progress: Progress,
) -> tuple[Path, IndexReport, int]:  # fmt: skip
    """Index every model below `folder`: the index's folder, what was done, and how many models it holds."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}", "name a folder of models")
    index = index if index is not None else folder / FOLDER
    files = {file.path: file for file in list_models(folder, index)}
    if not files and not (index / DATABASE).is_file():
        raise InputError(f"there are no models in {folder}", f"lift3d reads {', '.join(sorted(MODELS))}")
    space, fresh = EmbeddingNetwork(weights), not index.exists()
    store = opened(folder, index, space)
    with store:
        report = _bring(store, folder, files, space, progress)
        count = len(store)
        useless = fresh and not count and report.refused
        if not useless and not store.update_graph():
            say(f"{count} models are searched faster with usearch: pip install 'lift3d[search]'")
    if useless:
        shutil.rmtree(index)
        path, why = next(iter(report.refused.items()))
        one = f"{path}: {why.removeprefix(Path(path).name).strip(' :')}"
        raise InputError(
            f"none of {len(report.refused)} models in {folder} could be read ({one})",
            "export them again",
        )
    return index, report, count


def opened(folder: Path, index: Path, space: EmbeddingNetwork) -> ModelIndex:
    """The folder's index, to be written; a new one where there is none. InputError for that of another folder or space."""
    if not (index / DATABASE).is_file():
        if index.exists() and (not index.is_dir() or any(index.iterdir())):
            raise InputError(f"{index} is there already and no index", "name another folder with -o")
        return ModelIndex.create(index, space.name, _relative(folder, index))
    store = ModelIndex(index, write=True)
    try:
        store.require(space.name)
        if store.root != folder.resolve():
            raise InputError(
                f"{index} is the index of {store.root}, not of {folder}", "name another folder with -o"
            )
    except BaseException:
        store.close()
        raise
    return store


def _relative(folder: Path, index: Path) -> str:
    """The models' folder seen from the index, so that both can be moved together; in full where that is not possible."""
    index.mkdir(parents=True, exist_ok=True)
    try:
        return Path(os.path.relpath(folder.resolve(), index.resolve())).as_posix()
    except ValueError:  # on another drive
        return folder.resolve().as_posix()


def list_models(folder: Path, index: Path) -> Iterator[IndexedFile]:
    """Every model file, by path; hidden folders, links to folders and the index itself are left out."""
    own = index.resolve()
    for place, folders, names in os.walk(folder):
        here = Path(place)
        deep = len(here.relative_to(folder).parts)
        folders[:] = sorted(
            f for f in folders if not f.startswith(".") and (here / f).resolve() != own and deep < DEEPEST
        )
        for name in sorted(names):
            path = here / name
            if name.startswith(".") or path.suffix.lower() not in MODELS:
                continue
            try:
                about = path.stat()
            except OSError:  # a link to nothing
                continue
            yield IndexedFile(path.relative_to(folder).as_posix(), about.st_size, about.st_mtime_ns)


def _bring(
    store: ModelIndex,
    folder: Path,
    files: dict[str, IndexedFile],
    space: EmbeddingNetwork,
    progress: Progress,
) -> IndexReport:
    held, refused, report = store.files(), store.unreadable(), IndexReport()
    gone = [path for path in (*held, *refused) if path not in files]
    if gone:
        store.remove(gone)
        report.removed = sum(path in held for path in gone)
    todo = []
    for path, file in files.items():
        if path in held and held[path][0] == file:
            report.same += 1
        elif path in refused and refused[path][0] == file:
            report.refused[path] = refused[path][1]
        else:
            todo.append(file)
    ready: list[tuple[IndexedFile, str, F32]] = []
    for number, file in enumerate(todo):
        progress("models", number / len(todo))
        try:
            data = read_bytes(folder / file.path, MAX_FILE)
            total = hashlib.sha256(data).hexdigest()
            if file.path in held and held[file.path][1] == total:
                store.touch([file])
                report.same += 1
                continue
            vectors = space.embed_parts(load_parts(folder / file.path).parts).vectors
        except Lift3dError as error:
            why = error.cause if isinstance(error, InputError) else str(error)
            store.mark_unreadable(file, why)
            report.refused[file.path] = why
            continue
        ready.append((file, total, vectors))
        report.changed += file.path in held
        report.new += file.path not in held
        if len(ready) == TOGETHER:
            store.put(ready)
            ready = []
    if ready:
        store.put(ready)
    if todo:
        progress("models", 1.0)
    return report
