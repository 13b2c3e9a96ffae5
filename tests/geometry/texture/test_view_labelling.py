"""One photo per face in large patches, and the weights that blend photos."""

from __future__ import annotations

import numpy as np

from lift3d.geometry.texture.face_graph import face_neighbours
from lift3d.geometry.texture.view_labelling import count_seams, label_faces, label_weights, vertex_weights


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The unit cells of an n x n square, two triangles each."""
    x, y = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    v = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1).astype(float)
    a = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    return v, np.concatenate(
        [np.stack([a, a + 1, a + n + 2], 1), np.stack([a, a + n + 2, a + n + 1], 1)]
    ).astype(np.int32)


def test_labels_make_two_patches_of_two_halves() -> None:
    v, f = grid(30)
    neighbours, centre = face_neighbours(f), v[f].mean(1)
    rng = np.random.default_rng(0)
    quality = np.stack([30 - centre[:, 0], centre[:, 0], np.full(len(f), 0.01)], 1).clip(0.1)
    quality = (quality * np.exp(rng.normal(size=quality.shape) * 0.4)).astype(np.float32)
    quality[:7] = 0
    labels = label_faces(quality, neighbours, np.ones((len(f), 3)))
    assert (labels[:7] == -1).all() and set(labels[7:]) <= {0, 1}
    assert (labels[centre[:, 0] < 10][7:] <= 0).all() and (labels[centre[:, 0] > 20] == 1).mean() > 0.98
    assert count_seams(labels, neighbours) < 120
    weights = label_weights(labels, f, len(v), 3)
    total = weights.sum(1)
    assert (np.isclose(total, 1, atol=1e-5) | (total == 0)).all()


def test_vertex_weights_are_smooth_and_sum_to_one() -> None:
    v, f = grid(20)
    quality = np.zeros((len(f), 2), np.float32)
    quality[:, 0] = 1
    quality[v[f].mean(1)[:, 0] > 10, 1] = 1
    w = vertex_weights(quality, f, len(v), 4, 1.0, 0.0)
    np.testing.assert_allclose(w.sum(1), 1, atol=1e-5)
    rows = w[:, 1].reshape(21, 21)
    assert np.abs(np.diff(rows, axis=1)).max() < 0.2 and rows[:, 0].max() == 0


def test_seams_are_counted_once() -> None:
    v, f = grid(6)
    neighbours = face_neighbours(f)
    labels = (v[f].mean(1)[:, 0] > 3).astype(np.int32)
    assert count_seams(labels, neighbours) == 6
    assert count_seams(np.zeros(len(f), np.int32), neighbours) == 0
    labels[labels == 0] = -1  # faces without a photo make no seam
    assert count_seams(labels, neighbours) == 0


def test_an_isolated_better_photo_is_not_worth_a_seam() -> None:
    """One face prefers another photo slightly; a strong preference wins."""
    v, f = grid(8)
    neighbours, lengths = face_neighbours(f), np.ones((len(f), 3))
    quality = np.ones((len(f), 2), np.float32)
    quality[:, 1] = 0.5
    quality[60] = [0.5, 1.0]
    assert (label_faces(quality, neighbours, lengths) == 0).all()
    quality[:] = [1, 0]
    quality[60] = [0, 1]
    labels = label_faces(quality, neighbours, lengths)
    assert labels[60] == 1 and (np.delete(labels, 60) == 0).all()


def test_vertex_weights_without_smoothing_are_corner_means() -> None:
    f = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    quality = np.array([[1.0, 0.0], [1.0, 2.0]], np.float32)
    w = vertex_weights(quality, f, 5, 0, 1.0, 0.0)
    np.testing.assert_allclose(w, [[0.5, 0.5], [1, 0], [0.5, 0.5], [1 / 3, 2 / 3], [0, 0]], atol=1e-6)
    cut = vertex_weights(quality, f, 5, 0, 1.0, 0.6)
    np.testing.assert_allclose(cut[3], [0, 1], atol=1e-6)  # a half of the largest is below the cut
    sharp = vertex_weights(quality, f, 5, 0, 2.0, 0.0)
    np.testing.assert_allclose(sharp[3], [0.2, 0.8], atol=1e-6)


def test_label_weights_are_fractions_of_the_faces_around() -> None:
    f = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4]], np.int32)
    w = label_weights(np.array([0, 1, 1], np.int32), f, 5, 2)
    np.testing.assert_allclose(w[0], [1 / 3, 2 / 3], atol=1e-6)
    np.testing.assert_allclose(w[1], [1, 0])
    assert (label_weights(np.array([-1, -1, -1], np.int32), f, 5, 2) == 0).all()
