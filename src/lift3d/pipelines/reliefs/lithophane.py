"""A photo to a lithophane: the pipeline of `lift3d lithophane`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Context, Progress
from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.geometry.relief.picture_quality import doubts, luma
from lift3d.geometry.relief.transmission import transmission
from lift3d.maps.image_to_lithophane import ImageToLithophane
from lift3d.pipelines.arguments import Message, PathLike, PhotoSource, load_photo, or_ignore, or_silent
from lift3d.pipelines.reconstruction.inputs import check_output
from lift3d.pipelines.reliefs.grid_model import mesh_of, photo_size, size_warnings, write_grid_model
from lift3d.types import F64, Mesh
from lift3d.units import length_in_metres, parse_angle, parse_length_range


def lithophane(
    photo: PhotoSource,
    output: PathLike | None = None,
    *,
    width: str | float = "10cm",
    thickness: str | tuple[float, float] = "0.8mm..3mm",
    curve: str | float = 0.0,
    border: str | float | None = None,
    detail: str | float = "0.2mm",
    attenuation: str | float = "1mm",
    negative: bool = False,
    progress: Progress | None = None,
    message: Message | None = None,
) -> Mesh:
    """A plate whose thickness shows the photo when light falls through it, as a solid.

    photo: a path, an array (H, W, 3) uint8, a Pillow image or an `Image`; transparent parts are white. width: of the plate, along
    its back if it is bent. thickness: "THIN..THICK" or (thin, thick). curve: "120deg" or degrees, 0 for a flat plate, 360 for a
    closed cylinder. border: width of a frame of the greatest thickness. detail: distance between samples. attenuation:
    length along which the material lets 1/e of the light through. Lengths are strings with a unit or metres. output: a model
    file; a picture of the plate before a light is written beside it as NAME.png. message: called with sentences on what may
    disappoint.

    Returns the mesh in metres, standing on z = 0, its picture towards -y, around the z axis if it is bent. Raises InputError for
    a photo, an option or an output that cannot be used.
    """
    say, step = or_ignore(message), or_silent(progress)
    target = None if output is None else Path(output)
    if target is not None:
        check_output(target, [photo])
    make = ImageToLithophane(
        width=_metres(width, "a width"),
        thickness=parse_length_range(thickness, "a thickness") if isinstance(thickness, str) else thickness,
        curve=parse_angle(curve, "a curve") if isinstance(curve, str) else float(curve),
        border=0.0 if border is None else _metres(border, "a border"),
        detail=_metres(detail, "a detail"),
        attenuation=_metres(attenuation, "an attenuation length"),
        negative=negative,
    )
    context = Context(progress=step)
    image = load_photo(photo, context, photo_size(make.width, make.detail))
    name = image.name or "the photo"
    step("lithophane", 0.0)
    layout = make.layout(image)
    for sentence in (*image.warnings, *doubts(luma(image.pixels, image.mask))):
        say(f"{name}: {sentence}.")
    if image.mask is not None:
        say(f"{name}: its transparent part is taken as white.")
    for sentence in size_warnings(layout, make.thickness[1], make.detail, make.curve):
        say(sentence)
    solid = make.solid(image, context)
    mesh = mesh_of(solid)
    step("lithophane", 0.5)
    if target is not None:
        inner = make.thickness_on(image, layout)[layout.rows, layout.columns]
        shown = backlit_picture(inner, make.attenuation)
        write_grid_model(solid, mesh, target, shown)
    step("lithophane", 1.0)
    return mesh


def backlit_picture(thickness: F64, attenuation: float) -> NDArray[np.uint8]:
    """(H, W) uint8 sRGB: a plate of thickness (H, W) before an even light, exposed for its brightest place."""
    light = transmission(thickness, attenuation)
    return linear_to_srgb8(np.asarray(light / light.max(), np.float32))


def _metres(length: str | float, what: str) -> float:
    metres = length_in_metres(length, what)
    assert metres is not None
    return metres
