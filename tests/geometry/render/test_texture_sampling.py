"""Texture pyramids: light is kept, what is cut away does not show, leaves stay as dense as they are."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.image.colour_space import SRGB8_TO_LINEAR, srgb8_to_linear
from lift3d.geometry.render.texture_sampling import (
    BLENDED,
    MASKED,
    OPAQUE,
    alpha_mode,
    face_alpha_modes,
    mip_pyramid,
    sample_texture,
)


def level(texels, levels, k):
    offset, h, w = levels[k]
    return texels[offset : offset + h * w].reshape(h, w, 4)


@pytest.mark.parametrize("shape", [(64, 64), (5, 7), (1, 9), (33, 2), (1, 1)])
def test_the_last_texel_is_the_mean_of_light_for_any_size(shape):
    picture = np.random.default_rng(0).integers(40, 256, (*shape, 3), np.uint8)
    texels, levels = mip_pyramid(picture)
    last = level(texels, levels, -1)
    assert last.shape == (1, 1, 4)
    mean = srgb8_to_linear(picture).mean((0, 1))
    np.testing.assert_allclose(srgb8_to_linear(last[0, 0, :3]), mean, atol=0.015)


def test_what_is_cut_away_does_not_bleed():
    """Green leaves on transparent pink: no level shows any pink where something is left."""
    rng = np.random.default_rng(1)
    there = rng.random((64, 64)) < 0.4
    picture = np.where(there[..., None], [30, 160, 40, 255], [255, 0, 255, 0]).astype(np.uint8)
    assert alpha_mode(picture) == MASKED
    texels, levels = mip_pyramid(picture)
    for k in range(len(levels)):
        left = level(texels, levels, k)
        np.testing.assert_allclose(
            left[left[..., 3] > 0][:, :3], [[30, 160, 40]] * (left[..., 3] > 0).sum(), atol=2
        )


def test_leaves_stay_as_dense_from_afar():
    rng = np.random.default_rng(2)
    from scipy.ndimage import gaussian_filter

    there = gaussian_filter(rng.normal(size=(256, 256)), 2.0, mode="wrap")
    alpha = np.where(there > np.quantile(there, 0.7), 255, 0).astype(np.uint8)
    picture = np.dstack([np.full((256, 256, 3), 90, np.uint8), alpha])
    texels, levels = mip_pyramid(picture)
    for k in range(6):
        assert (
            abs((level(texels, levels, k)[..., 3] >= 128).mean() - 0.3) < 0.05
        )  # of few values of alpha, some are equal


def test_kinds():
    plain = np.full((16, 16, 4), 200, np.uint8)
    plain[..., 3] = 255
    assert alpha_mode(plain) == OPAQUE == alpha_mode(plain[..., :3])
    glass = plain.copy()
    glass[2:-2, 2:-2, 3] = 90
    assert alpha_mode(glass) == BLENDED
    fence = plain.copy()
    fence[::2, :, 3] = 0
    assert alpha_mode(fence) == MASKED


def test_lookups_repeat_and_blend_between_levels():
    picture = np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8)
    texels, levels = mip_pyramid(picture)

    def at(u, v, lod):
        out = np.empty(4)
        sample_texture(texels, levels, 0, len(levels), SRGB8_TO_LINEAR, u, v, lod, out)
        return out

    for u, v in [(0.1, 0.3), (0.99, 0.02)]:
        np.testing.assert_allclose(at(u, v, 0), at(u + 3, v - 2, 0), atol=1e-6)
        np.testing.assert_allclose(at(u, v, 1.5), (at(u, v, 1) + at(u, v, 2)) / 2, atol=1e-6)
    np.testing.assert_allclose(at(0.5 / 8, 1 - 0.5 / 8, 0)[:3], srgb8_to_linear(picture[0, 0]), atol=1e-6)
    np.testing.assert_allclose(at(0.3, 0.3, 99), at(0.7, 0.1, 99), atol=1e-6)


def test_one_picture_may_hold_a_hull_its_windows_and_a_fence():
    """Left half opaque, upper right glass, lower right bars: faces by what they show, and a wrapped face by all of it."""
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:32, 32:] = 120
    alpha[32:, 32::4] = 0
    picture = np.dstack([np.full((64, 64, 3), 90, np.uint8), alpha])
    corner = np.array([[0.03, 0.03], [0.42, 0.03], [0.03, 0.42]])
    hull, fence, glass = corner, corner + [0.53, 0], corner + [0.53, 0.53]
    for face, kind in (
        (hull, OPAQUE),
        (fence, MASKED),
        (glass, BLENDED),
        (hull + 3, OPAQUE),
        (hull * 4, MASKED),
    ):
        assert face_alpha_modes(picture, face[None].astype(np.float32)).tolist() == [kind]
    together = face_alpha_modes(picture, np.stack([hull, fence]).astype(np.float32))
    assert together.tolist() == [OPAQUE, MASKED]
