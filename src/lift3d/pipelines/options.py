"""The options of a reconstruction, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lift3d.errors import InputError
from lift3d.pipelines.scale import Scale

KINDS = ("auto", "object", "scene")

METHODS = ("auto", "measured", "guessed")

TEXTURE = 2048
"""Texels along each side where many photos are measured, unless the user says otherwise."""

MEASURED = ("photos", "cameras", "depths", "surface", "solid", "texture", "output")

GUESSED = ("photos", "shape", "surface", "solid", "texture", "output")
"""Steps of the two ways."""


@dataclass(frozen=True)
class Options:
    """What the user wishes. method: measured (from many photos), guessed (from one to eight, by a network with these
    weights) or auto; uncertainty: of a guess, written beside it;
    max_size: long side of the photos as used, in pixels; texture: side of the atlas;
    faces: about how many triangles; frames: how many are taken from a video; memory: budget in bytes;
    save_cameras: folder for the straightened photos with their cameras in the model's frame."""

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
    seed: int = 0
    memory: int = 3 * 10**9
    work: Path | None = None
    save_cameras: Path | None = None

    def __post_init__(self) -> None:
        limits = {
            "max_size": (200, 16384),
            "texture": (256, 8192),
            "faces": (100, 20_000_000),
            "frames": (3, 1000),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(
                    f"{name.replace('max_', '')} is {value}", f"give a number from {low} to {high}"
                )
        for what, value, known in (("kind", self.kind, KINDS), ("method", self.method, METHODS)):
            if value not in known:
                raise InputError(f"{what} is '{value}'", f"use one of {', '.join(known)}")
