"""What spoils a photo, at a documented moderate level, and what it costs: overlap with each fault beside that without.

    noise      Gaussian, sigma 8 % of white            dark       a stop and a half less light, then 8 bits
    blur       Gaussian, sigma 1.5 % of the side       occlusion  a box over a fifth of the thing, out of the mask too
    jpeg       quality 20                              crop       an eighth of the thing cut off at one side
    mask +, -  the mask 2 % of the side too large, too small
    mask holes a tenth of the mask missing in blobs
All on pictures of 128 pixels a side, where a photo's thing ends up.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.evaluate.baselines.image_to_voxels import Guesser
from lift3d.evaluate.scores.view_truth import Truth
from lift3d.geometry.image.crop import square_crop
from lift3d.geometry.voxels.view_frame import fit_view_frame
from lift3d.train.data.view_set import View, ViewSet, network_input

if TYPE_CHECKING:
    from lift3d.evaluate.cases.image_to_voxels import Case

U8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Fault = Callable[[U8, Mask, np.random.Generator], tuple[U8, Mask]]


def noise(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    return np.asarray((rgb + rng.normal(0, 0.08 * 255, rgb.shape)).clip(0, 255), np.uint8), mask


def blur(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    sigma = 0.015 * len(rgb)
    return np.asarray(ndimage.gaussian_filter(rgb.astype(np.float32), (sigma, sigma, 0)), np.uint8), mask


def jpeg(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    out = io.BytesIO()
    Pil.fromarray(rgb).save(out, "JPEG", quality=20)
    return np.asarray(Pil.open(out).convert("RGB")), mask


def dark(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    linear = (rgb / 255.0) ** 2.2 / 2**1.5
    return np.asarray(linear ** (1 / 2.2) * 255, np.uint8), mask


def occlusion(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    rows, columns = np.nonzero(mask)
    k = rng.integers(len(rows))
    out = mask.copy()
    side = int(np.sqrt(0.2 * mask.sum()))
    while out.sum() > 0.8 * mask.sum() and side < 2 * len(mask):
        y, x = max(rows[k] - side // 2, 0), max(columns[k] - side // 2, 0)
        out[y : y + side, x : x + side] = False
        side += 2
    return rgb, out


def crop(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    columns = np.flatnonzero(mask.any(0))
    width = len(columns) // 8
    out = mask.copy()
    if width and rng.random() < 0.5:
        out[:, : columns[0] + width] = False
    elif width:
        out[:, columns[-1] - width + 1 :] = False
    return rgb, out


def larger(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    return rgb, np.asarray(ndimage.binary_dilation(mask, iterations=max(1, round(0.02 * len(mask)))))


def smaller(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    out = ndimage.binary_erosion(mask, iterations=max(1, round(0.02 * len(mask))))
    return rgb, np.asarray(out if out.sum() > 0.3 * mask.sum() else mask)


def holes(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    field = ndimage.gaussian_filter(rng.normal(size=mask.shape), 0.04 * len(mask))
    return rgb, mask & (field > np.quantile(field[mask], 0.1))


FAULTS: dict[str, Fault] = {
    "noise": noise, "blur": blur, "jpeg": jpeg, "dark": dark, "occlusion": occlusion, "crop": crop,
    "mask too large": larger, "mask too small": smaller, "mask with holes": holes,
}  # fmt: skip


def spoilt(solids: ViewSet, view: View, fault: Fault, seed: int = 0) -> View | None:
    """The view as its photo with the fault would be seen: crop and frame follow the mask; None where nothing is left."""
    rgb, mask = fault(view.rgb, view.mask, np.random.default_rng([seed, view.number]))
    if not mask.any():
        return None
    frame, to_view = fit_view_frame(view.camera, square_crop(mask), solids.points(view.shape))
    return replace(view, rgb=rgb, mask=mask, frame=frame, to_view=to_view)


def robustness(
    solids: ViewSet, cases: Sequence[Case], guesser: Guesser, level: float, progress: Callable[[float], None]
) -> dict[str, float]:
    """Mean overlap at 64 cells: "none" without a fault, then with each."""
    out: dict[str, float] = {}
    for k, (name, fault) in enumerate({"none": nothing, **FAULTS}.items()):
        hits = []
        for case in cases:
            view = spoilt(solids, case.view, fault)
            if view is None:
                hits.append(0.0)
                continue
            guess = guesser.guess(view, network_input(view)[None])
            hits.append(
                float(Truth(solids, view).overlaps(guess.fill_silhouette(level), np.array([level]), 64)[0])
            )
        out[name] = float(np.mean(hits))
        progress((k + 1) / (len(FAULTS) + 1))
    return out


def nothing(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    return rgb, mask
