"""The options of a reconstruction, checked when they are constructed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lift3d.errors import InputError
from lift3d.geometry.image.prompt_maps import Prompts
from lift3d.pipelines.reconstruction.scale import Scale

KINDS = ("auto", "object", "scene")
METHODS = ("auto", "measured", "predicted")
OLD_METHODS = {"guessed": "predicted"}
"""Former names that are still accepted."""
MEASURED_STEPS = ("photos", "cameras", "depths", "surface", "solid", "texture", "output")
PREDICTED_STEPS = ("photos", "shape", "surface", "solid", "texture", "output")
"""Names of the steps of the two methods, as progress and report show them."""
SCAN_STEPS = ("photos", "cameras", "surface", "solid", "texture", "output")
"""The same for frames with depth."""
MEASURED_TEXTURE = 2048
"""Texels along each side of the texture of a measured model, unless the user says otherwise."""
LIMITS = {"max_size": (200, 16384), "texture": (256, 8192), "faces": (100, 20_000_000), "frames": (3, 1000)}


@dataclass(frozen=True)
class Options:
    """How photos become a model.

    kind: "object" (closed), "scene" (open) or "auto". method: "measured" (multi-view stereo, from three photos on),
    "predicted" (by a network, from one to eight photos) or "auto". weights and mask_weights: of the networks of a
    prediction, a run's folder or a weights file; None for the package's own. uncertainty: write how certain a prediction
    is as vertex colours. scale: the real size, if known. cameras: a COLMAP model or transforms.json. masks: a folder, or a
    file for one photo. max_size: long side in pixels at which photos are used. texture: side of the texture in texels.
    faces: approximate number of triangles. frames: number of frames taken from a video. shared_intrinsics: one lens for
    all photos (True), one each (False), or by size and EXIF (None). turntable: whether the object turned before a still camera
    (True), or not (False), or None to find out. delight: remove the estimated light from the texture. depth_unit: of the
    depth images of a scan, "mm", "cm", "m" or steps per metre; None for that of the layout. fill_holes: fill small holes of
    the depth of a scan from their border. prompts: clicks and a box on the one
    photo of a prediction. memory: budget in bytes. work:
    folder in which finished steps are cached. save_cameras: folder for the undistorted photos and their cameras in the frame of
    the model. force: write a model also where too few photos were placed, measured too little or disagree with it.
    """

    kind: str = "auto"
    method: str = "auto"
    weights: str | None = None
    mask_weights: str | None = None
    uncertainty: bool = False
    scale: Scale = field(default_factory=Scale)
    cameras: Path | None = None
    masks: Path | None = None
    max_size: int = 1600
    texture: int | None = None
    faces: int | None = None
    frames: int = 48
    shared_intrinsics: bool | None = None
    turntable: bool | None = None
    delight: bool = False
    seed: int = 0
    depth_unit: str | float | None = None
    fill_holes: bool = False
    prompts: Prompts = field(default_factory=Prompts)
    memory: int = 3 * 10**9
    work: Path | None = None
    save_cameras: Path | None = None
    force: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", OLD_METHODS.get(self.method, self.method))
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(
                    f"{name.replace('max_', '')} is {value}", f"give a number from {low} to {high}"
                )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise InputError(f"the seed is {self.seed!r}", "give a whole number, 0 or more")
        if self.depth_unit is not None:
            from lift3d.io.rgbd.depth_image import parse_depth_unit

            parse_depth_unit(self.depth_unit)
        for what, value, known in (("kind", self.kind, KINDS), ("method", self.method, METHODS)):
            if value not in known:
                raise InputError(f"{what} is '{value}'", f"use one of {', '.join(known)}")
