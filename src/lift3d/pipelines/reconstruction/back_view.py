"""A view of a predicted solid from behind, in the colours that image_to_back predicts for its far side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from lift3d.geometry.image.crop import Crop, square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.types import F32, F64, Camera, Image, Mesh

NAME = "image_to_back"
SIDE = 512
"""Pixels along each side of the view from behind."""


def back_view(mesh: Mesh, image: Image, camera: Camera, weights: str | None = None) -> tuple[Image, Camera]:
    """The picture of the mesh from the opposite side, and its camera. image: the photo with its mask; weights: a run's folder or
    a weights file, the package's own if not given."""
    assert image.mask is not None
    crop = square_crop(image.mask)
    colours = predict_back(image, crop, weights)
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    behind = opposite_camera(camera, (v.min(0) + v.max(0)) / 2, v)
    face, _, bary = rasterize(behind, v, f)
    painted = colours_of_points(v, camera, crop, colours)
    seen = face >= 0
    pixels = (painted[f[np.maximum(face, 0)]] * bary[..., None]).sum(2)
    rgb = np.where(seen[..., None], np.clip(pixels, 0, 255), 0).astype(np.uint8)
    return Image(rgb, f"{image.name} from behind", mask=seen), behind


def predict_back(image: Image, crop: Crop, weights: str | None = None) -> F32:
    """(n, n, 3) sRGB, 0 to 255, of the far side along the rays of the crop; beyond the silhouette the nearest colour."""
    from lift3d.inference.layered_depth import input_side
    from lift3d.inference.network import open_network

    assert image.mask is not None
    net = open_network(NAME, weights)
    cutout = cut_out(image.pixels, image.mask.astype(np.uint8) * 255, crop, input_side(net.found))
    out, _ = net.run("back", np.stack([cutout, cutout[..., ::-1]]))
    mean = (out[0] + out[1, :, :, ::-1]) / 2
    _, h, w = cutout.shape
    inside = cutout[3].reshape(h // 2, 2, w // 2, 2).mean((1, 3)) > 0.9
    codes = (np.clip(mean, -1, 1).transpose(1, 2, 0) + 1) * np.float32(127.5)
    if inside.any():
        near = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
        codes = codes[tuple(near)]
    return np.asarray(codes, np.float32)


def opposite_camera(camera: Camera, middle: F64, v: F64) -> Camera:
    """The camera on the other side of a point, turned about the photo's vertical, that shows the vertices v (V, 3) on SIDE x SIDE
    pixels."""
    pose = np.eye(4)
    pose[:3, :3] = np.diag([-1.0, 1, -1]) @ camera.R
    pose[:3, 3] = -pose[:3, :3] @ (2 * middle - camera.centre)
    p = v @ pose[:3, :3].T + pose[:3, 3]
    slopes = np.abs(p[:, :2] / p[:, 2:]).max()
    focal = 0.48 * SIDE / float(slopes)
    return replace(
        camera,
        width=SIDE,
        height=SIDE,
        fx=focal,
        fy=focal,
        cx=SIDE / 2,
        cy=SIDE / 2,
        world_to_camera=pose,
        distortion=(),
    )


def colours_of_points(points: F64, camera: Camera, crop: Crop, colours: F32) -> F64:
    """(N, 3) colours of a map (n, n, 3) over a crop of the photo at the pixels that show the points (N, 3)."""
    p = points @ camera.R.T + camera.t
    uv = p[:, :2] / p[:, 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    n = len(colours)
    at = (uv - [crop.x - crop.half, crop.y - crop.half]) * n / (2 * crop.half) - 0.5
    return np.stack(
        [ndimage.map_coordinates(colours[..., c], at[:, ::-1].T, order=1, mode="nearest") for c in range(3)],
        1,
    ).astype(np.float64)
