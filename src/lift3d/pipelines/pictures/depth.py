"""The depth of a photo: the pipeline of `lift3d depth`."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.camera.projection import pixel_rays
from lift3d.io.files.atomic import write_bytes
from lift3d.io.mesh.ply import writer as ply
from lift3d.maps.image_to_depth import ImageToDepth
from lift3d.pipelines.arguments import (
    Message,
    PathLike,
    PhotoSource,
    load_photo,
    or_ignore,
    reader_warnings,
    require_other_file,
)
from lift3d.types import F32, F64, Depth, Image, Part, Points

MAX_POINTS = 2_000_000
"""Most points of a cloud; of larger photos every second, third ... pixel is taken."""
EDGE = 0.08
"""Relative difference of neighbouring depths above which a pixel lies on a silhouette and gives no point."""
RAMP, RAMP_WIDTH = 0.06, 250
"""Relative change of inverse depth over a ramp that joins two surfaces, and the longer side of a photo in half widths of such
ramps."""
COLOURS = np.array(
    [[0, 0, 4], [40, 11, 84], [101, 21, 110], [159, 42, 99], [212, 72, 66], [245, 125, 21], [250, 193, 39], [252, 255, 164]],
    np.float32,
)  # fmt: skip
"""Anchors of a perceptual colour scale, from far to near."""


def depth(
    photo: PhotoSource,
    output: PathLike | None = None,
    *,
    normals: PathLike | None = None,
    points: PathLike | None = None,
    weights: str | None = None,
    message: Message | None = None,
) -> Depth:
    """Predict the depth of a photo.

    photo: a path, an array (H, W, 3) uint8 or a Pillow image; where it is transparent, depth is 0. output: a PNG to write,
    inverse depth in 16 bits (65535 is the nearest, 0 is the sky or unknown); NAME.npy, depth as float32, 0 where it is unknown
    and infinite in the sky, and NAME.preview.png, in colours, are written beside it. normals: a PNG to write, x right, y up, z to
    the camera. points: a PLY to write, coloured points with z up and the camera at the origin looking along +y, none of the sky.
    weights: a run's folder or a weights file, None for the package's own. message: receives what the reader of the photo changed
    or could not use, as sentences.

    Returns the depth (H, W) float32 along the optical axis, whose median is 1 since the scale of a photo is unknown, 0 where the
    photo is transparent and infinite in the sky; its camera, its
    normals (H, W, 3) float16, and as confidence (H, W) the probability that a pixel shows a surface, not the sky. Raises
    InputError for a photo or output that cannot be used, CaptureError for a photo of one colour."""
    paths = [
        _check(photo, path, suffix, what)
        for path, suffix, what in (
            (output, ".png", "depth map"),
            (normals, ".png", "normals"),
            (points, ".ply", "point cloud"),
        )
    ]
    if paths[0] is not None:
        require_other_file(photo, paths[0], _beside(paths[0]), "photo")
    given = [
        path.resolve() for path in (*paths, *(_beside(paths[0]) if paths[0] else ())) if path is not None
    ]
    if len(set(given)) < len(given):
        raise InputError("two outputs have the same name", "give each another name")
    context = Context()
    image = load_photo(photo, context)
    for sentence in reader_warnings(photo, image.warnings, "the photo"):
        or_ignore(message)(sentence)
    found = ImageToDepth(weights)(image, context)
    sky = sky_of(found)
    if paths[0] is not None:
        write_depth(np.where(sky, np.float32(np.inf), found.z), paths[0])
    if paths[1] is not None:
        assert found.normals is not None
        write_bytes(
            paths[1], _png(normals_image(np.asarray(found.normals, np.float32), (found.z > 0) & ~sky))
        )
    if paths[2] is not None:
        write_bytes(paths[2], _ply(depth_to_points(found, image)))
    return replace(found, z=np.where(sky, np.float32(np.inf), found.z))


def sky_of(found: Depth) -> NDArray[np.bool_]:
    """(H, W) bool: pixels with depth that more probably show the sky than a surface."""
    known = found.z > 0
    return known & (found.confidence < 0.5) if found.confidence is not None else np.zeros_like(known)


def write_depth(z: F32, path: Path) -> None:
    """Write inverse depth as 16-bit PNG, depth as NAME.npy and a coloured NAME.preview.png."""
    inverse = inverse_codes(z)
    array = io.BytesIO()
    np.save(array, z, allow_pickle=False)
    numbers, preview = _beside(path)
    write_bytes(numbers, array.getvalue())
    write_bytes(preview, _png(coloured(inverse)))
    write_bytes(path, _png(inverse))


def _beside(output: Path) -> tuple[Path, Path]:
    """NAME.npy and NAME.preview.png, which are written beside a depth map."""
    return output.with_suffix(".npy"), output.with_name(f"{output.stem}.preview.png")


def inverse_codes(z: F32) -> NDArray[np.uint16]:
    """(H, W) uint16: inverse depth, linear, 65535 at the nearest point, at least 1 where depth is known and finite, 0
    elsewhere."""
    known = (z > 0) & np.isfinite(z)
    nearest = float(z[known].min()) if known.any() else 1.0
    codes = np.rint(65535 * nearest / np.where(known, z, 1))
    return np.where(known, np.clip(codes, 1, 65535), 0).astype(np.uint16)


def coloured(inverse: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: inverse depth from its 1st to its 99th percentile as colours, dark is far; unknown depth is black."""
    known = inverse > 0
    low, high = np.percentile(inverse[known], (1, 99)) if known.any() else (0, 1)
    t = np.clip((inverse.astype(np.float32) - low) / max(high - low, 1), 0, 1) * (len(COLOURS) - 1)
    table = np.stack(
        [np.interp(np.arange(256) / 255 * (len(COLOURS) - 1), np.arange(len(COLOURS)), c) for c in COLOURS.T],
        1,
    )
    rgb = np.rint(table).astype(np.uint8)[np.rint(t * 255 / (len(COLOURS) - 1)).astype(np.uint8)]
    return np.where(known[..., None], rgb, 0).astype(np.uint8)


