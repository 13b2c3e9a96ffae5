"""Pair selection: all pairs of few photos, similar ones and neighbours in time of many."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from lift3d.geometry.sfm.pair_selection import select_pairs, vlad, vlad_similarity, vocabulary

SMALL = 20
"""Rings below have more photos than this, so their pairs are selected."""


@cache
def ring(count: int, seed: int = 0) -> list[np.ndarray]:
    """Descriptors of photos on a ring: each photo shares two thirds of its words with the next one."""
    rng = np.random.default_rng(seed)
    words = rng.uniform(0, 255, (count * 10, 32)).astype(np.float32)
    return [
        words[np.arange(10 * k, 10 * k + 30) % len(words)] + rng.normal(size=(30, 32)) for k in range(count)
    ]


def test_all_pairs_of_few_photos() -> None:
    pairs = select_pairs([np.zeros((0, 128), np.float32)] * 20)
    assert len(pairs) == 190 and (pairs[:, 0] < pairs[:, 1]).all()
    assert select_pairs([]).shape == (0, 2)


@pytest.mark.parametrize("ordered", [False, True])
def test_the_number_of_pairs_is_linear(ordered: bool) -> None:
    counts = [len(select_pairs(ring(n), ordered, SMALL, neighbours=6, window=4)) for n in (40, 80)]
    assert counts[1] < 2.6 * counts[0] and counts[1] < 80 * 11


def test_similar_photos_are_paired() -> None:
    pairs = {tuple(p) for p in select_pairs(ring(40), exhaustive=SMALL, neighbours=8).tolist()}
    assert sum((min(k, (k + 1) % 40), max(k, (k + 1) % 40)) in pairs for k in range(40)) >= 38


def test_a_video_is_paired_in_time_and_closes_its_loop() -> None:
    pairs = {tuple(p) for p in select_pairs(ring(40), True, SMALL, window=5).tolist()}
    assert all((k, k + s) in pairs for s in range(1, 6) for k in range(40 - s))
    assert (0, 39) in pairs


def test_same_seed_same_pairs() -> None:
    a, b = (select_pairs(ring(40), exhaustive=SMALL, seed=3) for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_photos_without_features_have_no_effect() -> None:
    photos = list(ring(40))
    photos[5] = np.zeros((0, 32), np.float32)
    assert np.isfinite(vlad_similarity(photos, 0)).all()
    assert len(select_pairs(photos, exhaustive=SMALL)) > 40
    assert (vlad_similarity([photos[5]] * 3, 0) == 0).all()


def test_the_vocabulary_finds_separated_clusters() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([[0.0, 0], [10, 0], [0, 10]])
    sample = (np.repeat(truth, 50, 0) + rng.normal(scale=0.1, size=(150, 2))).astype(np.float32)
    centres = min((vocabulary(sample, 3, np.random.default_rng(k)) for k in range(6)),
                  key=lambda c: np.linalg.norm(sample[:, None] - c, axis=2).min(1).sum())  # fmt: skip
    distance = np.linalg.norm(truth[:, None] - centres, axis=2)
    assert (distance.min(1) < 0.1).all() and sorted(distance.argmin(1)) == [0, 1, 2]


def test_the_signature_is_its_definition() -> None:
    """Residuals summed per nearest word, signed square root, normalised per word and in total."""
    rng = np.random.default_rng(2)
    centres, descriptors = (
        rng.normal(size=(4, 3)).astype(np.float32),
        rng.normal(size=(20, 3)).astype(np.float32),
    )
    residuals = np.zeros((4, 3))
    for d in descriptors:
        word = int(np.argmin(((d - centres) ** 2).sum(1)))
        residuals[word] += d - centres[word]
    root = np.sign(residuals) * np.sqrt(np.abs(residuals))
    root /= np.maximum(np.linalg.norm(root, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(vlad(descriptors, centres), (root / np.linalg.norm(root)).ravel(), atol=1e-5)
    assert (vlad(descriptors[:0], centres) == 0).all()


def test_similarity_is_symmetric_and_one_with_itself() -> None:
    similarity = vlad_similarity(ring(30), 0)
    np.testing.assert_allclose(similarity, similarity.T, atol=1e-6)
    np.testing.assert_allclose(np.diag(similarity), 1, atol=1e-5)
    assert similarity.max() <= 1 + 1e-5
