"""Training samples of `image_to_mask`: an image, random prompts for one of its objects, and the coverage of that object."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.geometry.image.prompt_maps import CHANNELS, Box, Point, Prompts, prompt_maps
from lift3d.train.data.depth_samples import MEAN, SCALE
from lift3d.types import F32

NONE, CLICK, BOX, BOTH = "none", "click", "box", "both"
MODES = (NONE, CLICK, BOX, BOTH)
FREQUENCIES = (0.42, 0.3, 0.18, 0.1)
"""Frequencies of the kinds of prompts in training."""
MIN_COVERAGE = 0.004
"""Least visible fraction of the picture that a prompted object has."""
CORE = 0.35
"""Most clicks lie where the distance to the object's edge is at least this fraction of the largest one."""
NOISE = np.random.default_rng(0).standard_normal(1 << 20, np.float32)
"""Gaussian noise, of which pictures take a random part."""


@dataclass(frozen=True, eq=False)
class PromptedSample:
    """inputs (3 + CHANNELS, S, S) float32: the normalised image and the maps of the prompts. mask (1, S, S) float32: the object's
    coverage in [0, 1]."""

    inputs: F32
    mask: F32


def make_sample(rgb: F32, mask: F32, prompts: Prompts) -> PromptedSample:
    """The sample of an image (S, S, 3) in 0 to 255 and the coverage (S, S) of the object."""
    inputs = np.empty((3 + CHANNELS, *mask.shape), np.float32)
    inputs[:3] = ((rgb - np.float32(MEAN)) * np.float32(1 / SCALE)).transpose(2, 0, 1)
    inputs[3:] = prompt_maps(mask.shape[0], mask.shape[1], prompts) if prompts else 0
    return PromptedSample(inputs, np.ascontiguousarray(mask[None], np.float32))


def augment(rgb: NDArray[np.uint8], rng: np.random.Generator) -> F32:
    """Random JPEG compression, light, colours and noise: (H, W, 3) in 0 to 255."""
    if rng.random() < 0.3:
        out = io.BytesIO()
        Pil.fromarray(rgb).save(out, "JPEG", quality=int(rng.integers(35, 95)))
        rgb = np.asarray(Pil.open(out, formats=("JPEG",)))
    if rng.random() < 0.6:  # gamma, gains and contrast by a table for each channel
        t = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.2)) * rng.uniform(0.75, 1.2) + rng.normal(
            0, 0.04
        )
        tables = (255 * t[:, None] * np.exp(rng.normal(0, 0.07, 3))).astype(np.float32)
        codes = np.stack([tables[:, c][rgb[..., c]] for c in range(3)], -1)
    else:
        codes = rgb.astype(np.float32)
    if rng.random() < 0.3:
        grey = codes.mean(2, keepdims=True)
        codes = grey + (codes - grey) * np.float32(rng.choice([0.0, rng.uniform(0.5, 1.4)], p=[0.2, 0.8]))
    if rng.random() < 0.5:
        start = int(rng.integers(len(NOISE) - codes.size + 1)) if codes.size < len(NOISE) else 0
        noise = np.resize(NOISE[start : start + codes.size], codes.shape)
        codes = codes + noise * np.float32(rng.uniform(1, 8))
    return np.asarray(np.clip(codes, 0, 255, dtype=np.float32))


def sample_target(layers: tuple[F32, ...], main: int, prompted: bool, rng: np.random.Generator) -> int:
    """Index of the object to segment: with prompts any that is visible enough, otherwise the one that shows most."""
    areas = [float(layer.mean()) for layer in layers]
    if not prompted:
        return int(np.argmax(areas))
    seen = [k for k, area in enumerate(areas) if area > MIN_COVERAGE]
    if not seen or (main in seen and rng.random() < 0.5):
        return main
    return int(rng.choice(seen))


def sample_prompts(
    layers: tuple[F32, ...], target: int, mode: str, rng: np.random.Generator, exact: bool = False
) -> Prompts:
    """Random prompts of a kind for an object; none for one that is hidden. exact: one click at the point farthest from the
    edge, and the true box."""
    mask = layers[target] > 0.5
    if mode == NONE or not mask.any():
        return Prompts()
    clicks: list[Point] = []
    background: list[Point] = []
    if mode in (CLICK, BOTH):
        count = 1 if exact else int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))
        clicks = click_points(mask, count, rng, exact)
        if not exact and rng.random() < 0.3:
            background = _background_clicks(layers, target, mask, rng)
    box = bounding_box(mask, 0 if exact else 0.07, rng) if mode in (BOX, BOTH) else None
    return Prompts(tuple(clicks), tuple(background), box)


def click_points(
    mask: NDArray[np.bool_], count: int, rng: np.random.Generator, exact: bool = False
) -> list[Point]:
    """Pixel positions (x, y) inside a mask (H, W) that is not empty, mostly far from its edge; exact: the farthest."""
    depth = ndimage.distance_transform_cdt(np.pad(mask, 1))[1:-1, 1:-1]
    if exact:
        y, x = np.unravel_index(int(depth.argmax()), depth.shape)
        return [(float(x) + 0.5, float(y) + 0.5)]
    least = 1 if rng.random() < 0.2 else max(1, CORE * depth.max())
    found = np.argwhere(depth >= least)
    rows = found[rng.integers(len(found), size=count)]
    return [(float(x) + 0.5, float(y) + 0.5) for y, x in rows]


def bounding_box(mask: NDArray[np.bool_], jitter: float, rng: np.random.Generator) -> Box:
    """The box (x0, y0, x1, y1) of a mask that is not empty, its sides moved by up to `jitter` of its size."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    x0, x1, y0, y1 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    moved = rng.uniform(-jitter, jitter, 4) if jitter else np.zeros(4)
    w, h = x1 - x0, y1 - y0
    x0, y0, x1, y1 = x0 + moved[0] * w, y0 + moved[1] * h, x1 + moved[2] * w, y1 + moved[3] * h
    return float(x0), float(y0), float(x1), float(y1)


def _background_clicks(
    layers: tuple[F32, ...], target: int, mask: NDArray[np.bool_], rng: np.random.Generator
) -> list[Point]:
    """One or two clicks outside an object, on another object if there is one."""
    others = [layer > 0.5 for k, layer in enumerate(layers) if k != target]
    others = [other for other in others if other.any()]
    if others and rng.random() < 0.7:
        return click_points(others[int(rng.integers(len(others)))], 1, rng)
    outside = ~mask
    return click_points(outside, int(rng.integers(1, 3)), rng) if outside.any() else []
