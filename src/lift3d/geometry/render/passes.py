"""Render passes: from a drawable, a camera and lights to colour, coverage, exact depth, normals and mask.

The order is: corners to the camera frame, scan conversion (`scan`), colour of every sample (`shade`), sRGB and normals
(`finish`). With one sample per pixel and nothing translucent, one scan serves colour and depth. Everything runs without the
interpreter's lock, by bands of rows over threads, or one image per thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.image.colour_space import LINEAR_TO_SRGB8
from lift3d.geometry.kernels import run_in_bands
from lift3d.geometry.render.drawable import Drawable
from lift3d.geometry.render.scan_conversion import COEFFICIENTS, scan, set_up_faces
from lift3d.geometry.render.shading import finish, shade
from lift3d.geometry.render.shadow_maps import LightArrays, headlight
from lift3d.types import F32, F64, Camera


def render_linear(
    drawable: Drawable,
    camera: Camera,
    samples: int = 2,
    shading: float = 0.6,
    lights: LightArrays | None = None,
) -> tuple[F32, F32]:
    """(rgb, coverage): linear colour (H, W, 3) premultiplied by coverage, and coverage (H, W) in [0, 1].

    Coverage is the fraction of a pixel's samples x samples points on the mesh, weighted by alpha. Without `lights`, shading 0
    shows the bare material and 1 the full headlight, which comes over the photographer's left shoulder.
    """
    out, _ = _colour(drawable, camera, samples, lights or headlight(shading), True)
    return out[..., :3], out[..., 3]


def render_image(
    drawable: Drawable,
    camera: Camera,
    samples: int,
    lights: LightArrays,
    background: F64,
    threads: bool = True,
) -> tuple[NDArray[np.uint8], F32, F32, F32, NDArray[np.bool_]]:
    """(rgb (H, W, 3) sRGB bytes, coverage (H, W), z (H, W), normals (H, W, 3) camera frame, mask (H, W)).

    background: (3,) linear colour behind the object; if negative, rgb is the object's own colour. Depth, normals and mask are
    those of the nearest surface at the pixel centre: an opaque or blended face, or the present part of a masked one.
    """
    out, scanned = _colour(drawable, camera, samples, lights, threads)
    if samples != 1 or drawable.has_blended:
        scanned = _scan(drawable, camera, True, threads)
    c, _, grid, face_id, z = scanned
    shape = (camera.height, camera.width)
    rgb, normals, mask = (
        np.empty((*shape, 3), np.uint8),
        np.empty((*shape, 3), np.float32),
        np.empty(shape, bool),
    )
    args = (
        drawable.surface,
        c,
        grid,
        _pose(camera),
        face_id,
        z,
        out,
        background,
        LINEAR_TO_SRGB8,
        rgb,
        normals,
        mask,
    )
    _run(finish, camera.height, threads, args)
    return rgb, out[..., 3], z, normals, mask


def _run(kernel: Any, rows: int, threads: bool, args: tuple[Any, ...]) -> None:
    """Run a kernel over all rows, in bands over threads if `threads` and the image is large."""
    if threads and rows > 64:
        run_in_bands(kernel, rows, lambda: None, *args)
    else:
        kernel(0, rows, None, *args)


def _pose(camera: Camera) -> tuple[F64, F64]:
    """Rotation and centre of the camera, contiguous."""
    return np.ascontiguousarray(camera.R), np.ascontiguousarray(camera.centre)


def _scan(drawable: Drawable, camera: Camera, blended: bool, threads: bool) -> tuple[Any, ...]:
    """Coefficients, boxes, grid, face_id (H, W) and z (H, W)."""
    if camera.distortion:
        raise ValueError("rendering needs a pinhole camera: undistort the photo first")
    s, n = drawable.surface, len(drawable.f)
    c, box = np.empty((n, COEFFICIENTS)), np.empty((n, 4), np.int32)
    grid = (float(camera.fx), float(camera.fy), float(camera.cx), float(camera.cy))
    rotation, shift = np.ascontiguousarray(camera.R), np.ascontiguousarray(camera.t)
    set_up_faces(s.corners, rotation, shift, grid, 0.0, False, camera.width, camera.height, c, box)
    shape = (camera.height, camera.width)
    face_id, z = np.empty(shape, np.int32), np.empty(shape, np.float32)
    _run(scan, camera.height, threads, (s, c, box, grid, 0.0, blended, face_id, z))
    return c, box, grid, face_id, z


def _colour(
    drawable: Drawable, camera: Camera, samples: int, lights: LightArrays, threads: bool
) -> tuple[F32, tuple[Any, ...]]:
    """(H, W, 4) premultiplied light and coverage, and the supersampled scan of all faces that are not blended."""
    fine = resize_camera(camera, camera.width * samples, camera.height * samples)
    scanned = _scan(drawable, fine, False, threads)
    c, box, grid, face_id, z = scanned
    out = np.empty((camera.height, camera.width, 4), np.float32)
    args = (drawable.surface, lights, c, box, grid, _pose(camera), drawable.has_blended, face_id, z, out)
    _run(shade, camera.height, threads, args)
    return out, scanned
