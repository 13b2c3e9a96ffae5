"""What is to be explained: the options of `lift3d explain`, checked."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from lift3d.errors import InputError

PHOTO_OUTPUTS = ("shape", "mask", "depth", "label")
MODEL_OUTPUTS = ("label", "embedding")
METHODS = ("gradients", "occlusion")
REGIONS = ("whole", "front", "back", "left", "right", "top", "bottom")
STEPS = 64
MIN_STEPS, MAX_STEPS = 8, 2048
WITH_PIXEL = ("mask", "shape", "depth")


@dataclass(frozen=True)
class Request:
    """what: one of PHOTO_OUTPUTS or MODEL_OUTPUTS; method: one of METHODS; region: of the predicted shape, one of REGIONS; at: a
    pixel (x, y) of the photo whose output is explained, or None; category: the label to explain, or None for the most probable;
    steps: gradients at most; weights: of the network, or None."""

    what: str
    method: str = "gradients"
    region: str = "whole"
    at: tuple[float, float] | None = None
    category: str | None = None
    steps: int = STEPS
    weights: str | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"there is no method {self.method[:40]}", f"choose from {', '.join(METHODS)}")
        if self.weights is not None and str(self.weights).lower().endswith(".onnx"):
            raise InputError(
                f"{self.weights} is an exported network, which has no gradients",
                "give the weights it was exported from",
            )
        if self.region not in REGIONS:
            raise InputError(f"there is no region {self.region[:40]}", f"choose from {', '.join(REGIONS)}")
        if not MIN_STEPS <= self.steps <= MAX_STEPS:
            raise InputError(f"steps = {self.steps}", f"give {MIN_STEPS} to {MAX_STEPS}")
        if self.region != "whole" and self.what != "shape":
            raise InputError(
                f"the region {self.region} is a part of the shape, not of the {self.what}", "add --what shape"
            )
        if self.category is not None and self.what != "label":
            raise InputError(
                f"the category {self.category[:40]} is a label, not the {self.what}", "add --what label"
            )
        if self.at is not None and self.what not in WITH_PIXEL:
            raise InputError(f"the {self.what} is one of the whole object, not of a pixel", "leave out --at")


def choose_output(what: str | None, photo: bool) -> str:
    """The output that is explained. InputError for one that photos or models do not have."""
    known, other = (PHOTO_OUTPUTS, MODEL_OUTPUTS) if photo else (MODEL_OUTPUTS, PHOTO_OUTPUTS)
    if what is None:
        return known[0]
    if what not in known:
        of = "a photo" if photo else "a model"
        reason = (
            f"the {what} of {of} is not explained" if what in other else f"there is no output {what[:40]}"
        )
        raise InputError(reason, f"for {of} choose from {', '.join(known)}")
    return what


def category_index(name: str | None, names: Sequence[str]) -> int | None:
    """The index of a category; None for None. InputError for an unknown one."""
    if name is None:
        return None
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, 0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"there is no category {name[:40]}", f"{hint}choose from {', '.join(names)}")
    return list(names).index(name)
