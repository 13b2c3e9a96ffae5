"""The index on disk: inserted models are found, removed models are not, and every error is one diagnosis."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.inference.embedding import APPEARANCE_DIM, PACKAGED, SimilarityWeights, mean_vector, space_of
from lift3d.search_index import hnsw as graph
from lift3d.search_index import store
from lift3d.search_index.database import DATABASE
from lift3d.search_index.ranking import TEXT_CATEGORY_WEIGHT, similarity_scores
from lift3d.search_index.store import IndexedFile, ModelIndex
from lift3d.types import Embedding, Neighbours
from lift3d.weights import find

MIX = SimilarityWeights()


def thing(seed: int, rows: int = 5) -> np.ndarray:
    """Vectors of a model: near each other, with halves of unit length."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(256) + 0.4 * rng.standard_normal((rows, 256))
    x[:, :APPEARANCE_DIM] /= np.linalg.norm(x[:, :APPEARANCE_DIM], axis=1, keepdims=True)
    x[:, APPEARANCE_DIM:] /= np.linalg.norm(x[:, APPEARANCE_DIM:], axis=1, keepdims=True)
    return x.astype(np.float32)


def file(n: int) -> IndexedFile:
    return IndexedFile(f"m/{n}.stl", n + 1, 1000 + n)


def asked(n: int, row: int = 2, of: str = "image") -> Embedding:
    return Embedding(thing(n)[row : row + 1], of, "s")


def full(folder: Path, count: int) -> ModelIndex:
    made = ModelIndex.create(folder, "s", "..")
    made.put([(file(n), f"sum{n}", thing(n)) for n in range(count)])
    return made


def names(found: Neighbours) -> list[str]:
    return [n.name for n in found.items]


def test_a_model_is_found_by_each_of_its_views(tmp_path: Path) -> None:
    with full(tmp_path / "i", 40) as held:
        for n in range(40):
            found = held.search(asked(n), 3, MIX)
            assert names(found)[0] == file(n).path and len(found) == 3
            assert found.items[0].score == pytest.approx(0.6 + 0.2 * 0.8 + 0.2 * 0.9, abs=0.12)
        assert len(held.search(asked(0), 1000, MIX)) == 40, "more than there are"


@pytest.mark.parametrize("count", [0, -1, 10**6])
def test_counts_out_of_range_are_refused(tmp_path: Path, count: int) -> None:
    with full(tmp_path / "i", 2) as held, pytest.raises(InputError, match="cannot search for"):
        held.search(asked(0), count, MIX)


def test_text_queries_ignore_appearance(tmp_path: Path) -> None:
    said = thing(3)[:1].copy()
    said[:, :APPEARANCE_DIM] = 0
    with full(tmp_path / "i", 20) as held:
        assert names(held.search(Embedding(said, "text", "s"), 1, MIX)) == [file(3).path]


def test_replace_remove_and_open_again(tmp_path: Path) -> None:
    with full(tmp_path / "i", 10) as held:
        held.put([(file(3), "other", thing(77))])
        held.remove([file(4).path])
        held.mark_unreadable(file(5), "is damaged")
    with ModelIndex(tmp_path / "i") as held:
        assert len(held) == 8
        assert names(held.search(asked(77), 1, MIX)) == [file(3).path]
        assert held.files()[file(3).path] == (file(3), "other")
        assert file(4).path not in names(held.search(asked(4), 10, MIX))
        assert held.unreadable() == {file(5).path: (file(5), "is damaged")}


def test_a_failed_transaction_changes_nothing(tmp_path: Path) -> None:
    with full(tmp_path / "i", 5) as held:
        before = held.files()
        with pytest.raises(Exception, match="."):
            held.put([(file(1), "new", thing(1)), (file(2), None, thing(2))])  # type: ignore[list-item]
        assert held.files() == before and len(held.search(asked(1), 5, MIX)) == 5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("prx"), st.integers(0, 5), st.integers(0, 30)), max_size=12))
