"""Exemplars of the latent PCA: permissive licences, categories with enough shapes, and clusters of the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pyarrow")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.train.data.exemplars import (  # noqa: E402
    FEWEST,
    LEAST,
    attribution,
    choose_exemplar_shapes,
    cluster_categories,
    is_permissive,
)

pytestmark = pytest.mark.slow


class Fake:
    """A corpus with only the parts that the functions read."""

    def __init__(self, licences: list[str], folder: str | None = None) -> None:
        self.licences, self.card = licences, {"plan": {"folder": folder}}

    def column(self, name: str) -> list[str]:
        return self.licences


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("CC0-1.0", True), ("CC-BY-3.0", True), ("CC-BY-3.0-US", True), ("CC-BY-4.0 AND CC-BY-3.0", True), ("MIT", True),
        ("public-domain", True), ("CC-BY-SA-3.0", False), ("CC-BY-NC-4.0", False), ("GPL-2.0-or-later", False),
        ("CC-BY-4.0 AND CC-BY-SA-4.0", False), ("CC-BY-SA-4.0-with-exception", False), ("not stated", False), ("", False),
        ("CC-BY-ND-4.0", False),
    ],
)  # fmt: skip
def test_permissive_licences_require_at_most_attribution(licence: str, free: bool) -> None:
    assert is_permissive(licence) == free


def test_permissive_shapes_become_exemplars_if_there_are_enough() -> None:
    licences = ["CC0-1.0"] * LEAST + ["GPL-3.0-only"] * 5  # enough
    licences += ["CC-BY-4.0"] * (LEAST - 1)  # too few
    licences += ["CC-BY-4.0"] * LEAST + ["CC-BY-SA-4.0"] * 9 * LEAST  # too small a part
    licences += ["CC0-1.0"] * 30  # without a kind
    kinds = np.repeat([0, 1, 2, 3], [LEAST + 5, LEAST - 1, 10 * LEAST, 30])
    numbers = np.arange(len(licences))
    rows = choose_exemplar_shapes(Fake(licences), numbers, kinds, 3)  # type: ignore[arg-type]
    assert rows.tolist() == list(range(LEAST))
    mine = choose_exemplar_shapes(Fake(licences, "meshes"), numbers, kinds, 3)  # type: ignore[arg-type]
    assert mine.tolist() == np.flatnonzero(kinds < 3).tolist(), "of one's own meshes all with a kind"


def test_exemplars_are_attributed(small: tuple[Path, Path]) -> None:
    corpus = Corpus(small[0])
    rows = attribution(corpus, np.array([2, 0]))
    assert rows[0][0] == corpus.keys[2] and rows[1][3] == corpus.column("licence")[0]


def test_a_large_category_has_several_clusters_of_its_own_latents() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2, 3], [300, 90, FEWEST - 1, 80])
    codes = rng.standard_normal((len(kinds), 6)).astype(np.float32)
    codes[:100] += 30  # three heaps of the largest kind
    codes[100:200] -= 30
    parts = cluster_categories(codes, kinds, [0, 1, 2], 100)
    assert [kind for kind, _ in parts] == [0, 0, 0, 1], (
        "too small a kind has none, and one that is not asked for"
    )
    assert sorted(sorted(rows.tolist())[0] for _, rows in parts) == [0, 100, 200, 300]
    assert all((kinds[rows] == kind).all() for kind, rows in parts)
    again = cluster_categories(codes, kinds, [0, 1, 2], 100)
    assert all((a == b).all() for (_, a), (_, b) in zip(parts, again))
