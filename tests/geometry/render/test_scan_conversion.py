"""Scan conversion with textures: the plain rasteriser where nothing is cut, the holes where something is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.passes import _scan
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.geometry.render.scan_conversion import COEFFICIENTS, scan, set_up_faces, translucent_layers
from lift3d.types import Camera, Material, Part

EYE = Camera(32, 24, 30.0, 31.0, 16.2, 11.7, np.eye(4))


def triangles(seed, n=12):
    rng = np.random.default_rng(seed)
    v = rng.uniform([-2, -2, -0.5], [2, 2, 4], (3 * n, 3))
    return v, np.arange(3 * n).reshape(n, 3)


def square(z, side=1.0, colour=(255, 255, 255, 255), picture=None):
    v = side * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]]) + [0, 0, z]
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0.0]])
    return Part(v, np.array([[0, 2, 1], [0, 3, 2]]), uv, None, Material("m", colour, picture))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_agrees_with_the_plain_rasteriser_bit_by_bit(seed):
    v, f = triangles(seed)
    ready = drawable([Part(v, f)])
    face_id, z, _ = rasterize(EYE, v, f)
    _, _, _, mine, depth = _scan(ready, EYE, False, False)
    np.testing.assert_array_equal(mine, face_id)
    np.testing.assert_array_equal(depth, z)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_parallel_light_meets_the_nearest_triangle(seed):
    """Along z, against barycentric coordinates in the plane, ray by ray."""
    v, f = triangles(seed, 6)
    s = drawable([Part(v, f)]).surface
    c, box = np.empty((len(f), COEFFICIENTS)), np.empty((len(f), 4), np.int32)
    grid = (5.0, 5.0, 10.0, 10.0)
    set_up_faces(s.corners, np.eye(3), np.array([0, 0, 5.0]), grid, 0.0, True, 20, 20, c, box)
    face_id, z = np.empty((20, 20), np.int32), np.empty((20, 20), np.float32)
    scan(0, 20, None, s, c, box, grid, 0.0, False, face_id, z)
    x, y = np.meshgrid((np.arange(20) + 0.5 - 10) / 5, (np.arange(20) + 0.5 - 10) / 5)
    best = np.full((20, 20), np.inf)
    margin = np.full((20, 20), np.inf)
    for a, b, d in v[f]:
        inverse = np.linalg.inv(np.stack([b - a, d - a], 1)[:2])
        p = np.stack([x - a[0], y - a[1]], -1) @ inverse.T
        weights = np.stack([1 - p.sum(-1), p[..., 0], p[..., 1]], -1)
        margin = np.minimum(margin, np.abs(weights).min(-1))
        deep = weights @ [a[2], b[2], d[2]] + 5
        best = np.where((weights.min(-1) >= 0) & (deep < best), deep, best)
    sure = margin > 1e-9
    np.testing.assert_allclose(np.where(z > 0, z, np.inf)[sure], best[sure], rtol=1e-5)


def test_a_cut_out_is_there_where_its_picture_is():
    """One texel by pixel: mask and depth are those of the texture's alpha, and what is behind shows through."""
    alpha = (np.random.default_rng(0).random((16, 16)) < 0.5) * 255
    pixels = np.dstack([np.full((16, 16, 3), 200), alpha]).astype(np.uint8)
    camera = Camera(16, 16, 8.0, 8.0, 8.0, 8.0, np.eye(4))
    leaves = square(1.0, picture=Image.fromarray(pixels))
    ready = drawable([leaves, square(3.0, 3.0)])
    assert ready.has_masked and not ready.has_blended
    _, _, _, face_id, z = _scan(ready, camera, False, False)
    np.testing.assert_array_equal(z, np.where(alpha > 0, 1, 3))
    np.testing.assert_array_equal(face_id < 2, alpha > 0)


def test_panes_come_in_order_and_stop_at_what_is_opaque():
    rng = np.random.default_rng(1)
    depths = rng.permutation(np.linspace(1, 6, 9))
    parts = [square(d, 9.0, (90, 90, 90, 255 if d == depths[3] else 80)) for d in depths]
    ready = drawable(parts)
    assert ready.has_blended
    c, box, grid, face_id, z = _scan(ready, EYE, False, False)
    np.testing.assert_allclose(z, depths[3])
    start, found, faces = translucent_layers(0, 24, ready.surface.face, c, box, grid, 0.0, z)
    before = np.sort(depths[depths < depths[3]])
    for pixel in (0, 100, 700):
        got = found[start[pixel] : start[pixel + 1]]
        unique = got[np.r_[True, np.diff(got) > 1e-4]] if len(got) else got
        np.testing.assert_allclose(unique, before, rtol=1e-6)