def normals_image(normals: F32, known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: (value / 127.5 - 1) is the normal with x right, y up, z to the camera; 0 where depth is unknown."""
    out = np.round((normals * np.array([1, -1, -1], np.float32) + 1) * 127.5)
    return np.where(known[..., None], out, 0).astype(np.uint8)


def depth_to_points(found: Depth, image: Image, most: int = MAX_POINTS) -> Points:
    """At most `most` points of a depth map with the photo's colours, z up, the camera at the origin looking along +y. Pixels on
    silhouettes, whose depth lies between two surfaces, give none."""
    step = max(int(np.ceil(np.sqrt(found.z.size / most))), 1)
    kept = (~_silhouette(found.z) & (found.z > 0) & ~sky_of(found))[::step, ::step]
    to_world = np.array(
        [[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]
    )  # rows are the camera's axes x, y, z in the world
    xyz: F64 = (pixel_rays(found.camera)[::step, ::step] * found.z[::step, ::step, None])[kept] @ to_world
    colours = image.pixels[::step, ::step][kept]
    normals = (
        None
        if found.normals is None
        else np.asarray(found.normals, np.float64)[::step, ::step][kept] @ to_world
    )
    return Points(xyz, None if normals is None else normals.astype(np.float32), np.ascontiguousarray(colours))


def _silhouette(z: F32) -> NDArray[np.bool_]:
    """(H, W) bool: pixels whose depth differs from that of the next one by more than EDGE, and those of ramps between two
    surfaces: the network has fewer pixels than the photo, so that an edge is spread over some of them. On a ramp inverse depth
    changes faster than on either side, and by more than RAMP over its width; on planes it changes evenly."""
    out = np.zeros(z.shape, bool)
    inverse = 1 / np.where((z > 0) & np.isfinite(z), z, np.inf)
    half = max(round(max(z.shape) / RAMP_WIDTH), 1)
    for axis in (0, 1):
        change = _shifted(inverse, -half, axis) - _shifted(inverse, half, axis)
        beside = [np.sign(change) * _shifted(change, k * 3 * half, axis) for k in (-1, 1)]
        steeper = np.abs(change) > 2 * np.maximum(np.maximum(*beside), 0)
        out |= steeper & (np.abs(change) > RAMP * inverse)
    across = np.abs(np.diff(z, axis=1)) > EDGE * np.minimum(z[:, 1:], z[:, :-1])
    down = np.abs(np.diff(z, axis=0)) > EDGE * np.minimum(z[1:], z[:-1])
    out[:, 1:] |= across
    out[:, :-1] |= across
    out[1:] |= down
    out[:-1] |= down
    return out


def _shifted(values: NDArray[np.floating], by: int, axis: int) -> NDArray[np.floating]:
    """The values moved by some pixels along an axis, the outermost ones repeated."""
    at = np.clip(np.arange(values.shape[axis]) - by, 0, values.shape[axis] - 1)
    return np.take(values, at, axis)


def _ply(points: Points) -> bytes:
    colours = (
        None
        if points.colours is None
        else np.column_stack([points.colours, np.full(len(points), 255, np.uint8)])
    )
    return ply.write(Part(points.xyz, np.zeros((0, 3), np.int64), None, colours), None, None, points.normals)


def _png(pixels: NDArray[np.generic]) -> bytes:
    out = io.BytesIO()
    Pil.fromarray(pixels).save(out, format="PNG", compress_level=4)
    return out.getvalue()


def _check(photo: PhotoSource, output: PathLike | None, suffix: str, what: str) -> Path | None:
    """The output as a path; InputError for another suffix and for a file that would overwrite the photo."""
    if output is None:
        return None
    path = Path(os.fspath(output))
    if path.suffix.lower() != suffix:
        raise InputError(
            f"the {what} {path.name} is not a {suffix[1:].upper()}", f"give it a name that ends in {suffix}"
        )
    require_other_file(photo, path, what="photo")
    return path
