"""The table of the embedding's classifier: vectors by owner, the nearest training shape, and the text."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.evaluate.classifier import accuracy_scores  # noqa: E402
from lift3d.evaluate.embedding_to_label import (  # noqa: E402
    FREQUENT,
    INPUTS,
    NETWORK,
    format_table,
    gather,
    nearest_targets,
)
from lift3d.train.data.embedding_vectors import EmbeddingVectors  # noqa: E402
from lift3d.train.data.labelled_vectors import LabelledSplit  # noqa: E402

EYE = np.eye(6, dtype=np.float16)


def split(kinds: list[int], pictures: list[int]) -> LabelledSplit:
    """Shapes whose vectors all are the unit vector of their category; pictures: the number of views of each."""
    owners = np.repeat(np.arange(len(kinds)), pictures)
    solids = EYE[np.array(kinds, np.int64)][:, None].repeat(2, 1)
    vectors = EmbeddingVectors(
        np.arange(len(kinds)), EYE[np.array(kinds, np.int64)[owners]], owners, solids, "s", "d"
    )
    first = np.searchsorted(owners, np.arange(len(kinds) + 1))
    rows = [np.arange(first[i], first[i + 1]) for i in range(len(kinds))]
    return LabelledSplit(vectors, np.arange(len(kinds)), rows, np.array(kinds, np.int64))


def test_vectors_are_those_of_the_solid_and_of_all_pictures_or_of_one() -> None:
    part = split([2, 0, 1], [3, 0, 1])
    vectors, owners = gather(part, np.array([2, 0]), "model")
    assert owners.tolist() == [0, 0, 1, 1, 1, 1] and vectors.argmax(1).tolist() == [1, 1, 2, 2, 2, 2]
    vectors, owners = gather(part, np.arange(3), "photo")
    assert owners.tolist() == [0, 1, 2] and vectors.sum(1).tolist() == [1, 0, 1], "no picture: zero"


def test_the_nearest_training_shape_gives_the_category() -> None:
    train, test = split([0, 1, 2], [1, 2, 0]), split([2, 1, 0, 1], [2, 1, 1, 1])
    for kind in INPUTS:
        found = nearest_targets([train], *gather(test, np.arange(4), kind))
        assert found.tolist() == [2, 1, 0, 1]
        parts = [split([0, 1], [1, 2]), split([], []), split([2], [0])]
        assert nearest_targets(parts, *gather(test, np.arange(4), kind)).tolist() == [2, 1, 0, 1]
    nobody = split([], [])
    assert nearest_targets([nobody], *gather(test, np.arange(4), "photo")).tolist() == [0] * 4


def test_the_text_has_a_line_for_each_method() -> None:
    targets = np.array([0, 0, 1, 1])
    scores = {kind: accuracy_scores(targets == 0, targets, list("abcd")) for kind in INPUTS}
    table = {"shapes": 4, "split": "test", "labels": ["a", "b"], "rows": {NETWORK: scores, FREQUENT: scores}}
    lines = format_table(table)
    assert (
        "4 shapes of the test split, 2 categories" in lines[0]
        and "one picture" in lines[1]
        and len(lines) == 4
    )
    assert lines[2].startswith("network ") and lines[2].count("0.500") == 4
