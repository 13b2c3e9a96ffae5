"""The embedding's table: rows without shapes of unknown category, queries in words, and the text."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.evaluate.cases.embedding import RetrievalSet  # noqa: E402
from lift3d.evaluate.embedding import _row, format_table, text_scores  # noqa: E402
from lift3d.inference.embedding import APPEARANCE_DIM, CATEGORY_DIM  # noqa: E402
from lift3d.taxonomy.categories import UNKNOWN  # noqa: E402

KINDS = np.array(["chair", "chair", "table", UNKNOWN])


def vector(k: int) -> np.ndarray:
    """A vector whose category half is the k-th unit vector."""
    out = np.zeros(APPEARANCE_DIM + CATEGORY_DIM, np.float32)
    out[0] = out[APPEARANCE_DIM + k] = 1
    return out


class Words:
    """Texts that begin with a category's name have its vector; names of shapes have that of chairs."""

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        return np.stack([vector(1 if text.startswith("table") else 0) for text in texts])


class Named:
    def row(self, i: int) -> dict[str, str]:
        return {"name": f"Chair_{i}"}


def gallery() -> RetrievalSet:
    places = [vector(k) for k in (0, 0, 1, 2)]
    models = [np.stack([v, v]) for v in places]
    return RetrievalSet(
        [5, 6, 7, 8], np.zeros((4, 1), np.float32), np.stack(places), models, np.repeat(np.arange(4), 2), {}, "no space"
    )  # fmt: skip


def test_shapes_of_unknown_category_count_for_rank_alone() -> None:
    columns = {"first": np.array([1.0, 1, 1, 0]), "kin": np.array([0.5, 0.7, 0.9, 0.0])}
    row = _row(columns, KINDS, np.array(["a", "b", "c", "d"]))
    assert row["objects"] == {"first": 0.75, "kin": pytest.approx(0.7)}
    assert row["categories"] == {"first": 1.0, "kin": pytest.approx((0.6 + 0.9) / 2)}
    low, high = row["interval"]["kin"]
    assert low <= 0.75 <= high


def test_words_find_the_models_of_their_category() -> None:
    found = text_scores(gallery(), Words(), Named(), KINDS)  # type: ignore[arg-type]
    assert found["words"]["category"] == 1.0
    assert found["label"] == 1.0 == found["label_categories"]
    assert 0 < found["words"]["name_first"] <= found["words"]["name_five"] == 1.0


def test_the_text_names_words_where_they_were_measured() -> None:
    cells = {"objects": {"first": 0.5, "five": 0.75, "kin": 0.25}, "categories": {"kin": 0.125}}
    table = {"shapes": 9, "split": "test", "rows": {"photo: solid alone": cells}}
    lines = format_table(table)
    assert "9 shapes of the test split" in lines[0] and lines[2].split()[-4:] == [
        "0.500",
        "0.750",
        "0.250",
        "0.125",
    ]
    words = {"name_first": 0.1, "name_five": 0.2, "category": 0.6}
    longer = format_table({**table, "words": words, "label": 0.4, "label_categories": 0.3})
    assert len(longer) == len(lines) + 2 and "mAP 0.600" in longer[-2] and "accuracy 0.400" in longer[-1]
