"""The pieces of the texture: refinement, low-pass, borders, labels, filling and gutters."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.ndimage import distance_transform_edt

from lift3d.geometry.texture.bake import bake_faces
from lift3d.geometry.texture.face_graph import face_neighbours
from lift3d.geometry.texture.inpaint import fill_harmonic, pad_texture
from lift3d.geometry.texture.photo_stack import low_pass
from lift3d.geometry.texture.subdivide import split_long_edges
from lift3d.geometry.texture.view_labelling import count_seams, label_faces, label_weights, vertex_weights
from lift3d.geometry.texture.view_selection import RAMP, border_distance


@pytest.mark.parametrize("longest", [0.1, 0.3, 5.0])
def test_refinement_keeps_the_surface(longest: float) -> None:
    box = trimesh.creation.box((1, 2, 0.5))
    corners = np.asarray(box.vertices)[box.faces]
    v, f, values, parent = split_long_edges(
        np.asarray(box.vertices), box.faces.astype(np.int32), corners, longest
    )
    fine = trimesh.Trimesh(v, f, process=False)
    assert fine.is_watertight and fine.is_winding_consistent
    assert fine.volume == pytest.approx(1.0) and fine.area == pytest.approx(box.area)
    assert fine.edges_unique_length.max() <= max(longest, box.edges_unique_length.max() if longest > 3 else 0)
    np.testing.assert_allclose(values, v[f], atol=1e-12)
    np.testing.assert_allclose(fine.face_normals, box.face_normals[parent], atol=1e-9)
    assert (np.diff(parent) >= 0).all()


def test_refinement_respects_its_limit() -> None:
    box = trimesh.creation.box()
    f = box.faces.astype(np.int32)
    _, fine, _, _ = split_long_edges(np.asarray(box.vertices), f, np.zeros((12, 3, 1)), 0.001, 1000)
    assert 12 < len(fine) <= 1000


def test_low_pass_keeps_constants_and_forgets_what_is_outside() -> None:
    pixels = np.full((37, 50, 3), 40, np.uint8)
    inside = np.zeros((37, 50), bool)
    inside[5:30, 8:40] = True
    pixels[~inside] = 250
    table = np.tile(np.arange(256, dtype=np.float32) / 255, (3, 1))
    low = low_pass(pixels, inside, table, 4)
    assert low.shape == (10, 13, 3)
    np.testing.assert_allclose(low[2:7, 2:10], 40 / 255, atol=1e-6)


def test_border_distance_against_exact_transform() -> None:
    z = np.zeros((60, 80), np.float32)
    z[10:50, 10:70] = 2.0
    z[20:30, 30:50] = 1.0
    mask = np.ones(z.shape, bool)
    mask[35:37, 60:62] = False
    step = np.zeros(z.shape, bool)
    for axis in (0, 1):
        head, tail = [slice(None)] * 2, [slice(None)] * 2
        head[axis], tail[axis] = slice(1, None), slice(None, -1)
        jump = (np.abs(np.diff(z, axis=axis)) > 0.1) & (z[tuple(head)] > 0) & (z[tuple(tail)] > 0)
        step[tuple(head)] |= jump
        step[tuple(tail)] |= jump
    exact = distance_transform_edt(~((z == 0) | ~mask | step))
    found = border_distance(z, mask, 0.05)
    near = exact < RAMP
    np.testing.assert_allclose(found[near], exact[near], atol=0.12 * RAMP)
    assert ((found == 0) == (exact == 0)).all()


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
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


def test_filling_is_harmonic() -> None:
    v, f = grid(12)
    truth = (v[:, :1] * [0.01, 0.02, 0.03] + 0.1).astype(np.float32)
    known = (v[:, 0] == 0) | (v[:, 0] == 12)
    ring = trimesh.Trimesh(v, f, process=False)
    filled = fill_harmonic(np.where(known[:, None], truth, 0).astype(np.float32), known, f)
    assert (filled[known] == truth[known]).all()
    lonely = fill_harmonic(
        np.full((4, 3), 0.25, np.float32), np.array([1, 1, 1, 0], bool), f[:0].reshape(0, 3)
    )
    np.testing.assert_allclose(lonely[3], 0.25, atol=1e-3)
    inner = ~known
    for i in np.flatnonzero(inner)[::7]:
        around = filled[ring.vertex_neighbors[i]]
        np.testing.assert_allclose(filled[i], around.mean(0), atol=2e-3)
        assert (filled[i] >= truth.min(0) - 1e-3).all() and (filled[i] <= truth.max(0) + 1e-3).all()


def test_gutters_grow_and_everything_gets_a_colour() -> None:
    texture, state = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    texture[10:20, 10:20], state[10:20, 10:20] = (200, 10, 10), 1
    texture[40:50, 40:50], state[40:50, 40:50] = (10, 10, 200), 1
    kept = texture.copy()
    painted = state == 1
    pad_texture(texture, state, 5)
    assert (texture[painted] == kept[painted]).all()
    assert (texture[5:25, 5:25] == (200, 10, 10)).all() and (texture[35:55, 35:55] == (10, 10, 200)).all()
    assert (texture.sum(2) > 0).all()


def test_each_texel_has_one_owner() -> None:
    """Two triangles of a square with corners on texel centres: the top-left rule gives every texel to one."""
    v, f = (
        np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]]),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    )
    square = np.array([[2.5, 2.5], [10.5, 2.5], [10.5, 10.5], [2.5, 10.5]])
    seen, weights = np.zeros((1, 1), bool), np.zeros((4, 1), np.float32)
    photos = (
        np.zeros(3, np.uint8), np.zeros(3, np.float32), np.array([[0, 1, 1, 0, 1, 1]]), np.zeros((1, 3, 4)),
        np.zeros((1, 3, 256), np.float32), 4,
    )  # fmt: skip
    counts = np.zeros((16, 16), int)
    for order in ([0, 1, 2], [0, 2, 3], [2, 1, 0]):
        texture, state = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)
        corners = np.rint(square[order][None] * 256).astype(np.int64)
        fill = np.ones((4, 3), np.float32)
        bake_faces(v, f[:1], corners, seen, weights, weights, fill, photos, texture, state)
        if order != [2, 1, 0]:
            counts += state == 2
        else:
            assert state.sum() > 0, "the other winding is painted too"
    assert counts[2:10, 2:10].min() == counts.max() == 1 and counts.sum() == 64
