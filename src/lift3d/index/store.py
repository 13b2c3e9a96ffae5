"""An index of models on disk: a SQLite file that holds all that is known, and a graph beside it that makes search quick.

    index.sqlite        meta (version, space, root, generation), things (path, sizes, sums, vectors), refused (path, why)
    near-GENERATION     index/hnsw.py, of the tables as they were in that generation; left out where it is not needed

A change of the tables is one transaction: it has happened or it has not, whatever is pulled out of the wall. A graph of another
generation is not used.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.index import hnsw as graph
from lift3d.index.ranking import centroid_of, query_vector, similarity_scores
from lift3d.inference.embedding import APPEARANCE_DIM, CATEGORY_DIM, SimilarityWeights
from lift3d.inference.embedding_classifier import find_classifier
from lift3d.io.files.atomic import write_error
from lift3d.types import F32, Embedding, Neighbour, Neighbours

VERSION = 1
DATABASE, GRAPH = "index.sqlite", "near-"
APPLICATION_ID = 0x6C336469
"""SQLite's application id of such a file."""
DIMENSIONS = APPEARANCE_DIM + CATEGORY_DIM
EXACT_LIMIT = 1500
"""Up to so many models each is compared in full."""
CANDIDATES = 128
"""Models that are compared in full where there are more, and twice as many as are asked for."""
GRAPH_LIMIT = 20_000
"""From here on a graph is kept; below, all centres are compared."""
MAX_VECTORS = 64
MAX_COUNT = 1000
"""Finds that can be asked for."""
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE things (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT UNIQUE NOT NULL, size INTEGER NOT NULL,
    changed INTEGER NOT NULL, sha256 TEXT NOT NULL, vectors BLOB NOT NULL);
