"""Voxels to a label: a 3-D network rotates the shape upright and predicts the probability of each category.

The occupancy is resampled to the network's grid, 64 voxels a side with 60 along the shape's longest side. The card states over
how many poses predictions are averaged; the number was chosen on the validation set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import DISTRIBUTION, LABEL_IGNORES_SIZE
from lift3d.geometry.voxels.occupancy import FULL, occupancy_levels
from lift3d.inference.shape_classifier import Judge, classify_voxels
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Label, Provenance, Voxels
from lift3d.weights import PretrainedCfg, find

NAME = "voxels_to_label"
RESOLUTION, LONGEST_SIDE = 64, 60
"""Voxels a side of the network's grid, and along the longest side of the shape in it."""
MAX_RESOLUTION = 384
NATIVE_RANGE = (40, 62)
"""Range of the longest side in voxels in which a shape is not resampled."""


@register(
    Card(
        NAME, "Voxels", "Label",
        (DISTRIBUTION, LABEL_IGNORES_SIZE, SAME_BYTES),
        "learned", "Jaderberg et al. 2015; Zhou et al. 2019",
    )
)  # fmt: skip
@dataclass(frozen=True)
class VoxelsToLabel(Mapping[Voxels, Label]):
    """weights: a run's folder or a weights file; the package's own if not given. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    runtime: str | None = None

    def apply(self, source: Voxels, context: Context) -> Label:
        return label_voxels(source, self.weights, context, runtime=self.runtime)


def label_voxels(
    source: Voxels, weights: str | None, context: Context, judge: Judge | None = None, runtime: str | None = None
) -> Label:  # fmt: skip
    """The label of voxels. judge: from the rotations (K, 3, 3) of the candidate poses and the network's scores (K,) to scores
    that replace them; None: the network's own, with the bias of the given pose that its card states. InputError as
    `resample_to_network_grid`."""
    cells = resample_to_network_grid(source)
    found = find(NAME if weights is None else weights)
    options = inference_options(found)
    if judge is not None:
        options["identity_bias"] = 0.0
    probabilities, rotation = classify_voxels(cells, weights, options, judge, runtime)
    if not np.isfinite(probabilities).all():
        raise InputError(
            f"{found.file.name} gives values that are not finite", "download weights and card again"
        )
    context.note(
        NAME, weights=found.name, sha256=found.sha256, full=int(cells.sum()), rotation=rotation.tolist()
    )  # fmt: skip
    provenance = (Provenance(NAME, found.name, found.sha256),)
    return Label(found.require_labels(), probabilities / probabilities.sum(), rotation, provenance)


def inference_options(cfg: PretrainedCfg) -> dict[str, Any]:
    """Options of `inference.shape_classifier.classify_voxels`, chosen on validation, from the card's `inference`."""
    options = cfg.extra.get("inference", {})
    try:
        poses, stay = int(options.get("poses", 3)), float(options.get("stay", 0.0))
        around = bool(options.get("around", True))
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError("the card of these weights is damaged", "download weights and card again") from error
    return {"poses": min(max(poses, 1), 18), "symmetries": around, "identity_bias": stay}


def resample_to_network_grid(voxels: Voxels) -> NDArray[np.bool_]:
    """(64, 64, 64) bool: occupied voxels, the bounding box of the shape centred. InputError if there are none."""
    full = voxels.inside
    if max(full.shape) > MAX_RESOLUTION:
        raise InputError(f"a grid of {max(full.shape)} voxels a side", f"give {MAX_RESOLUTION} at most")
    places = np.argwhere(full)
    if not len(places):
        raise InputError("no voxel is occupied: there is no shape to classify", "use a lower iso-level")
    low, high = places.min(0), places.max(0) + 1
    full = full[tuple(slice(a, b) for a, b in zip(low, high))]
    axes = voxels.affine[:3, :3]
    if _is_native(axes, max(full.shape)):
        out = np.zeros((RESOLUTION,) * 3, bool)
        first = [(RESOLUTION - size) // 2 for size in full.shape]
        out[tuple(slice(a, a + size) for a, size in zip(first, full.shape))] = full
        return out
    return _resampled(full, axes)


def grid_transform(voxels: Voxels) -> NDArray[np.float64]:
    """(4, 4) transform from indices of the voxels to indices of the grid of `resample_to_network_grid`."""
    places = np.argwhere(voxels.inside)
    low, high = places.min(0), places.max(0) + 1
    axes, out = voxels.affine[:3, :3], np.eye(4)
    if _is_native(axes, int((high - low).max())):
        out[:3, 3] = (RESOLUTION - (high - low)) // 2 - low
        return out
    corners = np.array(list(np.ndindex(2, 2, 2))) * (high - low) @ axes.T
    step = float(np.ptp(corners, axis=0).max()) / LONGEST_SIDE
    out[:3, :3] = axes / step
    centre = (corners.min(0) + corners.max(0)) / 2
    out[:3, 3] = (axes @ (0.5 - low) - centre) / step + RESOLUTION / 2 - 0.5
    return out


def _is_native(axes: NDArray[np.float64], longest: int) -> bool:
    """Whether a shape of this many voxels along these axes is moved, but not resampled."""
    step = axes[0, 0]
    native = NATIVE_RANGE[0] <= longest <= NATIVE_RANGE[1]
    return bool(step > 0 and np.allclose(axes, np.eye(3) * step) and native)


def _resampled(full: NDArray[np.bool_], axes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The same for voxels of any size along any axes, the columns of `axes` (3, 3). Parts thinner than a voxel stay connected,
    as in the corpus."""
    if not np.isfinite(axes).all() or abs(np.linalg.det(axes)) < 1e-30:
        raise InputError("the axes of the grid span no space", "give an affine that can be inverted")
    corners = np.array(list(np.ndindex(2, 2, 2))) * full.shape @ axes.T
    low, high = corners.min(0), corners.max(0)
    step = float((high - low).max()) / LONGEST_SIDE
    line = (np.arange(RESOLUTION) + 0.5 - RESOLUTION / 2) * step
    lattice = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3) + (low + high) / 2
    at = lattice @ np.linalg.inv(axes).T - 0.5
    wide = np.maximum(np.ceil(step / np.maximum(np.linalg.norm(axes, axis=0), 1e-300)), 1).astype(int)
    edge = int(wide.max()) + 1
    held, at = np.pad(full, edge), (at + edge).T
    share = ndimage.uniform_filter(held.astype(np.float32), tuple(wide), mode="constant")
    touched = ndimage.maximum_filter(held, tuple(wide | 1), mode="constant")
    inside = ndimage.map_coordinates(share, at, order=1, mode="constant") > 0.5
    near = ndimage.map_coordinates(touched.astype(np.uint8), at, order=0, mode="constant") > 0
    return np.asarray(
        occupancy_levels(inside.reshape((RESOLUTION,) * 3), near.reshape((RESOLUTION,) * 3)) > FULL // 2
    )
