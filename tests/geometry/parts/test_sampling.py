"""Samples of models: uniform, coloured, and packed within the precision of 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from PIL import Image

from lift3d.geometry.parts.sampling import (
    BYTES_PER_SAMPLE,
    RANGE,
    SurfaceSamples,
    _weights,
    colours_at,
    sample_parts,
    unpack_samples,
)
from lift3d.types import Material, Part


def box(extents: tuple[float, float, float], colour: tuple[int, int, int, int]) -> Part:
    """A box of one colour."""
    mesh = trimesh.creation.box(extents)
    return Part(np.asarray(mesh.vertices), np.asarray(mesh.faces), None, None, Material("m", colour))


def test_samples_lie_on_the_surface_with_its_normals_and_area() -> None:
    s = sample_parts([box((1, 1, 1), (9, 8, 7, 255))], 600)
    assert s.area == pytest.approx(6) and (s.colours == [9, 8, 7]).all()
    assert np.allclose(np.abs(s.points).max(1), 0.5) and len(s.points) == 600
    assert np.allclose((s.points * s.normals).sum(1), 0.5)
    sides = np.unique(np.round(s.normals).astype(int), axis=0, return_counts=True)[1]
    assert len(sides) == 6 and np.abs(sides - 100).max() <= 3, "stratified over the area"


def test_each_part_has_samples_by_its_area_in_its_colour() -> None:
    red, blue = box((1, 1, 1), (255, 0, 0, 255)), box((2, 2, 2), (0, 0, 255, 255))
    s = sample_parts([red, blue], 1000)
    is_red = (s.colours == [255, 0, 0]).all(1)
    assert is_red.mean() == pytest.approx(0.2, abs=0.005) and np.allclose(
        np.abs(s.points[is_red]).max(1), 0.5
    )


def test_transparent_texels_have_no_samples() -> None:
    pixels = np.full((2, 2, 4), 255, np.uint8)
    pixels[:, 0, 3] = 0
    v = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float64)
    plane = Part(
        v,
        np.array([[0, 1, 2], [0, 2, 3]]),
        v[:, :2],
        None,
        Material("m", (255,) * 4, Image.fromarray(pixels)),
    )
    s = sample_parts([plane], 400)
    assert (s.points[:, 0] >= 0.5 - 1e-9).all() and len(s.points) == 400


def test_colour_is_the_product_of_vertex_colour_texel_and_base_colour() -> None:
    picture = Image.new("RGBA", (4, 4), (100, 200, 50, 255))
    own = np.full((3, 4), 255, np.uint8)
    own[:, 0] = [0, 100, 200]
    p = Part(
        np.eye(3), np.array([[0, 1, 2]]), np.zeros((3, 2)), own, Material("m", (255, 128, 255, 255), picture)
    )
    found = colours_at(p, np.array([0]), np.array([[0.25, 0.25, 0.5]]))[0]
    assert np.allclose(found, [125 * 100 / 255, 200 * 128 / 255, 50, 255])


def test_barycentric_coordinates_are_inverse_to_interpolation() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 50, 3))
    weight = rng.dirichlet([1, 1, 1], 50)
    q = weight[:, :1] * a + weight[:, 1:2] * b + weight[:, 2:] * c
    assert np.allclose(_weights(a, b, c, q), weight, atol=1e-9)


def test_packing_keeps_16_bits_of_position_and_8_of_a_normal() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform([-0.5, -0.5, 0], [0.5, 0.5, 1], (500, 3))
    n = rng.normal(size=(500, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    colours = rng.integers(0, 256, (500, 3), np.uint8)
    rows = SurfaceSamples(points, n, colours, 1.0).pack()
    assert rows.shape == (500, BYTES_PER_SAMPLE) and rows.dtype == np.uint8
    p, m, c = unpack_samples(rows)
    assert np.abs(p - points).max() <= RANGE / 65535 / 2 + 1e-12 and np.array_equal(c, colours)
    assert (m * n).sum(1).min() > 0.9999 and np.allclose(np.linalg.norm(m, axis=1), 1)