CREATE TABLE centres (id INTEGER PRIMARY KEY, centre BLOB NOT NULL);
CREATE TABLE refused (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, why TEXT NOT NULL);
"""


@dataclass(frozen=True)
class IndexedFile:
    """A file as it was when it was read: path below the root, bytes, time of change in nanoseconds."""

    path: str
    size: int
    changed: int


class ModelIndex:
    """An opened index; `close` it, or use it as a context manager."""

    def __init__(self, folder: Path, write: bool = False) -> None:
        self.folder = folder
        self._quick: tuple[Path | None, Any] = None, None
        file = folder / DATABASE
        if not folder.exists():
            raise InputError(f"{folder} does not exist", "name an index, or the folder that it was made of")
        if not file.is_file():
            raise InputError(f"{folder} holds no index of models", "make one with lift3d index FOLDER")
        self.connection = sqlite3.connect(
            f"{file.resolve().as_uri()}?mode={'rw' if write else 'ro'}", uri=True, timeout=2.0
        )
        try:
            with self._guarded():
                self._check()
        except BaseException:
            self.connection.close()
            raise

    @staticmethod
    def create(folder: Path, space: str, root: str) -> ModelIndex:
        """A new, empty index; root: the folder of models, as the index names it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            base = sqlite3.connect(folder / DATABASE)
        except (OSError, sqlite3.Error) as error:
            raise (
                write_error(error, folder) if isinstance(error, OSError) else _unwritten(folder, error)
            ) from error
        try:
            with contextlib.closing(base), base:
                base.executescript(f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; {_TABLES}")
                told = {"version": str(VERSION), "space": space, "root": root, "generation": "0"}
                base.executemany("INSERT INTO meta VALUES (?, ?)", told.items())
        except sqlite3.Error as error:
            raise _unwritten(folder, error) from error
        return ModelIndex(folder, write=True)

    def _check(self) -> None:
        for limit, most in (
            (sqlite3.SQLITE_LIMIT_LENGTH, 1 << 24),
            (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        ):
            self.connection.setlimit(limit, most)
        self.connection.execute("PRAGMA trusted_schema = OFF")
        if not (self.folder / DATABASE).stat().st_size:
            raise sqlite3.DatabaseError("it is empty")
        if self.connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise InputError(f"{self.folder / DATABASE} is no index of lift3d", "give the folder of an index")
        if self.connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE type NOT IN ('table', 'index')"
        ).fetchone():
            raise sqlite3.DatabaseError("it holds more than tables")
        version = self.meta("version")
        if version != str(VERSION):
            raise InputError(
                f"{self.folder} is an index of version {version[:20]}, and this program reads version {VERSION}",
                self._anew(),
            )

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """SQLite's complaints as one sentence."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise InputError(
                    f"another lift3d is at work on {self.folder}", "wait until it is done"
                ) from error
            raise self._damaged(error) from error
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            raise self._damaged(error) from error

    def _anew(self) -> str:
        return f"delete the index, {self.folder}, and run lift3d index again"

    def _damaged(self, error: Exception) -> InputError:
        text = " ".join(str(error).split())[:80]
        if "disk" in text and "full" in text:
            return _unwritten(self.folder, error)
        return InputError(
            f"{self.folder / DATABASE} is damaged ({text})",
            self._anew(),
        )

    def meta(self, name: str) -> str:
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        if row is None or not isinstance(row[0], str):
            raise sqlite3.DatabaseError(f"it does not tell its {name}")
        return row[0]

    @property
    def space(self) -> str:
        with self._guarded():
            return self.meta("space")

    @property
    def root(self) -> Path:
        """The folder of the models."""
        with self._guarded():
            return (self.folder / self.meta("root")).resolve()

    def require(self, space: str) -> None:
        """InputError unless the vectors are of this space."""
        if self.space != space:
            raise InputError(
                f"{self.folder} was made with other weights",
                self._anew(),
            )

    def __len__(self) -> int:
        with self._guarded():
            return int(self.connection.execute("SELECT count(*) FROM things").fetchone()[0])

    def files(self) -> dict[str, tuple[IndexedFile, str]]:
        """What is held, with its sum, by path; rows whose vectors are damaged are not, and will be made anew."""
        with self._guarded():
            rows = self.connection.execute(
                "SELECT path, size, changed, sha256 FROM things WHERE length(vectors) > 0 AND length(vectors) % ? = 0",
                (2 * DIMENSIONS,),
            ).fetchall()
            return {str(p): (IndexedFile(str(p), int(s), int(c)), str(sha)) for p, s, c, sha in rows}

    def unreadable(self) -> dict[str, tuple[IndexedFile, str]]:
        """What could not be read when it was last tried, and why."""
        with self._guarded():
            rows = self.connection.execute("SELECT path, size, changed, why FROM refused").fetchall()
            return {str(p): (IndexedFile(str(p), int(s), int(c)), str(why)) for p, s, c, why in rows}

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction, and the next generation."""
        with self._guarded(), self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
            after = str(int(self.meta("generation")) + 1)
            self.connection.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (after,))

    def put(self, things: Sequence[tuple[IndexedFile, str, F32]]) -> None:
        """Enter models with their sums and vectors, in the place of what was under their paths."""
        with self._change() as base:
            for file, sha256, vectors in things:
                self._take_out(base, [file.path])
                packed = np.asarray(vectors, "<f2").tobytes()
                at = base.execute(
                    "INSERT INTO things (path, size, changed, sha256, vectors) VALUES (?, ?, ?, ?, ?)",
                    (file.path, file.size, file.changed, sha256, packed),
                ).lastrowid
                centre = np.asarray(centroid_of(np.asarray(vectors, np.float32)), "<f2").tobytes()
                base.execute("INSERT INTO centres VALUES (?, ?)", (at, centre))

    def remove(self, paths: Sequence[str]) -> None:
        with self._change() as base:
            self._take_out(base, paths)

    @staticmethod
    def _take_out(base: sqlite3.Connection, paths: Sequence[str]) -> None:
        for path in paths:
            base.execute("DELETE FROM centres WHERE id IN (SELECT id FROM things WHERE path = ?)", (path,))
            base.execute("DELETE FROM things WHERE path = ?", (path,))
            base.execute("DELETE FROM refused WHERE path = ?", (path,))

    def mark_unreadable(self, file: IndexedFile, why: str) -> None:
        """Note what could not be read, so that it is tried again only when it has changed."""
        with self._change() as base:
            self._take_out(base, [file.path])
            base.execute("INSERT INTO refused VALUES (?, ?, ?, ?)", (file.path, file.size, file.changed, why))

    def touch(self, files: Sequence[IndexedFile]) -> None:
        """Note sizes and times of files whose contents have not changed."""
        with self._guarded(), self.connection:
            for file in files:
                self.connection.execute(
                    "UPDATE things SET size = ?, changed = ? WHERE path = ?",
                    (file.size, file.changed, file.path),
                )

    def centroids(self) -> tuple[NDArray[np.int64], F32]:
        """Numbers (N,) and centres (N, D) of all."""
        with self._guarded():
            rows = self.connection.execute("SELECT id, centre FROM centres ORDER BY id").fetchall()
            numbers = np.array([r[0] for r in rows], np.int64)
            packed = b"".join(r[1] for r in rows)
            return numbers, np.frombuffer(packed, "<f2").reshape(len(rows), DIMENSIONS).astype(np.float32)

    def _graph_file(self) -> Path:
        return self.folder / f"{GRAPH}{int(self.meta('generation'))}.usearch"

    def update_graph(self) -> bool:
        """Bring the graph to the tables' state, or drop it where none is needed; False where the library is missing."""
        with self._guarded():
            wanted = self._graph_file()
        old = sorted(self.folder.glob(f"{GRAPH}*.usearch"))
        if len(self) < GRAPH_LIMIT or not graph.is_installed():
            for path in old:
                with contextlib.suppress(OSError):
                    path.unlink()
            return len(self) < GRAPH_LIMIT
        if wanted.is_file() and graph.is_valid(wanted, DIMENSIONS):
            return True
        numbers, centres = self.centroids()
        held = next(
            (g for p in reversed(old) if (g := graph.open_graph(p, DIMENSIONS, view=False)) is not None), None
        )
        if held is None:
            held = graph.create_graph(DIMENSIONS)
            graph.add(held, numbers, centres)
        else:  # numbers are never given twice: one that is there has not changed
            there = np.asarray(held.keys, np.int64) if len(held) else np.zeros(0, np.int64)
            for number in np.setdiff1d(there, numbers):
                held.remove(int(number))
            new = ~np.isin(numbers, there)
            graph.add(held, numbers[new], centres[new])
        graph.save(held, wanted)
        for path in old:
            if path != wanted:
                with contextlib.suppress(OSError):
                    path.unlink()
        return True

    def search(self, query: Embedding, count: int, mix: SimilarityWeights) -> Neighbours:
        """The `count` nearest, or all if there are fewer. InputError for vectors of another space."""
        if not 1 <= count <= MAX_COUNT:
            raise InputError(f"{count} finds were asked for", f"ask for 1 to {MAX_COUNT}")
        self.require(query.space)
        numbers = self._candidates(query, count, mix)
        with self._guarded():
            rows = []
            for at in range(0, len(numbers), 500):
                some = [int(n) for n in numbers[at : at + 500]]
                marks = ",".join("?" * len(some))
                rows += self.connection.execute(
                    f"SELECT path, vectors FROM things WHERE id IN ({marks}) ORDER BY path", some
                ).fetchall()
            if not rows:
                return Neighbours(())
            held = [np.frombuffer(v, "<f2").reshape(-1, DIMENSIONS)[:MAX_VECTORS] for _, v in rows]
            if not all(len(h) for h in held):
                raise ValueError("a model without vectors")
        owners = np.repeat(np.arange(len(rows)), [len(h) for h in held])
        vectors = np.concatenate(held).astype(np.float32)
        judge = find_classifier(query.space)
        told = None if judge is None else (judge.classify(query), judge.classify_all(vectors, owners))
        with np.errstate(all="ignore"):
            scores = similarity_scores(query, vectors, owners, mix, len(rows), told)
            scores = np.nan_to_num(scores, nan=-9.0, posinf=-9.0)
        best = np.argsort(-scores, kind="stable")[:count]
        return Neighbours(tuple(Neighbour(str(rows[i][0]), float(scores[i])) for i in best))

    def _candidates(self, query: Embedding, count: int, mix: SimilarityWeights) -> NDArray[np.int64]:
        """Numbers of the models that are compared in full: all, if they are few."""
        with self._guarded():
            some = self.connection.execute(f"SELECT id FROM things LIMIT {EXACT_LIMIT + 1}").fetchall()
        if len(some) <= EXACT_LIMIT:
            return np.array([row[0] for row in some], np.int64)
        asked, wanted = query_vector(query, mix), max(CANDIDATES, 2 * count)
        with self._guarded():
            file = self._graph_file()
        if graph.is_installed() and self._quick[0] != file:
            self._quick = file, graph.open_graph(file, DIMENSIONS)
        if self._quick[0] == file and self._quick[1] is not None:
            return graph.nearest(self._quick[1], asked, wanted)
        numbers, centres = self.centroids()
        return numbers[np.argsort(-(centres @ asked), kind="stable")[:wanted]]

    def close(self) -> None:
        self._quick = None, None
        self.connection.close()

    def __enter__(self) -> ModelIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unwritten(folder: Path, error: Exception) -> InputError:
    return InputError(
        f"cannot write {folder}: {' '.join(str(error).split())[:80]}", "check the disk and the permissions"
    )
