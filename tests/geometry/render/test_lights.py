"""Light from all around as nine numbers, against integrals done the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.render.lights import Environment, Lighting, PointLight, Sun, harmonics


def directions(n, seed=0):
    d = np.random.default_rng(seed).normal(size=(n, 3))
    return d / np.linalg.norm(d, axis=1, keepdims=True)


def sphere(rows=128):
    """Directions (N, 3) and solid angles (N,) of an equirectangular picture, as it is defined: +x in the middle, +y a
    quarter to the left, z up."""
    polar = np.pi * (np.arange(rows) + 0.5) / rows
    turn = np.pi - 2 * np.pi * (np.arange(2 * rows) + 0.5) / (2 * rows)
    p, t = np.meshgrid(polar, turn, indexing="ij")
    d = np.stack([np.sin(p) * np.cos(t), np.sin(p) * np.sin(t), np.cos(p)], -1)
    return d, np.sin(p) * (np.pi / rows) ** 2


def test_harmonics_are_orthonormal():
    d, solid = sphere()
    basis = harmonics(d.reshape(-1, 3))
    np.testing.assert_allclose(basis.T @ (basis * solid.reshape(-1, 1)), np.eye(9), atol=1e-3)


def test_a_picture_lights_as_its_integral_does():
    """E / pi of smooth surroundings (order 2 holds them exactly) against the integral over all directions."""
    d, solid = sphere()
    x, y, z = np.moveaxis(d, -1, 0)
    radiance = np.stack([1 + 0.5 * y + 0.3 * x * z, 1 + 0.4 * z, 0.8 + 0.5 * x * x - 0.2 * x], -1)
    around = Environment.from_panorama(radiance)
    n = directions(20)
    slow = np.einsum("ncd,dk->nk", np.maximum(np.einsum("nk,abk->nab", n, d), 0).reshape(20, 1, -1) * solid.ravel(),
                     radiance.reshape(-1, 3)) / np.pi  # fmt: skip
    np.testing.assert_allclose(around.diffuse(n), slow, atol=2e-3)
    there = directions(50, 1)
    x, y, z = there.T
    np.testing.assert_allclose(around.radiance(there)[:, 0], 1 + 0.5 * y + 0.3 * x * z, atol=2e-3)


def test_two_colours_are_the_hemisphere_light_exactly():
    around = Environment.from_colours((1, 0.8, 0.6), (0.2, 0.2, 0.4))
    n = directions(30)
    expected = np.array([0.6, 0.5, 0.5]) + np.array([0.4, 0.3, 0.1]) * n[:, 2:]
    np.testing.assert_allclose(around.diffuse(n), expected, atol=1e-12)


def test_the_polynomial_of_the_kernels_is_the_same():
    around = Environment(np.random.default_rng(4).normal(size=(9, 3)) * 0.2 + [[3, 3, 3]] + 0)
    n = directions(30)
    x, y, z = n.T
    terms = np.stack([np.ones(30), x, y, z, x * y, y * z, x * z, x * x, y * y, z * z], 1)
    np.testing.assert_allclose(np.maximum(terms @ around.polynomial.T, 0), around.diffuse(n), atol=1e-12)


def test_without_shadows_and_refusals():
    light = Lighting(
        (Sun((1, 0, 0)),), (PointLight((0, 0, 9)),), Environment.from_colours((1, 1, 1), (0, 0, 0), True)
    )
    bare = light.without_shadows()
    assert bare.environment is not None
    assert not (bare.suns[0].shadow or bare.points[0].shadow or bare.environment.shadow)
    with pytest.raises(ValueError, match="9, 3"):
        Environment(np.zeros((4, 3)))
