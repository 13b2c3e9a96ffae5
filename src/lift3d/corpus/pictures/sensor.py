"""The camera model from linear light to JPEG: lens blur, motion blur, exposure, white balance, noise, compression.

Sensor noise has variance a I + b^2 for light I, from photon counting and read-out (Foi et al., "Practical
Poissonian-Gaussian noise modeling", 2008), and is added before the sRGB curve.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.corpus.pictures.recipes import Recipe
from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.types import F32


def simulate_sensor(
    light: F32, recipe: Recipe, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], bytes, dict[str, Any]]:
    """The image (S, S, 3) uint8 as the JPEG decodes, the JPEG, and the sampled parameters, from linear light (S, S, 3)."""
    scale = light.shape[0] / 128
    done: dict[str, Any] = {}
    chances = rng.random(2)
    sigma, length, angle = (
        rng.uniform(0.2, 1) * recipe.blur[1],
        rng.uniform(0.3, 1) * recipe.motion[1],
        rng.uniform(0, np.pi),
    )
    if chances[0] < recipe.blur[0]:
        done["blur"] = round(float(sigma * scale), 3)
        light = ndimage.gaussian_filter(
            light, (sigma * scale, sigma * scale, 0), mode="nearest", truncate=3.0
        )
    if chances[1] < recipe.motion[0]:
        done["motion"] = [round(float(length * scale), 2), round(float(np.degrees(angle)), 1)]
        kernel = motion_kernel(length * scale, angle)[..., None]
        light = ndimage.convolve(light, kernel, mode="nearest")
    stops, gains = rng.uniform(-1, 1) * recipe.exposure, np.exp(recipe.balance * rng.normal(size=3))
    light = light * (2**stops * gains / gains.mean()).astype(np.float32)
    done["stops"] = round(float(stops), 3)
    read, shot = recipe.read * rng.random() ** 2, recipe.shot * rng.random() ** 2
    if read or shot:
        done["noise"] = [round(float(read), 5), round(float(shot), 6)]
        spread = np.sqrt(shot * np.maximum(light, 0) + read**2)
        light = (light + spread * rng.standard_normal(light.shape, np.float32)).astype(np.float32)
    quality = int(rng.integers(recipe.jpeg[0], recipe.jpeg[1] + 1))
    done["jpeg"] = quality
    data = encode_jpeg(linear_to_srgb8(np.clip(light, 0, 1).astype(np.float32)), quality)
    return np.array(Pil.open(io.BytesIO(data), formats=["JPEG"])), data, done


def encode_jpeg(rgb: NDArray[np.uint8], quality: int) -> bytes:
    """The JPEG of an image (S, S, 3); below quality 90 with colour at half the resolution, as cameras write it."""
    out = io.BytesIO()
    Pil.fromarray(rgb).save(out, "JPEG", quality=quality, subsampling=2 if quality < 90 else 0)
    return out.getvalue()


def motion_kernel(length: float, angle: float) -> F32:
    """(K, K) kernel of a straight motion over `length` pixels at an angle in radians; it sums to 1."""
    radius = int(np.ceil(length / 2)) + 1
    t = ((np.arange(8 * radius) + 0.5) / (8 * radius) - 0.5) * length
    x, y = t * np.cos(angle) + radius, t * np.sin(angle) + radius
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    for dy in (0, 1):
        for dx in (0, 1):
            row, column = np.floor(y).astype(int) + dy, np.floor(x).astype(int) + dx
            weight = (1 - np.abs(y - row)) * (1 - np.abs(x - column))
            inside = (row < len(kernel)) & (column < len(kernel))
            np.add.at(kernel, (row[inside], column[inside]), weight[inside])
    return (kernel / kernel.sum()).astype(np.float32)
