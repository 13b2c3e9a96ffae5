"""A photo to a depth map: a U-Net on a pre-trained backbone, averaged over the photo and its mirror image, upsampled along edges.

The scale of the scene is unknown: the median depth of surfaces is 1. The network also predicts the focal length, where the photo
does not state it, and the offset of inverse depth (Yin et al. 2021, arXiv:2012.09365), so that the depth map becomes points
without distortion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.guarantees.depth import DEPTH_OF_PHOTO
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.image.guided_upsampling import BAND, guided_upsample, resize_map, resize_rows
from lift3d.mapping import Card, Mapping, register
from lift3d.nets.sizes import MEAN, SCALE
from lift3d.types import F32, Camera, Depth, Image

if TYPE_CHECKING:
    from lift3d.inference.runtimes import Network

NAME = "image_to_depth"
INPUT_SIZE = 256
"""Shorter side of the network's input in pixels, where neither the card nor the options of the run state it."""
STRIDE, MAX_ASPECT, MAX_PIXELS = 32, 3.0, 64_000_000
"""Sides of the input are multiples of STRIDE, the longer at most MAX_ASPECT times the shorter: longer photos are squeezed. Photos
above MAX_PIXELS are refused."""
RADIUS, EPSILON = 4, 4e-3
"""Of the guided upsampling: half a window's side in pixels of the network's output, and the regularisation."""
MIN_INVERSE = 0.02
"""Least inverse depth, relative to its median: nothing is farther than 50 times the median."""
MIN_DEVIATION = 1.5
"""Standard deviation of the grey values, 0 to 255, below which a photo shows nothing."""
SURFACE = 0.5
"""Confidence from which a pixel shows a surface, not the sky."""
GRAZE = 4e-3
"""Least cosine between a normal and the direction to the camera."""
FOCAL_RANGE = (0.3, 5.0)
"""Plausible focal lengths in units of the photo's longer side."""


