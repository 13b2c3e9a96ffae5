"""The options of each task, as models that check a request and describe it in the OpenAPI page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from lift3d.errors import InputError
from lift3d.units import parse_angle, parse_bed, parse_length, parse_length_range

Seed = Annotated[int, Field(ge=0, lt=2**31, description="same seed, same bytes")]
Axis = Annotated[Literal["z", "y"], Field(description="the upright axis of a format that does not state it")]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


def _length(text: str) -> str:
    return _checked(text, parse_length)


def _checked(text: str, parse: object) -> str:
    """The text, after a parser of `lift3d.units` has accepted it; its sentence becomes the error otherwise."""
    try:
        parse(text)  # type: ignore[operator]
    except InputError as error:
        raise ValueError(str(error)) from error
    return text


Length = Annotated[_Text, AfterValidator(_length)]
LengthRange = Annotated[_Text, AfterValidator(lambda text: _checked(text, parse_length_range))]
Angle = Annotated[_Text, AfterValidator(lambda text: _checked(text, parse_angle))]
Bed = Annotated[_Text, AfterValidator(lambda text: _checked(text, parse_bed))]
Numbers = Annotated[
    str,
    StringConstraints(pattern=r"^\s*-?[0-9]+(\.[0-9]+)?(\s*,\s*-?[0-9]+(\.[0-9]+)?){1,3}\s*$", max_length=80),
]
Pixels = Annotated[list[Numbers], Field(max_length=20)]


class Options(BaseModel):
    """The options of a task; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class ReconstructOptions(Options):
    """Photos or a video to a textured model."""

    kind: Literal["auto", "object", "scene"] = Field("auto", description="object: closed; scene: open")
    method: Literal["auto", "measured", "predicted"] = Field(
        "auto", description="measured from three photos on, or predicted by a network from one to eight"
    )
    height: Length | None = Field(None, description="true height, such as 24cm")
    width: Length | None = Field(None, description="true width, such as 12cm")
    texture: int | None = Field(None, ge=256, le=8192, description="texels along each side of the texture")
    faces: int | None = Field(None, ge=100, le=2_000_000, description="approximate number of triangles")
    max_size: int = Field(1600, ge=200, le=6000, description="longer side in pixels at which photos are used")
    frames: int = Field(48, ge=3, le=400, description="frames taken from a video")
    turntable: bool | None = Field(None, description="the object turned before a still camera")
    delight: bool = Field(False, description="remove the estimated light from the texture")
    uncertainty: bool = Field(
        False, description="of a prediction: also write the uncertainty as vertex colours"
    )
    at: Pixels = Field(default=[], description="X,Y on the object in the one photo")
    not_at: Pixels = Field(default=[], description="X,Y beside the object in the one photo")
    box: Numbers | None = Field(None, description="X0,Y0,X1,Y1 around the object in the one photo")
    force: bool = Field(False, description="write a model even if few photos were placed")
    seed: Seed = 0


class TextureOptions(Options):
    """A model and photos of it to a coloured model."""

    size: int = Field(2048, ge=256, le=8192, description="texels along each side of the texture")
    up: Axis = "z"
    delight: bool = Field(False, description="remove the estimated light from the texture")


class RepairOptions(Options):
    """A broken mesh to the nearest solid."""

    up: Axis = "z"
    seed: Seed = 0


class CheckOptions(Options):
    """Is a mesh printable?"""

    up: Axis = "z"
    bed: Bed = Field("220x220x250mm", description="width, depth and height of the printer's build volume")


class ConvertOptions(Options):
    """A mesh in another format."""

    up: Axis = "z"
    format: Literal["glb", "obj", "ply", "stl", "3mf", "usdz"] = Field("glb", description="format to write")


class RenderOptions(Options):
    """A model to a turntable film."""

    film: Literal["gif", "mp4"] = "gif"
    size: int = Field(512, ge=64, le=1024, description="pixels of each side")
    views: int = Field(36, ge=4, le=144, description="frames")
    elevation: float = Field(20, ge=-90, le=90, description="degrees above the horizon")
    light: Literal["studio", "sun", "flat", "bare"] = "studio"
    up: Axis = "z"


class CompleteOptions(Options):
    """A partial scan to a closed solid."""

    resolution: int = Field(128, ge=32, le=320, description="grid steps along the longest side")
    force: bool = Field(False, description="complete a closed mesh too")
    up: Axis = "z"
    seed: Seed = 0


class GenerateOptions(Options):
    """A category and a seed to new models."""

    category: _Text = Field("chair", description="a category of the generator")
    count: int = Field(1, ge=1, le=24)
    size: Length | None = Field(None, description="longest side, such as 80mm")
    seed: Seed = 0


class ClassifyOptions(Options):
    """A photo or a model to its category."""

    up: Axis = "z"


class MaskOptions(Options):
    """A photo to a cut-out of one object."""

    at: Pixels = Field(default=[], description="X,Y on the object")
    not_at: Pixels = Field(default=[], description="X,Y beside the object")
    box: Numbers | None = Field(None, description="X0,Y0,X1,Y1 around the object")


class DepthOptions(Options):
    """A photo to its depth."""

    points: bool = Field(True, description="also write a coloured point cloud")


class ReliefOptions(Options):
    """A photo or a model to a bas-relief."""

    width: Length = "10cm"
    depth: Length = "4mm"
    base: Length = "2mm"
    free_standing: bool = Field(False, description="leave out the plate around the object")
    azimuth: float = Field(0, ge=-360, le=360, description="degrees by which the viewer walks around a model")


class LithophaneOptions(Options):
    """A photo to a plate that shows it when light falls through."""

    width: Length = "10cm"
    thickness: LengthRange = "0.8mm..3mm"
    curve: Angle = Field("0deg", description="0deg is flat, 360deg a closed cylinder")
    border: Length | None = None
    negative: bool = False
