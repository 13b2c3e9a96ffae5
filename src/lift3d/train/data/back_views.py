"""Training samples of `image_to_back`: the colours of an object's far side along the rays of a picture, and of its front without
light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.farthest import rasterize_farthest, surface_colours
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.train.data.view_set import View, ViewSet
from lift3d.types import F32

GAIN = (0.15, 4.0)
"""Limits of the light of a picture, the ratio of its colours to the albedo."""


@dataclass(frozen=True, eq=False)
class BackSample:
    """image (4, S, S) float32: the cut-out. back, albedo (3, S / 2, S / 2): colours of the far side in the mean light of the
    picture, and of the front without light, sRGB in [-1, 1]. known (S / 2, S / 2): pixels with a surface."""

    image: F32
    back: F32
    albedo: F32
    known: NDArray[np.bool_]


def back_sample(views: ViewSet, view: View, side: int, flipped: bool = False) -> BackSample:
    """The sample of a view at a side in pixels; flipped: reflected left to right."""
    n = side // 2
    alpha = view.mask.astype(np.uint8) * 255
    image, small = (cut_out(view.rgb, alpha, view.frame.crop, k) for k in (side, n))
    surface = drawable(views.corpus.parts(view.shape))
    v = surface.v @ view.to_view[:3, :3].T + view.to_view[:3, 3]
    camera = view.frame.camera(n)
    face, _, bary = rasterize(camera, v, surface.f)
    front = surface_colours(surface, face, bary)
    far, _, far_bary = rasterize_farthest(camera, v, surface.f)
    back = surface_colours(surface, far, far_bary)
    known = (face >= 0) & (far >= 0) & (small[3] > 0.5)
    if known.any():
        lit = srgb_to_linear(small[:3].transpose(1, 2, 0)[known] / (2 * small[3][known][:, None]) + 0.5)
        gain = np.clip(lit.mean(0) / np.maximum(front[known].mean(0), 0.02), *GAIN)
        back = back * gain.astype(np.float32)
    sample = BackSample(image, _codes(back, known), _codes(front, known), known)
    return reflected(sample) if flipped else sample


def reflected(sample: BackSample) -> BackSample:
    """The sample, reflected left to right."""
    return BackSample(
        np.ascontiguousarray(sample.image[..., ::-1]),
        np.ascontiguousarray(sample.back[..., ::-1]),
        np.ascontiguousarray(sample.albedo[..., ::-1]),
        np.ascontiguousarray(sample.known[:, ::-1]),
    )


def _codes(linear: F32, known: NDArray[np.bool_]) -> F32:
    """(3, H, W) sRGB in [-1, 1] of linear colours (H, W, 3); 0 where not known."""
    srgb = 2 * np.clip(linear_to_srgb(linear), 0, 1).transpose(2, 0, 1) - 1
    return np.where(known, srgb, 0).astype(np.float32)