@register(
    Card(
        NAME, "Image", "Depth", (DEPTH_OF_PHOTO, SAME_BYTES), "learned",
        "Ranftl et al. 2020; Tan & Le 2019; Yin et al. 2021; He & Sun 2015",
    )
)  # fmt: skip
@dataclass(frozen=True)
class ImageToDepth(Mapping[Image, Depth]):
    """weights: a run's folder or a weights file; the package's own if not given. mirror: average with the answer to the mirrored
    photo. guided: upsample along the edges of the photo; bilinearly otherwise. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    mirror: bool = True
    guided: bool = True
    runtime: str | None = None

    def apply(self, source: Image, context: Context) -> Depth:
        """Depth with median 1 over surfaces, and normals at every pixel of the photo, 0 where it is transparent; the confidence
        is the probability that a pixel shows a surface, not the sky. CaptureError for a photo of a single colour, InputError for
        one that is too large."""
        height, width = source.height, source.width
        if height * width > MAX_PIXELS:
            raise InputError(
                f"{source.name or 'the photo'} has {height * width / 1e6:.0f} megapixels", "reduce it first"
            )
        if (
            float(
                np.asarray(Pil.fromarray(source.pixels).resize((64, 64), Pil.Resampling.BOX))
                .std(axis=(0, 1))
                .max()
            )
            < MIN_DEVIATION
        ):
            raise CaptureError(
                f"{source.name or 'the photo'} is all of one colour, so that it shows no depth",
                "give another photo",
            )
        from lift3d.inference.network import open_network

        net = open_network(NAME, self.weights, self.runtime)
        inverse, normals, log_focal, offset, surface = self._predict(net, source)
        full = (
            guided_upsample(source.pixels, inverse, RADIUS, EPSILON)
            if self.guided
            else resize_map(inverse, height, width)
        )
        # aligned inverse depth has the median 0 and the deviation 1; the offset is its median in units of the deviation
        positive = np.maximum((full + np.float32(offset)) / np.float32(offset), np.float32(MIN_INVERSE))
        z = (1 / positive).astype(np.float32)
        longer = max(height, width)
        focal = (
            source.focal
            if source.focal is not None
            else float(np.clip(math.exp(log_focal), *FOCAL_RANGE)) * longer
        )
        camera = Camera(width, height, focal, focal, width / 2, height / 2, np.eye(4))
        facing = facing_normals(normals, camera)
        sure = np.clip(resize_map(surface, height, width), 0, 1)
        if source.mask is not None:
            z = np.where(source.mask, z, 0).astype(np.float32)
            facing[~source.mask] = 0
            sure = np.where(source.mask, sure, 0)
        known = z[z > 0]
        surface_depth = z[(z > 0) & (sure >= SURFACE)]
        middle = surface_depth if len(surface_depth) else known
        z /= np.float32(np.median(middle)) if len(middle) else np.float32(1)
        context.note(
            NAME, network=net.found.name, focal=round(focal, 1), focal_given=source.focal is not None,
            sky=round(float((sure < SURFACE)[z > 0].mean()) if len(known) else 0.0, 3),
        )  # fmt: skip
        return Depth(z, camera, facing, sure.astype(np.float32))

    def _predict(self, net: Network, image: Image) -> tuple[F32, F32, float, float, F32]:
        """Aligned inverse depth (h, w), normals (h, w, 3), the logarithm of the focal length in longer sides, the offset, and the
        probability of a surface (h, w)."""
        shorter = net.found.image_size or int(net.found.config.get("height", INPUT_SIZE))
        width, height = input_size(image.width, image.height, shorter)
        small = np.asarray(
            Pil.fromarray(image.pixels).resize((width, height), Pil.Resampling.BILINEAR), np.float32
        )
        x = ((small - np.float32(MEAN)) / np.float32(SCALE)).transpose(2, 0, 1)[None]
        both = np.concatenate([x, x[..., ::-1]]) if self.mirror else x
        maps, directions, cameras, surface = net.run("depth", both)
        inverse = [_aligned(y) for y in maps]
        normals, camera = directions.transpose(0, 2, 3, 1), cameras.mean(0)
        if self.mirror:
            inverse[1], surface = inverse[1][:, ::-1], np.stack([surface[0], surface[1, :, ::-1]])
            normals = np.stack([normals[0], normals[1, :, ::-1] * np.array([-1, 1, 1], np.float32)])
        return (
            np.mean(inverse, 0).astype(np.float32),
            normals.mean(0),
            float(camera[0]),
            float(np.exp(np.clip(camera[1], -3, 4))),
            surface.mean(0),
        )


def input_size(width: int, height: int, shorter: int) -> tuple[int, int]:
    """(width, height) of the network's input for a photo: multiples of STRIDE near its aspect ratio."""
    aspect = min(max(width, height) / min(width, height), MAX_ASPECT)
    sides = round(shorter / STRIDE) * STRIDE, round(shorter * aspect / STRIDE) * STRIDE
    return sides if width <= height else sides[::-1]


def _aligned(inverse: F32) -> F32:
    """Inverse depth with the median 0 and the mean absolute deviation 1 (Ranftl et al. 2020, equations 6 and 7)."""
    centred = inverse - np.median(inverse)
    return np.asarray(centred / max(float(np.abs(centred).mean()), 1e-4), np.float32)


def facing_normals(normals: F32, camera: Camera) -> NDArray[np.float16]:
    """(H, W, 3) float16 unit normals at the size of the camera's image, from a smaller map (h, w, 3). None looks away from the
    camera: those that do are turned until they graze."""
    height, width = camera.height, camera.width
    out = np.empty((height, width, 3), np.float16)
    u = ((np.arange(width) + 0.5 - camera.cx) / camera.fx).astype(np.float32)
    v = ((np.arange(height) + 0.5 - camera.cy) / camera.fy).astype(np.float32)
    for top in range(0, height, BAND):
        rows = slice(top, min(top + BAND, height))
        n = np.stack([resize_rows(normals[..., k], rows, height, width) for k in range(3)], -1)
        rays = np.stack(
            [*np.broadcast_arrays(u, v[rows, None]), np.ones((len(v[rows]), width), np.float32)], -1
        )
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        n /= np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), np.float32(1e-6))
        along = (n * rays).sum(-1, keepdims=True)
        n -= np.maximum(along + np.float32(GRAZE), 0) * rays
        length = np.linalg.norm(n, axis=-1, keepdims=True)
        out[rows] = np.where(length > 1e-3, n / np.maximum(length, np.float32(1e-3)), -rays)
    return out
