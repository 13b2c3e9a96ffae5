"""Prediction of a solid from photos of one object, as arrays (network: nets/views_to_volume.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lift3d.geometry.voxels.layer_fusion import fuse_layers
from lift3d.geometry.voxels.silhouette_prior import fill_behind_silhouette
from lift3d.geometry.voxels.view_frame import ViewFrame
from lift3d.inference.runtimes import Network
from lift3d.nets.sizes import GRID_SIZE
from lift3d.types import F32, F64

if TYPE_CHECKING:
    from lift3d.inference.layered_depth import LayerMaps

MAX_DEPTH_EXTENT = 0.95
"""Largest half depth of the object, as a fraction of the depth of its centre, so that the object is in front of the camera."""


@dataclass(frozen=True, eq=False)
class SingleViewPrediction:
    """occupancy (D, H, W): of the voxels of the view frame, axes w v u. depth: logarithm of half depth over half width.
    pose (10,): up and front (unit vectors), centre, and logarithm of the size, in half widths, in the view frame; None
    where it is not predicted. silhouette (H, W): coverage of each ray by the object in the image, or None."""

    occupancy: F32
    depth: float
    pose: F32 | None = None
    silhouette: F32 | None = None

    def fill_silhouette(self, level: float) -> SingleViewPrediction:
        """The prediction with occupancy above the level on every ray of the silhouette; unchanged without a silhouette."""
        if self.silhouette is None:
            return self
        return replace(
            self,
            occupancy=fill_behind_silhouette(
                self.occupancy, self.silhouette, level, float(np.exp(-self.depth))
            ),
            silhouette=None,
        )

    def with_layers(
        self, maps: LayerMaps, coverage: F32, level: float, frame: ViewFrame, n: int
    ) -> SingleViewPrediction:
        """The prediction on n^3 voxels, sharpened by the visible surface and its thickness (geometry/voxels/layer_fusion.py).

        maps: in the frame of the crop; coverage (S, S): of the crop's pixels by the silhouette; level: iso-level; frame: with the
        photo's camera."""
        most = MAX_DEPTH_EXTENT * frame.centre_depth / frame.half_width
        occupancy, half = fuse_layers(
            self.occupancy,
            float(np.exp(np.clip(self.depth, -4, 4))),
            level,
            maps.nearness,
            maps.thickness,
            coverage,
            n,
            most,
        )
        return replace(self, occupancy=occupancy, depth=float(np.log(half)), silhouette=None)

    def frame(self, given: ViewFrame) -> ViewFrame:
        """The given view frame with the predicted depth extent."""
        half_depth = min(
            float(np.exp(np.clip(self.depth, -4, 4))) * given.half_width,
            MAX_DEPTH_EXTENT * given.centre_depth,
        )
        return ViewFrame(given.K, given.crop, given.centre_depth, half_depth)

    @property
    def rotation(self) -> F64 | None:
        """(3, 3) rotation from the view frame to the upright frame; None where the pose is not predicted."""
        if self.pose is None:
            return None
        up = np.asarray(self.pose[:3], np.float64)
        up = up / np.linalg.norm(up)
        front = self.pose[3:6] - (self.pose[3:6] @ up) * up
        front = front / max(float(np.linalg.norm(front)), 1e-9)
        return np.stack([front, np.cross(up, front), up])


def photo_similarity(net: Network, pictures: F32) -> list[float]:
    """Similarities (N - 1) of the first of the images (N, 4, 128, 128) to each of the others: the cosine of the network's codes
    plus the Bhattacharyya coefficient of the colour histograms; about 1.6 for two images of one object."""
    (code,) = net.run("code", pictures[:, None])
    code = code / np.linalg.norm(code, axis=1, keepdims=True)
    colours = np.sqrt([_colours(p) for p in pictures])
    return [float(x) for x in code[1:] @ code[0] + colours[1:] @ colours[0]]


def _colours(picture: F32) -> F64:
    """(64,) normalised colour histogram of the object, four levels per channel."""
    level = ((picture[:3, picture[3] > 0.5] + 1) * 2).astype(int).clip(0, 3)
    count = np.bincount((level[0] * 4 + level[1]) * 4 + level[2], minlength=64)
    return np.asarray(count / max(count.sum(), 1))


def predict_view(net: Network, pictures: F32) -> SingleViewPrediction:
    """The prediction from images (N, 4, 128, 128) of one object in the frame of the first image: the mean over the images and
    their reflections, computed in single precision."""
    occupancy, depth, rotations, rest = net.run("shape", np.stack([pictures, pictures[..., ::-1]]))
    mean = (occupancy[0] + occupancy[1][..., ::-1]) / 2
    reflection = np.array([-1, 1, 1])
    up = rotations[0, 2] + rotations[1, 2] * reflection
    centre = (rest[0, :3] + rest[1, :3] * reflection) / 2
    # The front is that of the unreflected images: a reflection does not preserve which side is the front.
    pose = np.concatenate(
        [up / max(float(np.linalg.norm(up)), 1e-9), rotations[0, 0], centre, rest[:, 3].mean()[None]]
    )
    step = pictures.shape[-1] // GRID_SIZE
    silhouette = pictures[0, 3].reshape(GRID_SIZE, step, GRID_SIZE, step).mean((1, 3))
    return SingleViewPrediction(mean, float(depth.mean()), pose.astype(np.float32), silhouette)
