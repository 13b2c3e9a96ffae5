"""The nearest-neighbour graph: its results agree with exact search, and invalid files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.search_index import hnsw as graph

pytest.importorskip("usearch")
WIDE = 16


def vectors(n: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((n, WIDE)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    path, x = tmp_path_factory.mktemp("graph") / "a.usearch", vectors(600)
    made = graph.create_graph(WIDE)
    graph.add(made, np.arange(600) + 5, x)
    graph.save(made, path)
    return path, x


@pytest.mark.parametrize("view", [True, False])
def test_results_agree_with_exact_search(held: tuple[Path, np.ndarray], view: bool) -> None:
    path, x = held
    opened = graph.open_graph(path, WIDE, view)
    assert opened is not None and len(opened) == 600
    asked = vectors(40, 1)
    truth = np.argsort(-(asked @ x.T), 1)[:, :10] + 5
    found = [graph.nearest(opened, q, 10) for q in asked]
    assert np.mean([len(set(f) & set(t)) / 10 for f, t in zip(found, truth)]) > 0.97


def test_vectors_are_added_replaced_and_removed_without_a_rebuild(
    held: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    opened, new = graph.open_graph(held[0], WIDE, view=False), vectors(3, 7)
    assert opened is not None
    graph.add(opened, np.array([5, 6, 5000]), new)
    opened.remove(7)
    graph.save(opened, tmp_path / "b.usearch")
    again = graph.open_graph(tmp_path / "b.usearch", WIDE)
    assert again is not None and len(again) == 600
    assert [int(graph.nearest(again, v, 1)[0]) for v in new] == [5, 6, 5000]
    assert 7 not in graph.nearest(again, held[1][2], 600)


def test_an_empty_graph(tmp_path: Path) -> None:
    graph.save(graph.create_graph(WIDE), tmp_path / "e.usearch")
    assert graph.is_valid(tmp_path / "e.usearch", WIDE)


def test_other_dimensions_and_missing_files_are_refused(
    held: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    assert graph.open_graph(held[0], WIDE + 1) is None
    assert graph.open_graph(tmp_path / "none.usearch", WIDE) is None
    (tmp_path / "short").write_bytes(b"usearch")
    assert graph.open_graph(tmp_path / "short", WIDE) is None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 255), st.sampled_from(["set", "cut", "grow"]))
def test_a_damaged_file_is_refused_or_harmless(
    held: tuple[Path, np.ndarray], at: int, value: int, how: str
) -> None:
    """For any changed byte outside of the vectors, either the graph is refused or the search terminates."""
    data = bytearray(held[0].read_bytes())
    first = 8 + 600 * 2 * WIDE
    if how == "set":
        place = first + at % (len(data) - first) if at % 8 else at % 8
        data[place] = value
    else:
        data = data[: at % len(data)] if how == "cut" else data + bytes([value])
    path = held[0].with_name("damaged.usearch")
    path.write_bytes(bytes(data))
    opened = graph.open_graph(path, WIDE)
    if how != "set":
        assert opened is None
    elif opened is not None:
        assert len(graph.nearest(opened, held[1][0], 5)) <= 5
