"""Masks of one object: which one is chosen, opacity at its edge, large photos, and photos without an object. The network is
replaced by a rule: what is red is an object."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.errors import CaptureError  # noqa: E402
from lift3d.geometry.image.object_region import choose_region, expected_iou, opacity  # noqa: E402
from lift3d.geometry.image.prompt_maps import Prompts  # noqa: E402
from lift3d.geometry.metrics.iou import iou  # noqa: E402
from lift3d.inference import networks  # noqa: E402
from lift3d.maps import image_to_mask as module  # noqa: E402
from lift3d.maps.image_to_mask import ImageToMask  # noqa: E402
from lift3d.types import Image  # noqa: E402


class RedIsObject(torch.nn.Module):
    """Logits from the colours, and -10 outside a box; `seen` has the inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def forward(self, x: Any) -> Any:
        self.seen.append(x)
        logits = 12 * (x[:, :1] - x[:, 2:3]) - 4
        return torch.where(x[:, 7:8] < 0, torch.full_like(logits, -10), logits) if x.shape[1] > 3 else logits


@pytest.fixture(params=["prompted", "earlier"])
def net(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> RedIsObject:
    """The rule in place of both networks."""
    rule = RedIsObject()
    config = {"side": 96} if request.param == "prompted" else {"width": 16}
    card = SimpleNamespace(threshold=0.5, config=config, image_size=96, name="rule")
    monkeypatch.setattr(networks, "load_network", lambda *a: (rule, card))
    return rule


def discs(width: int = 300, height: int = 200) -> tuple[Image, np.ndarray, np.ndarray]:
    """A large and a small red disc on blue noise, and their masks."""
    rng = np.random.default_rng(0)
    rgb = np.stack(
        [rng.integers(0, 60, (height, width)) for _ in range(2)] + [np.full((height, width), 170)], -1
    )
    y, x = np.mgrid[:height, :width] + 0.5
    large = np.hypot(x - 0.3 * width, y - 0.5 * height) < 0.25 * height
    small = np.hypot(x - 0.8 * width, y - 0.4 * height) < 0.12 * height
    rgb[large | small] = (220, 40, 30)
    return Image(rgb.astype(np.uint8), "discs"), large, small


def test_the_largest_object_is_taken_and_the_other_counted(net: RedIsObject) -> None:
    image, large, _ = discs()
    found = ImageToMask()(image)
    assert found.mask is not None and found.segmentation is not None
    assert iou(found.mask, large) > 0.95 and found.segmentation.other_objects == 1
    assert found.segmentation.source == "network"


def test_a_click_chooses(net: RedIsObject) -> None:
    image, large, small = discs()
    for prompts, truth in ((((240.0, 80.0),), small), (((90.0, 100.0),), large)):
        found = ImageToMask(prompts=Prompts(prompts))(image)
        assert found.mask is not None and iou(found.mask, truth) > 0.9
        assert found.segmentation is not None and found.segmentation.other_objects == 0
    both = ImageToMask(prompts=Prompts(((240.0, 80.0), (90.0, 100.0))))(image).mask
    assert both is not None and iou(both, large | small) > 0.9


def test_clicks_are_certain_whatever_the_network_says(net: RedIsObject) -> None:
    """A click beside the discs becomes part of the object, a click within one on the background a hole."""
    image, _, _ = discs()
    found = ImageToMask(prompts=Prompts(((90.5, 100.5), (160.5, 100.5)), ((75.5, 100.5),)))(image)
    assert found.mask is not None and found.alpha is not None
    assert found.mask[100, 160] and found.alpha[100, 160] == 255 and found.alpha[100, 90] == 255
    assert not found.mask[100, 75] and found.alpha[100, 75] == 0


def test_a_box_with_next_to_nothing_in_it_is_refused(net: RedIsObject) -> None:
    image, _, _ = discs()
    with pytest.raises(CaptureError, match="in the box"):
        ImageToMask(prompts=Prompts(box=(163.0, 10.0, 209.0, 190.0)))(image)


def test_a_box_chooses(net: RedIsObject) -> None:
    image, _, small = discs()
    found = ImageToMask(prompts=Prompts(box=(210.0, 50.0, 270.0, 110.0)))(image)
    assert found.mask is not None and iou(found.mask, small) > 0.9


def test_opacity_is_above_half_exactly_on_the_mask(net: RedIsObject) -> None:
    image, large, _ = discs()
    found = ImageToMask()(image)
    assert found.alpha is not None and found.mask is not None
    np.testing.assert_array_equal(found.alpha > 127, found.mask)
    assert (found.alpha[85:115, 75:105] > 200).all() and (found.alpha[:, 180:] == 0).all()


def test_a_large_photo_is_reduced(net: RedIsObject, monkeypatch: pytest.MonkeyPatch) -> None:
    image, large, small = discs()
    monkeypatch.setattr(module, "MAX_PIXELS", 20_000)
    found = ImageToMask()(image)
    assert found.mask is not None and found.mask.shape == large.shape and iou(found.mask, large) > 0.9
    found = ImageToMask(prompts=Prompts(((240.0, 80.0),)))(image)
    assert found.mask is not None and iou(found.mask, small) > 0.85
    assert found.alpha is not None
    np.testing.assert_array_equal(found.alpha > 127, found.mask)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.full((90, 120, 3), 255, np.uint8), "all of one colour"),
        (np.zeros((90, 120, 3), np.uint8), "all of one colour"),
        (np.zeros((1, 1, 3), np.uint8), "only 1 x 1 pixels"),
        (np.random.default_rng(0).integers(0, 20, (64, 64, 3), np.uint8), "no single object stands out"),
    ],
)
def test_photos_without_an_object(net: RedIsObject, pixels: np.ndarray, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        ImageToMask()(Image(pixels, "p.jpg"))


def test_a_click_on_nothing_is_refused(net: RedIsObject) -> None:
    noise = np.random.default_rng(0).integers(0, 20, (64, 64, 3), np.uint8)
    with pytest.raises(CaptureError, match="at this place of p.jpg"):
        ImageToMask(prompts=Prompts(((20.0, 20.0),)))(Image(noise, "p.jpg"))


def test_the_region_nearest_to_a_click_is_chosen() -> None:
    mask = np.zeros((20, 30), bool)
    mask[2:12, 2:12], mask[14:18, 20:25] = True, True
    assert choose_region(mask, Prompts())[0][5, 5] and choose_region(mask, Prompts())[1] == 1
    near, _ = choose_region(mask, Prompts(clicks=((27.0, 16.0),)))
    assert near.sum() == 20 and near[15, 22]
    assert not choose_region(np.zeros((4, 4), bool), Prompts())[0].any()


def test_opacity_beside_the_mask() -> None:
    mask = np.zeros((50, 50), bool)
    mask[20:30, 20:30] = True
    alpha = np.full((50, 50), 90, np.uint8)
    out = opacity(alpha, mask)
    assert out[19, 25] == 90 and out[0, 0] == 0 and out[20, 25] == 128
    assert (out[22:28, 22:28] == 255).all(), "opaque away from the edge"
    assert out[mask].min() == 128
    assert (opacity(np.full((50, 50), 255, np.uint8), mask)[~mask] <= 127).all()


def test_the_expected_iou_is_that_of_the_probabilities() -> None:
    mask = np.zeros((10, 10), np.float32)
    mask[2:7, 2:7] = 1
    assert expected_iou(mask, mask) == 1 and expected_iou(mask, 0 * mask) == 0
    assert expected_iou(0.5 * mask, mask) == pytest.approx(0.5)
    doubt = np.where(mask > 0, np.float32(0.9), np.float32(0.1))
    assert expected_iou(doubt, mask) == pytest.approx(0.9 * 25 / (25 + 0.1 * 75))


def test_a_click_on_the_object_that_stands_out_means_the_whole_of_it() -> None:
    probability = np.zeros((40, 40), np.float32)
    probability[5:20, 5:20] = 0.9
    probability[30:34, 30:34] = 0.9

    def obvious(**prompts: object) -> bool:
        return ImageToMask(prompts=Prompts(**prompts))._is_obvious(probability, 0.5)  # type: ignore[arg-type]

    assert obvious(clicks=((10.0, 12.0),)) and obvious(clicks=((10.0, 12.0), (18.0, 6.0)))
    assert not obvious() and not obvious(clicks=((25.0, 12.0),)) and not obvious(clicks=((31.0, 31.0),))
    assert not obvious(clicks=((10.0, 12.0),), background=((15.0, 15.0),))
    assert not obvious(clicks=((10.0, 12.0),), box=(0.0, 0.0, 30.0, 30.0))
