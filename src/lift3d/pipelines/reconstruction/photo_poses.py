"""Cameras of photos around a mesh that is known or predicted: by the silhouette of the object, and by colours where another photo
has a camera already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.geometry.camera.assumed import assumed_intrinsics
from lift3d.geometry.camera.colour_agreement import compare_colours
from lift3d.geometry.camera.silhouette_pose import SilhouettePose, poses_from_silhouette
from lift3d.types import Camera, Image, Mesh

MIN_IOU, USUAL_IOU = 0.88, 0.95
"""Least IoU of the silhouette of a known mesh with the mask for a photo to be used, and the one from which no doubt is left:
photos of the object reach 0.97 to 1, of other objects and of a mesh that lies on its side up to 0.86."""
COLOUR_WEIGHT, USUAL_DIFFERENCE = 0.3, 0.6
"""A pose is preferred by COLOUR_WEIGHT times the overlap times how much smaller the difference of the colours is than
USUAL_DIFFERENCE."""


@dataclass(frozen=True)
class PlacedPhoto:
    """A photo with its mask and camera, and the IoU of the mesh's silhouette with the mask."""

    image: Image
    camera: Camera
    iou: float


def place_photo(
    mesh: Mesh, image: Image, placed: tuple[PlacedPhoto, ...] = (), least: float = MIN_IOU
) -> PlacedPhoto | None:
    """The camera of a photo with a mask around an upright mesh; None where its silhouette fits from nowhere, by an IoU below
    `least`. placed: photos whose cameras are known, with which its colours must agree where both see the mesh."""
    assert image.mask is not None
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    poses = poses_from_silhouette(v, f, image.mask, assumed_intrinsics(image))

    def score(pose: SilhouettePose) -> float:
        total = pose.iou
        for other in placed:
            found = compare_colours(v, f, (other.image, other.camera), (image, pose.camera))
            if found.difference is not None:
                total += COLOUR_WEIGHT * found.overlap * (USUAL_DIFFERENCE - found.difference)
        return total

    best = max(poses, key=score)
    return PlacedPhoto(image, best.camera, best.iou) if best.iou >= least else None
