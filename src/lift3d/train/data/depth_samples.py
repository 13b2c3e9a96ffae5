"""Training samples of `image_to_depth`: crops of rendered scenes, flipped and recoloured, with inverse depth and normals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.scenes.depth_shards import DepthSet
from lift3d.types import F32

MEAN, SCALE = 127.0, 128.0
EDGE = 0.06
"""Relative difference of neighbouring inverse depths above which a pixel has no normal."""


@dataclass(frozen=True, eq=False)
class DepthSample:
    """image (3, H, W): the network's input. inverse (H / 2, W / 2): inverse depth in 1 / metres, 0 for the sky. normals
    (3, H / 2, W / 2): unit, camera frame; 0 where unknown. focal: in units of the longer side of the image."""

    image: F32
    inverse: F32
    normals: F32
    focal: float


def depth_sample(
    pictures: DepthSet, i: int, size: tuple[int, int], rng: np.random.Generator | None
) -> DepthSample:
    """Sample i at a size (height, width); rng: for a random crop, reflection and recolouring, None for the central crop."""
    rgb, inverse, focal = pictures.rgb(i), pictures.inverse_depth(i), pictures.focal(i)
    height, width = inverse.shape
    normals = normals_of(inverse, focal)
    h, w = size
    largest = min(height / h, width / w)
    part = largest * (1.0 if rng is None else float(rng.uniform(0.75, 1.0)))
    ch, cw = h * part, w * part
    x, y = (
        ((width - cw) / 2, (height - ch) / 2)
        if rng is None
        else (rng.uniform(0, width - cw), rng.uniform(0, height - ch))
    )
    box = (x, y, x + cw, y + ch)
    image = np.asarray(Pil.fromarray(rgb).resize((w, h), Pil.Resampling.BILINEAR, box), np.float32)
    rows = np.clip((y + (np.arange(h // 2) + 0.5) * 2 * part).astype(int), 0, height - 1)
    columns = np.clip((x + (np.arange(w // 2) + 0.5) * 2 * part).astype(int), 0, width - 1)
    inverse, normals = inverse[np.ix_(rows, columns)], normals[np.ix_(rows, columns)]
    if rng is not None:
        image = recolour(image, rng)
        if rng.random() < 0.5:
            image, inverse, normals = (
                image[:, ::-1],
                inverse[:, ::-1],
                normals[:, ::-1] * np.array([-1, 1, 1], np.float32),
            )
    return DepthSample(
        normalise(image), np.ascontiguousarray(inverse), np.ascontiguousarray(normals.transpose(2, 0, 1)),
        focal / part / max(h, w),
    )  # fmt: skip


def normalise(rgb: NDArray[np.floating] | NDArray[np.uint8]) -> F32:
    """The network's input (3, H, W) from sRGB values (H, W, 3) in 0 to 255."""
    return np.ascontiguousarray(((rgb - np.float32(MEAN)) / np.float32(SCALE)).transpose(2, 0, 1), np.float32)


def recolour(image: F32, rng: np.random.Generator) -> F32:
    """Random gains of the channels, gamma, contrast, saturation, and now and then grey; (H, W, 3) in 0 to 255."""
    if rng.random() < 0.8:
        x = np.clip(image / 255, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.2)))
        x = x * np.exp(rng.normal(0, 0.07, 3)).astype(np.float32)
        grey = x.mean(2, keepdims=True)
        x = grey + (x - grey) * np.float32(rng.uniform(0.5, 1.4))
        x = (
            np.float32(0.5)
            + (x - np.float32(0.5)) * np.float32(rng.uniform(0.7, 1.25))
            + np.float32(rng.normal(0, 0.04))
        )
        image = (255 * np.clip(x, 0, 1)).astype(np.float32)
    if rng.random() < 0.06:
        image = np.repeat(image.mean(2, keepdims=True), 3, 2)
    return image


def normals_of(inverse: F32, focal: float) -> F32:
    """(H, W, 3) float32 unit normals that face the camera, from inverse depth (H, W); 0 at the sky, at edges and at the border.

    With u, v from the principal point in the centre, a plane n . p = c has the inverse depth (n_x u / f + n_y v / f + n_z) / c:
    its gradient gives n_x and n_y, and its value n_z."""
    h, w = inverse.shape
    gx, gy = np.zeros_like(inverse), np.zeros_like(inverse)
    gx[:, 1:-1], gy[1:-1] = (inverse[:, 2:] - inverse[:, :-2]) / 2, (inverse[2:] - inverse[:-2]) / 2
    u, v = np.arange(w, dtype=np.float32) + 0.5 - w / 2, np.arange(h, dtype=np.float32)[:, None] + 0.5 - h / 2
    nz = inverse - gx * u - gy * v
    n = np.stack([gx * focal, gy * focal, nz], -1)
    length = np.sqrt((n * n).sum(-1))
    rough = np.maximum(np.abs(gx), np.abs(gy)) > EDGE * inverse
    bad = rough | (inverse <= 0) | (length <= 0)
    bad[[0, -1]], bad[:, [0, -1]] = True, True
    n = -n / np.maximum(length, 1e-12)[..., None]
    n[bad] = 0
    return n.astype(np.float32)