@pytest.mark.slow
def test_any_sequence_of_changes_agrees_with_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    truth: dict[str, int] = {}
    with ModelIndex.create(tmp_path_factory.mktemp("h"), "s", "..") as held:
        for what, name, seed in steps:
            path = file(name).path
            if what == "p":
                held.put([(file(name), str(seed), thing(seed))])
                truth[path] = seed
            else:
                held.remove([path]) if what == "r" else held.mark_unreadable(file(name), "why")
                truth.pop(path, None)
        assert {p: int(sha) for p, (_, sha) in held.files().items()} == truth
        assert sorted(names(held.search(asked(1), 20, MIX))) == sorted(truth)
        numbers, centres = held.centroids()
        assert len(numbers) == len(truth) == len(centres)


@pytest.mark.parametrize("quick", [False, True])
def test_large_and_small_indices_have_the_same_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    """Centroids and graph choose candidates, whose exact order is the same."""
    if quick:
        pytest.importorskip("usearch")
        monkeypatch.setattr(store, "GRAPH_LIMIT", 100)
    else:
        monkeypatch.setattr(graph, "is_installed", lambda: False)
    with full(tmp_path / "i", 400) as held:
        exact = [names(held.search(asked(n), 5, MIX)) for n in range(0, 400, 20)]
        assert held.update_graph()
        monkeypatch.setattr(store, "EXACT_LIMIT", 10)
        monkeypatch.setattr(store, "CANDIDATES", 200)
        found = [names(held.search(asked(n), 5, MIX)) for n in range(0, 400, 20)]
        assert [f[0] for f in found] == [e[0] for e in exact]
        held.put([(file(900), "new", thing(900))])
        assert names(held.search(asked(900), 1, MIX)) == [file(900).path], "the graph is of before: not used"
        held.update_graph()
        assert len(list((tmp_path / "i").glob("near-*"))) == (1 if quick else 0)
        assert names(held.search(asked(900), 1, MIX)) == [file(900).path]


def test_a_damaged_graph_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch")
    monkeypatch.setattr(store, "GRAPH_LIMIT", 10)
    monkeypatch.setattr(store, "EXACT_LIMIT", 5)
    with full(tmp_path / "i", 30) as held:
        held.update_graph()
        (path,) = (tmp_path / "i").glob("near-*")
        path.write_bytes(path.read_bytes()[:-9])
        assert names(held.search(asked(7), 1, MIX)) == [file(7).path]
        held.update_graph()
        assert graph.is_valid(path, 256)


def test_scores_agree_with_a_slow_twin() -> None:
    rng = np.random.default_rng(0)
    things = [thing(n, rows) for n, rows in enumerate((1, 4, 13))]
    owners = np.repeat(np.arange(3), [len(t) for t in things])
    query = Embedding(thing(9, 3), "shape", "s")
    said = similarity_scores(query, np.concatenate(things), owners, MIX, 3)
    for t, score in zip(things, said):
        views, q = (t[1:] if len(t) > 1 else t), query.vectors
        by_views = np.mean(
            [max(float(v[:APPEARANCE_DIM] @ a[:APPEARANCE_DIM]) for v in views) for a in q[1:]]
        )
        kind = mean_vector(t)[APPEARANCE_DIM:] @ q[:, APPEARANCE_DIM:].mean(0)
        slow = 0.6 * by_views + 0.2 * float(t[0, :APPEARANCE_DIM] @ q[0, :APPEARANCE_DIM]) + 0.2 * kind
        assert score == pytest.approx(slow, abs=1e-5)
    assert rng is not None


def test_sharp_scores_are_probabilities() -> None:
    things = [thing(n, rows) for n, rows in enumerate((1, 4, 13))]
    owners = np.repeat(np.arange(3), [len(t) for t in things])
    vectors, query = np.concatenate(things), Embedding(thing(9, 1), "image", "s")
    kinds = np.random.default_rng(1).dirichlet(np.ones(5), 4).astype(np.float32)
    told, looks = (kinds[3], kinds[:3]), []
    for t in things:
        views = t[1:] if len(t) > 1 else t
        by_views = max(float(v[:APPEARANCE_DIM] @ query.vectors[0, :APPEARANCE_DIM]) for v in views)
        looks.append(
            0.75 * by_views + 0.25 * float(t[0, :APPEARANCE_DIM] @ query.vectors[0, :APPEARANCE_DIM])
        )
    weight = [np.exp(8 * x) for x in looks]
    likely = [w / sum(weight) for w in weight]
    kind = 0.5 * kinds[3] + 0.5 * sum(p * k for p, k in zip(likely, kinds))
    slow = [0.8 * p + 0.2 * float(k @ kind) for p, k in zip(likely, kinds)]
    said = similarity_scores(query, vectors, owners, SimilarityWeights(0.6, 0.2, 0.2, 8, 0.5), 3, told)
    np.testing.assert_allclose(said, slow, atol=1e-5)
    assert similarity_scores(query, vectors, owners, SimilarityWeights(1, 0, 0, 8), 3).sum() == pytest.approx(
        1, abs=1e-5
    )


