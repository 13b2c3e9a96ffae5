"""Requests: what can be explained of photos and of models, and one sentence for what cannot."""

from __future__ import annotations

import pytest

from lift3d.errors import InputError
from lift3d.inference.attribution.target import METHODS as TARGET_METHODS
from lift3d.pipelines.explanations.request import (
    METHODS,
    MODEL_OUTPUTS,
    PHOTO_OUTPUTS,
    REGIONS,
    Request,
    category_index,
    choose_output,
)


def test_the_default_is_the_first_output() -> None:
    assert choose_output(None, True) == PHOTO_OUTPUTS[0] == "shape"
    assert choose_output(None, False) == MODEL_OUTPUTS[0] == "label"


def test_lists_are_those_of_the_targets() -> None:
    pytest.importorskip("torch")
    from lift3d.inference.attribution.photo_targets import REGIONS as TARGET_REGIONS

    assert METHODS == TARGET_METHODS and REGIONS == TARGET_REGIONS


@pytest.mark.parametrize(
    ("what", "photo", "message"),
    [("embedding", True, "the embedding of a photo is not explained: for a photo choose from shape, mask"),
     ("mask", False, "the mask of a model is not explained: for a model choose from label, embedding"),
     ("colour", True, "there is no output colour")],
)  # fmt: skip
def test_outputs_that_are_not_explained(what: str, photo: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_output(what, photo)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"what": "mask", "method": "lime"}, "no method lime"), ({"what": "shape", "region": "inside"}, "no region inside"),
     ({"what": "mask", "region": "back"}, "part of the shape, not of the mask"), ({"what": "shape", "steps": 3}, "steps = 3"),
     ({"what": "mask", "category": "chair"}, "is a label, not the mask"),
     ({"what": "mask", "weights": "net.onnx"}, "exported network, which has no gradients"),
     ({"what": "label", "at": (1.0, 2.0)}, "not of a pixel: leave out --at")],
)  # fmt: skip
def test_options_that_do_not_fit(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Request(**options)


def test_categories() -> None:
    assert (
        category_index(None, ("chair", "table")) is None and category_index("table", ("chair", "table")) == 1
    )
    with pytest.raises(InputError, match="no category chiar: did you mean chair"):
        category_index("chiar", ("chair", "table"))
