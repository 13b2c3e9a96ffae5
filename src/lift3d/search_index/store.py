"""An index of models on disk: the SQLite database (search_index/database.py), and a graph derived from it for fast search.

    index.sqlite        models with their vectors, files that could not be read
    near-GENERATION     graph of nearest neighbours (search_index/hnsw.py) of that generation; absent for small indices

Each change is one transaction and increments the generation; a graph of another generation is not used.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.inference.embedding import (
    APPEARANCE_DIM,
    CATEGORY_DIM,
    SimilarityWeights,
    mean_vector,
)
from lift3d.inference.embedding_classifier import find_classifier
from lift3d.search_index import hnsw as graph
from lift3d.search_index.database import (
    MODELS,
    IndexedFile,
    create_database,
    diagnosed,
    open_database,
    other_weights_hint,
    read_meta,
)
from lift3d.search_index.ranking import WORDS_WEIGHT, query_vector, similarity_scores
from lift3d.search_index.word_match import path_patterns, words_nearness
from lift3d.types import F32, Embedding, Neighbour, Neighbours

GRAPH = "near-"
DIMENSIONS = APPEARANCE_DIM + CATEGORY_DIM
EXACT_LIMIT = 1500
"""Maximum number of models for which every model is compared in full."""
CANDIDATES = 128
"""Minimum number of models that are compared in full in a larger index; at least twice the number of results."""
GRAPH_LIMIT = 20_000
"""Number of models from which on a graph is stored; in a smaller index all centroids are compared."""
MAX_VECTORS = 64
"""Maximum number of vectors of a model that are compared."""
MAX_COUNT = 1000
"""Maximum number of results of a search."""
BATCH_SIZE = 500
"""Number of models that one SQL statement reads."""


class ModelIndex:
    """An open index; `close` it, or use it as a context manager. write: whether it may be changed. InputError as in
    `open_database`."""

    def __init__(self, folder: Path, write: bool = False) -> None:
        self.folder = folder
        self._graph: tuple[Path | None, Any] = None, None
        self.connection = open_database(folder, write)

    @staticmethod
    def create(folder: Path, space: str, root: str) -> ModelIndex:
        """A new, empty index. space: the embedding space of its vectors; root: the folder of models, relative to the index.
        InputError where it cannot be written."""
        create_database(folder, space, root)
        return ModelIndex(folder, write=True)

    def _diagnosed(self) -> contextlib.AbstractContextManager[None]:
        return diagnosed(self.folder)

    @property
    def space(self) -> str:
        """The embedding space of the vectors."""
        with self._diagnosed():
            return read_meta(self.connection, "space")

    @property
    def root(self) -> Path:
        """The folder of the models."""
        with self._diagnosed():
            return (self.folder / read_meta(self.connection, "root")).resolve()

    def require(self, space: str) -> None:
        """Raise InputError unless the vectors belong to this embedding space."""
        if self.space != space:
            raise InputError(
                f"{self.folder} was created with other weights", other_weights_hint(self.folder, self.space)
            )

    def __len__(self) -> int:
        with self._diagnosed():
            return int(self.connection.execute(f"SELECT count(*) FROM {MODELS}").fetchone()[0])

    def files(self) -> dict[str, tuple[IndexedFile, str]]:
        """Path -> file and sha256 of every model. Models with damaged vectors are omitted, so that they are indexed again."""
        with self._diagnosed():
            rows = self.connection.execute(
                f"SELECT path, size, changed, sha256 FROM {MODELS} WHERE length(vectors) > 0 AND length(vectors) % ? = 0",
                (2 * DIMENSIONS,),
            ).fetchall()
            return {str(p): (IndexedFile(str(p), int(s), int(c)), str(sha)) for p, s, c, sha in rows}

    def unreadable(self) -> dict[str, tuple[IndexedFile, str]]:
        """Path -> file and reason, of every file that could not be read at the last attempt."""
        with self._diagnosed():
            rows = self.connection.execute("SELECT path, size, changed, why FROM refused").fetchall()
            return {str(p): (IndexedFile(str(p), int(s), int(c)), str(why)) for p, s, c, why in rows}

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, which increments the generation."""
        with self._diagnosed(), self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection
            after = str(int(read_meta(self.connection, "generation")) + 1)
            self.connection.execute("UPDATE meta SET value = ? WHERE name = 'generation'", (after,))

    def put(self, models: Sequence[tuple[IndexedFile, str, F32]]) -> None:
        """Insert models as (file, sha256, vectors (V, D)); rows with the same paths are replaced."""
        with self._transaction() as connection:
            for file, sha256, vectors in models:
                self._delete(connection, [file.path])
                packed = np.asarray(vectors, "<f2").tobytes()
                row = connection.execute(
                    f"INSERT INTO {MODELS} (path, size, changed, sha256, vectors) VALUES (?, ?, ?, ?, ?)",
                    (file.path, file.size, file.changed, sha256, packed),
                ).lastrowid
                centroid = np.asarray(mean_vector(np.asarray(vectors, np.float32)), "<f2").tobytes()
                connection.execute("INSERT INTO centres VALUES (?, ?)", (row, centroid))

    def remove(self, paths: Sequence[str]) -> None:
        """Delete models and unreadable files by path."""
        with self._transaction() as connection:
            self._delete(connection, paths)

    @staticmethod
    def _delete(connection: sqlite3.Connection, paths: Sequence[str]) -> None:
        for path in paths:
            connection.execute(
                f"DELETE FROM centres WHERE id IN (SELECT id FROM {MODELS} WHERE path = ?)", (path,)
            )
            connection.execute(f"DELETE FROM {MODELS} WHERE path = ?", (path,))
            connection.execute("DELETE FROM refused WHERE path = ?", (path,))

    def mark_unreadable(self, file: IndexedFile, why: str) -> None:
        """Record that a file cannot be read, so that it is read again only after it has changed."""
        with self._transaction() as connection:
            self._delete(connection, [file.path])
            row = (file.path, file.size, file.changed, why)
            connection.execute("INSERT INTO refused VALUES (?, ?, ?, ?)", row)

    def touch(self, files: Sequence[IndexedFile]) -> None:
        """Update sizes and times of files whose contents have not changed."""
        with self._diagnosed(), self.connection:
            for file in files:
                self.connection.execute(
                    f"UPDATE {MODELS} SET size = ?, changed = ? WHERE path = ?",
                    (file.size, file.changed, file.path),
                )

    def centroids(self) -> tuple[NDArray[np.int64], F32]:
        """Ids (N,) and centroids (N, D) of all models."""
        with self._diagnosed():
            rows = self.connection.execute("SELECT id, centre FROM centres ORDER BY id").fetchall()
            ids = np.array([r[0] for r in rows], np.int64)
            packed = b"".join(r[1] for r in rows)
            return ids, np.frombuffer(packed, "<f2").reshape(len(rows), DIMENSIONS).astype(np.float32)

    def _graph_file(self) -> Path:
        return self.folder / f"{GRAPH}{int(read_meta(self.connection, 'generation'))}.usearch"

    def update_graph(self) -> bool:
        """Update the graph to the generation of the tables, or delete it where none is needed. False where a graph is needed
        but usearch is not installed."""
        with self._diagnosed():
            target = self._graph_file()
        old = sorted(self.folder.glob(f"{GRAPH}*.usearch"))
        if len(self) < GRAPH_LIMIT or not graph.is_installed():
            _unlink(old)
            return len(self) < GRAPH_LIMIT
        if target.is_file() and graph.is_valid(target, DIMENSIONS):
            return True
        ids, centroids = self.centroids()
        opened = (graph.open_graph(path, DIMENSIONS, view=False) for path in reversed(old))
        current = next((g for g in opened if g is not None), None)
        if current is None:
            current = graph.create_graph(DIMENSIONS)
            graph.add(current, ids, centroids)
        else:  # ids are never reused: a model whose id is in the graph has not changed
            present = np.asarray(current.keys, np.int64) if len(current) else np.zeros(0, np.int64)
            for key in np.setdiff1d(present, ids):
                current.remove(int(key))
            new = ~np.isin(ids, present)
            graph.add(current, ids[new], centroids[new])
        graph.save(current, target)
        _unlink([path for path in old if path != target])
        return True

    def search(self, query: Embedding, count: int, weights: SimilarityWeights) -> Neighbours:
        """The `count` most similar models, or all if there are fewer, the best first. InputError for a query of another
        embedding space, or a count outside of 1 to 1000."""
        if not 1 <= count <= MAX_COUNT:
            raise InputError(f"cannot search for {count} models", f"give a count from 1 to {MAX_COUNT}")
        self.require(query.space)
        ids = self._candidates(query, count, weights)
        with self._diagnosed():
            rows = self._read(ids)
            if not rows:
                return Neighbours(())
            models = [np.frombuffer(v, "<f2").reshape(-1, DIMENSIONS)[:MAX_VECTORS] for _, v in rows]
            if not all(len(m) for m in models):
                raise ValueError("a model without vectors")
        owners = np.repeat(np.arange(len(rows)), [len(m) for m in models])
        vectors = np.concatenate(models).astype(np.float32)
        classifier = find_classifier(query.space)
        probabilities = (
            None
            if classifier is None
            else (classifier.classify(query), classifier.classify_all(vectors, owners))
        )
        nearness: F32 | None = None
        if query.words is not None:
            categories = None if probabilities is None else probabilities[1]
            nearness = words_nearness(query.words, [str(path) for path, _ in rows], categories, classifier)
        with np.errstate(all="ignore"):
            scores = similarity_scores(query, vectors, owners, weights, len(rows), probabilities)
            scores = scores if nearness is None else scores + WORDS_WEIGHT * nearness
            scores = np.nan_to_num(scores, nan=-9.0, posinf=-9.0)
        best = np.argsort(-scores, kind="stable")[:count]
        # without a classifier only names are compared, and a model without a telling name may be near all the same
        judged = nearness is not None and classifier is not None
        near = nearness.round(4).tolist() if nearness is not None and judged else [None] * len(rows)
        return Neighbours(tuple(Neighbour(str(rows[i][0]), float(scores[i]), near[i]) for i in best))

    def _read(self, ids: NDArray[np.int64]) -> list[tuple[str, bytes]]:
        """(path, vectors) of models by id, in batches."""
        rows: list[tuple[str, bytes]] = []
        for first in range(0, len(ids), BATCH_SIZE):
            some = [int(n) for n in ids[first : first + BATCH_SIZE]]
            marks = ",".join("?" * len(some))
            rows += self.connection.execute(
                f"SELECT path, vectors FROM {MODELS} WHERE id IN ({marks}) ORDER BY path", some
            ).fetchall()
        return rows

    def _candidates(self, query: Embedding, count: int, weights: SimilarityWeights) -> NDArray[np.int64]:
        """Ids of the models that are compared in full: all, if they are few, else those with the nearest centroids."""
        with self._diagnosed():
            some = self.connection.execute(f"SELECT id FROM {MODELS} LIMIT {EXACT_LIMIT + 1}").fetchall()
        if len(some) <= EXACT_LIMIT:
            return np.array([row[0] for row in some], np.int64)
        vector, wanted = query_vector(query, weights), max(CANDIDATES, 2 * count)
        return np.union1d(self._nearest(vector, wanted), self._named(query.words or "", wanted))

    def _named(self, words: str, wanted: int) -> NDArray[np.int64]:
        """Ids of at most `wanted` models whose path contains a word of the query."""
        found: list[int] = []
        with self._diagnosed():
            for pattern in path_patterns(words):
                sql = f"SELECT id FROM {MODELS} WHERE path LIKE ? ORDER BY id LIMIT ?"
                found += [int(row[0]) for row in self.connection.execute(sql, (pattern, wanted))]
        return np.array(found[:wanted], np.int64)

    def _nearest(self, vector: F32, wanted: int) -> NDArray[np.int64]:
        """Ids of the models whose centroids are nearest to a vector, by the graph if there is one."""
        with self._diagnosed():
            file = self._graph_file()
        if graph.is_installed() and self._graph[0] != file:
            self._graph = file, graph.open_graph(file, DIMENSIONS)
        if self._graph[0] == file and self._graph[1] is not None:
            return graph.nearest(self._graph[1], vector, wanted)
        ids, centroids = self.centroids()
        return ids[np.argsort(-(centroids @ vector), kind="stable")[:wanted]]

    def close(self) -> None:
        """Close the database and the graph."""
        self._graph = None, None
        self.connection.close()

    def __enter__(self) -> ModelIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