def test_sharpness_preserves_the_order_of_appearance() -> None:
    things = [thing(n, 3) for n in range(20)]
    owners, query = np.repeat(np.arange(20), 3), Embedding(thing(9, 1), "image", "s")
    orders = [
        np.argsort(
            -similarity_scores(
                query, np.concatenate(things), owners, SimilarityWeights(0.7, 0.3, 0, sharp), 20
            )
        )
        for sharp in (0.0, 10.0)
    ]
    assert (orders[0] == orders[1]).all()


def test_text_scores_depend_on_the_category_alone() -> None:
    things = [thing(n, 3) for n in range(4)]
    owners, words = np.repeat(np.arange(4), 3), Embedding(thing(9, 1), "text", "s")
    vectors = np.concatenate(things)
    plain = similarity_scores(words, vectors, owners, SimilarityWeights(1, 0, 0, 40), 4)
    slow = [float(mean_vector(t)[APPEARANCE_DIM:] @ words.vectors[0, APPEARANCE_DIM:]) for t in things]
    np.testing.assert_allclose(plain, slow, atol=1e-5)
    kinds = np.eye(4, dtype=np.float32)
    named = similarity_scores(words, vectors, owners, SimilarityWeights(1, 0, 0, 40), 4, (kinds[2], kinds))
    np.testing.assert_allclose(named, np.array(slow) + TEXT_CATEGORY_WEIGHT * kinds[2], atol=1e-5)


def test_folders_without_an_index_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no index"):
        ModelIndex(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        ModelIndex(tmp_path / "none")
    (tmp_path / DATABASE).write_bytes(b"")
    with pytest.raises(InputError, match="damaged.*delete the index, "):
        ModelIndex(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"something else" * 100)
    with pytest.raises(InputError, match="damaged"):
        ModelIndex(tmp_path)
    other = tmp_path / "o"
    other.mkdir()
    base = sqlite3.connect(other / DATABASE)
    base.execute("CREATE TABLE a (b)")
    base.commit()
    base.close()
    with pytest.raises(InputError, match="not an index of lift3d"):
        ModelIndex(other)


def test_other_versions_and_other_weights_are_refused(tmp_path: Path) -> None:
    with full(tmp_path / "i", 2) as held:
        with pytest.raises(InputError, match="other weights.*run lift3d index again"):
            held.search(Embedding(thing(0)[:1], "image", "t"), 1, MIX)
        held.connection.execute("UPDATE meta SET value = '9' WHERE name = 'version'")
        held.connection.commit()
    with pytest.raises(InputError, match="version 9.*run lift3d index again"):
        ModelIndex(tmp_path / "i")


def test_an_index_of_other_packaged_weights_names_them(tmp_path: Path) -> None:
    for name in PACKAGED:
        with ModelIndex.create(tmp_path / name, space_of(find(name)), "..") as made:
            made.put([(file(0), "sum", thing(0))])
            made.require(space_of(find(name)))
            with pytest.raises(
                InputError, match=f"other weights.*give --weights {name}, or delete the index"
            ):
                made.require("another space")


@settings(max_examples=60, deadline=None)
@given(st.data())
@pytest.mark.slow
def test_a_damaged_file_is_one_diagnosis(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("d")
    full(folder, 6).close()
    held = bytearray((folder / DATABASE).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(held) - 17))
        held[at : at + 16] = os.urandom(16) if data.draw(st.booleans()) else bytes(16)
    (folder / DATABASE).write_bytes(bytes(held[: data.draw(st.sampled_from([len(held), len(held) // 2]))]))
    try:
        with ModelIndex(folder) as opened:
            assert len(opened.search(asked(1), 5, MIX)) <= 6
    except InputError as error:
        assert str(error).count("\n") == 0
