"""A photo with its depth, a height map or a mesh to a bas-relief: the pipeline of `lift3d relief`."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.context import Context, Progress
from lift3d.errors import InputError
from lift3d.geometry.relief.picture_quality import doubts, luma, require_contrast
from lift3d.io.height.height_map import SUFFIXES, height_field, read_height_map
from lift3d.io.mesh.meshes import FORMATS
from lift3d.maps.heights_to_relief import HeightsToRelief
from lift3d.maps.mesh_to_heights import LARGEST, MeshToHeights
from lift3d.pipelines.arguments import (
    Message,
    PathLike,
    PhotoSource,
    load_model_mesh,
    load_photo,
    mesh_warnings,
    or_ignore,
    or_silent,
    require_axis,
)
from lift3d.pipelines.reconstruction.inputs import check_output
from lift3d.pipelines.reliefs.grid_model import (
    evenly_framed,
    mesh_of,
    photo_size,
    relief_shading,
    size_warnings,
    write_grid_model,
)
from lift3d.pipelines.reliefs.photo_depth import predicted_heights
from lift3d.types import HeightField, Image, Mesh
from lift3d.units import length_in_metres

MESH_SUFFIXES = (*FORMATS, ".gltf", ".off")
Heights = PathLike | NDArray[Any] | HeightField
"""A height map: a file, an array (H, W), or a `HeightField`."""


def relief(
    source: PhotoSource | Mesh | HeightField,
    output: PathLike | None = None,
    *,
    depth_map: Heights | None = None,
    near: str = "bright",
    width: str | float = "10cm",
    depth: str | float = "4mm",
    base: str | float = "2mm",
    frame: str | float | None = None,
    detail: str | float = "0.2mm",
    compression: float = 5.0,
    detail_strength: float | None = None,
    free_standing: bool = False,
    azimuth: float = 0.0,
    up: str = "z",
    progress: Progress | None = None,
    message: Message | None = None,
) -> Mesh:
    """A bas-relief as a closed block: the shape of a scene or an object, compressed to a given depth.

    source: a photo; a mesh or its file, seen from -y; or a height map (.npy, .exr, an array (H, W) of floats, a
    `HeightField`). depth_map: the heights of the photo, a file or an array. near: "bright" if larger values of a height map are
    nearer to the viewer, "dark" if they are farther. width: of the block; depth: of the relief above the base; base: thickness
    of the block behind it; frame: width of a frame as high as the relief; detail: distance between samples. Lengths are strings
    with a unit or metres. compression: how strongly large differences in height are attenuated. detail_strength: weight of
    the luminance of the photo, 0 to 1; None is 0.3 for a photo. free_standing: leave out
    the plate around the object, whose width is then `width`. azimuth: degrees by which the viewer walks around a mesh. up: "y"
    or "z", the upright axis of a mesh file whose format does not state it. output: a model file; a shaded picture of the
    relief is written beside it as NAME.png. message: called with sentences on what may disappoint.

    Returns the mesh in metres, lying on z = 0. Raises InputError for a source, an option or an output that cannot be used.
    """
    say, step = or_ignore(message), or_silent(progress)
    target = None if output is None else Path(output)
    if target is not None:
        check_output(target, [s for s in (source, depth_map) if isinstance(s, str | os.PathLike)])
    from_photo = not _is_mesh(source) and not _is_heights(source)
    if detail_strength is None:
        detail_strength = 0.3 if from_photo else 0.0
    make = HeightsToRelief(
        _metres(width, "a width"), _metres(depth, "a depth"), _metres(base, "a base"),
        0.0 if frame is None else _metres(frame, "a frame"), _metres(detail, "a detail"), float(compression),
        float(detail_strength), free_standing,
    )  # fmt: skip
    context = Context(progress=step)
    if from_photo:
        field = _of_photo(source, depth_map, near, photo_size(make.width, make.detail), context, say)
    elif depth_map is not None:
        raise InputError(
            "a depth map was given beside a mesh or a height map", "give it with a photo, or alone"
        )
    elif _is_mesh(source):
        field = _of_mesh(source, make, azimuth, up, context, say)
    else:
        field = _heights(source, near)
    step("relief", 0.0)
    layout = make.layout(field)
    for sentence in size_warnings(layout, make.base + make.depth, make.detail):
        say(sentence)
    solid, thickness = make.solid(field, context)
    mesh = mesh_of(solid)
    step("relief", 0.6)
    if target is not None:
        shown = evenly_framed(thickness, round(make.frame / layout.detail), make.base + make.depth)
        write_grid_model(solid, mesh, target, relief_shading(shown, layout.detail))
    step("relief", 1.0)
    return mesh


def _of_photo(
    source: Any, depth_map: Heights | None, near: str, size: int, context: Context, say: Message
) -> HeightField:
    """The heights of a photo, given or predicted, with the photo."""
    image = load_photo(source, context, size)
    name = image.name or "the photo"
    shades = luma(image.pixels)
    for sentence in image.warnings:
        say(f"{name}: {sentence}.")
    if image.mask is not None:
        say(f"{name}: its transparent part is taken as background.")
    if depth_map is None:
        require_contrast(shades, name)
        for sentence in doubts(shades):
            say(f"{name}: {sentence}.")
        return predicted_heights(image, context)
    field = _heights(depth_map, near)
    return replace(field, known=_within_mask(field, image), image=image)


def _within_mask(field: HeightField, image: Image) -> NDArray[np.bool_] | None:
    """Where the heights are known and the photo, if it is cut out, shows the object."""
    if image.mask is None:
        return field.known
    height, width = field.values.shape
    mask = np.asarray(Pil.fromarray(image.mask).resize((width, height), Pil.Resampling.NEAREST), bool)
    return mask if field.known is None else mask & field.known


def _of_mesh(
    source: Any, make: HeightsToRelief, azimuth: float, up: str, context: Context, say: Message
) -> HeightField:
    """The heights of the front of a mesh, as fine as the relief."""
    require_axis(up)
    mesh = load_model_mesh(source)
    if (
        up == "y"
        and isinstance(source, str | os.PathLike)
        and Path(source).suffix.lower() in (".obj", ".off", ".ply", ".stl")
    ):
        mesh.apply_transform(np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]))
    for sentence in mesh_warnings(source, mesh):
        say(sentence)
    if not math.isfinite(azimuth):
        raise InputError(f"azimuth = {azimuth}", "give degrees")
    samples = int(np.clip(round(make.width / max(make.detail, 1e-9)) + 1, 64, LARGEST))
    return MeshToHeights(samples, float(azimuth))(mesh, context)


def _heights(source: Any, near: str) -> HeightField:
    """The heights of a file, an array or a `HeightField`."""
    if isinstance(source, HeightField):
        return source
    if isinstance(source, str | os.PathLike):
        return read_height_map(Path(source).expanduser(), near)
    return height_field(np.asarray(source), near=near)


def _is_mesh(source: Any) -> bool:
    """Whether the source is a mesh or a mesh file."""
    if isinstance(source, str | os.PathLike):
        return Path(source).suffix.lower() in MESH_SUFFIXES
    return hasattr(source, "faces") or hasattr(source, "to_mesh")


def _is_heights(source: Any) -> bool:
    """Whether the source is a height map: by its type, or by an ending that no photo has."""
    if isinstance(source, HeightField):
        return True
    if isinstance(source, np.ndarray):
        return source.ndim == 2 and source.dtype != np.uint8
    return isinstance(source, str | os.PathLike) and Path(source).suffix.lower() in SUFFIXES


def _metres(length: str | float, what: str) -> float:
    metres = length_in_metres(length, what)
    assert metres is not None
    return metres
