"""The network of `image_to_layers` on one cut-out: the visible surface and the thickness behind it, in the frame of the crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.inference.runtimes import Network
from lift3d.types import F32
from lift3d.weights import PretrainedCfg

DEFAULT_SIDE = 192


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """nearness, thickness (m, m) float32: distance of the visible surface in front of w = 0, and from it to the far side of the
    part that is seen. normals (m, m, 3): unit, view frame. extent: half the depth extent of the object. Lengths in half widths of
    the crop (geometry/voxels/view_frame.py)."""

    nearness: F32
    thickness: F32
    normals: F32
    extent: float


def input_side(cfg: PretrainedCfg) -> int:
    """Side of the network's input in pixels: as the card states it, or as in the run."""
    return int(cfg.image_size or cfg.config.get("side", DEFAULT_SIDE))


def predict_layers(net: Network, cutout: F32) -> LayerMaps:
    """The maps of a cut-out (4, S, S), averaged with those of the reflected one; m = S / 2."""
    near, thick, normals, extent = net.run("layers", np.stack([cutout, cutout[..., ::-1]]))
    normals = normals[0] + normals[1, :, :, ::-1] * np.array([-1, 1, 1], np.float32)[:, None, None]
    normals /= np.maximum(np.linalg.norm(normals, axis=0), 1e-9)
    return LayerMaps(
        np.ascontiguousarray((near[0] + near[1, :, ::-1]) / 2),
        np.exp((thick[0] + thick[1, :, ::-1]) / 2),
        np.ascontiguousarray(normals.transpose(1, 2, 0)),
        float(np.exp(extent.mean())),
    )
