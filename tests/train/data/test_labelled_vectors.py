"""Shapes with known categories among embedding vectors: their rows, and the vectors by which a model is known."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.train.data.embedding_vectors import EmbeddingVectors  # noqa: E402
from lift3d.train.data.labelled_vectors import select_labelled  # noqa: E402


class Table:
    """A corpus with nothing but categories."""

    def column(self, name: str) -> list[str]:
        return ["a", "x", "b", "a"]


CORPUS, NAMES = cast(Corpus, Table()), ("a", "b")
VECTORS = EmbeddingVectors(
    np.arange(4), np.arange(6, dtype=np.float16)[:, None], np.array([0, 0, 1, 2, 2, 2]),
    10 * np.arange(8, dtype=np.float16).reshape(4, 2, 1), "space", "digest",
)  # fmt: skip
RENDERED = replace(
    VECTORS, renderings=100 + np.arange(3, dtype=np.float16)[:, None], rendered=np.array([0, 2, 2])
)


def test_shapes_of_other_categories_are_left_out() -> None:
    part = select_labelled(VECTORS, CORPUS, NAMES)
    assert part.rows.tolist() == [0, 2, 3] and part.targets.tolist() == [0, 1, 0]
    assert [rows.tolist() for rows in part.pictures] == [[0, 1], [3, 4, 5], []] and part.renderings == []
    assert [part.views(k).tolist() for k in range(3)] == [[0.5], [4.0], [0.0]]


def test_a_model_is_its_solid_and_its_renderings_or_else_its_pictures() -> None:
    plain, rendered = (select_labelled(v, CORPUS, NAMES) for v in (VECTORS, RENDERED))
    assert [plain.model(k)[:, 0].tolist() for k in range(3)] == [[0, 0, 1], [40, 3, 4, 5], [60]]
    assert [rendered.model(k)[:, 0].tolist() for k in range(3)] == [[0, 100], [40, 101, 102], [60]]
