"""Speed and recall of the index, on random models of several vectors each, against exact search.

    python benchmarks/search.py [--count 100000] [--rows 13]

Random vectors are the hardest case for a graph, because all are far apart. Each model is a random direction with `rows` vectors
around it. Writes results/search.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from lift3d.inference.embedding import APPEARANCE_DIM, SimilarityWeights
from lift3d.search_index import hnsw as graph
from lift3d.search_index.ranking import query_vector
from lift3d.search_index.store import DIMENSIONS, IndexedFile, ModelIndex
from lift3d.types import Embedding

HERE = Path(__file__).resolve().parent
QUERIES, CHUNK, WANTED = 100, 1000, 5
SPREAD = 0.7


def thing(number: int, rows: int) -> np.ndarray:
    """(rows, D) random vectors whose halves have unit length."""
    rng = np.random.default_rng(number)
    x = rng.standard_normal(DIMENSIONS) + SPREAD * rng.standard_normal((rows, DIMENSIONS))
    x[:, :APPEARANCE_DIM] /= np.linalg.norm(x[:, :APPEARANCE_DIM], axis=1, keepdims=True)
    x[:, APPEARANCE_DIM:] /= np.linalg.norm(x[:, APPEARANCE_DIM:], axis=1, keepdims=True)
    return x.astype(np.float32)


def asked(number: int, rows: int) -> Embedding:
    """The vector of a view of a model: its direction with slight noise."""
    rng = np.random.default_rng([number, 1])
    x = thing(number, rows)[rows // 2] + 0.04 * rng.standard_normal(DIMENSIONS)
    return Embedding(x[None].astype(np.float32), "image", "random")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=13)
    args = parser.parse_args()
    count, mix = args.count, SimilarityWeights()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with ModelIndex.create(Path(folder) / "i", "random", "..") as held:
            for at in range(0, count, CHUNK):
                some = range(at, min(at + CHUNK, count))
                held.put([(IndexedFile(f"{n}.stl", 1, 1), str(n), thing(n, args.rows)) for n in some])
            filled = time.perf_counter() - started
            started = time.perf_counter()
            held.update_graph()
            made = time.perf_counter() - started
            started = time.perf_counter()
            held.put([(IndexedFile("new.stl", 1, 1), "new", thing(count, args.rows))])
            held.remove(["0.stl"])
            held.update_graph()
            changed = time.perf_counter() - started
        numbers = np.random.default_rng(0).integers(1, count, QUERIES)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with ModelIndex(Path(folder) / "i") as held:
            started = time.perf_counter()
            held.search(asked(1, args.rows), WANTED, mix)
            first = time.perf_counter() - started
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            times, right = [], []
            for n in numbers:
                query = asked(int(n), args.rows)
                started = time.perf_counter()
                found = held.search(query, WANTED, mix)
                times.append(time.perf_counter() - started)
                right.append(found.items[0].name == f"{n}.stl")
            ids, centres = held.centroids()
            quick = graph.open_graph(held._graph_file(), DIMENSIONS)
            exact, missed = [], []
            for n in numbers[:50]:
                q = query_vector(asked(int(n), args.rows), mix)
                started = time.perf_counter()
                truth = ids[np.argsort(-(centres @ q), kind="stable")[:10]]
                exact.append(time.perf_counter() - started)
                if quick is not None:
                    missed.append(
                        1 - len(set(truth.tolist()) & set(graph.nearest(quick, q, 10).tolist())) / 10
                    )
        size = sum(p.stat().st_size for p in (Path(folder) / "i").iterdir()) / 1e6
    result = {
        "models": count, "vectors of each": args.rows, "search, median ms": round(1000 * float(np.median(times)), 2),
        "search, 95th percentile ms": round(1000 * float(np.percentile(times, 95)), 2),
        "exact search of centroids alone, median ms": round(1000 * float(np.median(exact)), 2),
        "query object at rank 1": round(float(np.mean(right)), 3),
        "recall of the ten nearest centroids": round(1 - float(np.mean(missed)), 4) if missed else None,
        "first search including opening, ms": round(1000 * first, 1), "memory for opening, MB": round(grown, 1),
        "on disk, MB": round(size, 1), "inserting all, s": round(filled, 1), "building the graph, s": round(made, 1),
        "one insertion and one removal, s": round(changed, 2),
    }  # fmt: skip
    (HERE / "results/search.json").write_text(json.dumps({"summary": result}, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
