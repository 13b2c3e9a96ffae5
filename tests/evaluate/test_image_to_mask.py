"""Table of masks: known overlaps of a stub network and of the centred box, and pictures without an object."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.errors import CaptureError  # noqa: E402
from lift3d.evaluate import image_to_mask  # noqa: E402
from lift3d.evaluate.interface import Request  # noqa: E402


def rows(count: int) -> np.ndarray:
    mask = np.zeros((16, 16), bool)
    mask[:count] = True
    return mask


class Pictures:
    """Picture i is grey of value i; its object fills the first i + 1 rows."""

    def __init__(self, folder: Path, split: str) -> None:
        assert split == "val"

    def __len__(self) -> int:
        return 5

    def rgb(self, i: int) -> np.ndarray:
        return np.full((16, 16, 3), i, np.uint8)

    def mask(self, i: int) -> np.ndarray:
        return rows(i + 1)


def test_overlaps_are_means_over_pictures_and_a_missing_object_is_an_empty_mask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def network(image: Any, context: Any) -> Any:
        i = int(image.pixels[0, 0, 0])
        if i == 2:
            raise CaptureError("no object was found", "choose another photo")
        return SimpleNamespace(mask=rows(2 * (i + 1)))  # twice the true mask

    monkeypatch.setattr(image_to_mask, "PictureSet", Pictures)
    monkeypatch.setattr(image_to_mask, "ImageToMask", lambda weights: network)
    done: list[float] = []
    request = Request("image-to-mask", Path("c"), Path("p"), split="val", limit=3,
                      progress=lambda stage, fraction: done.append(fraction))  # fmt: skip
    table = image_to_mask.evaluate_image_to_mask(request).table  # pictures 0, 2 and 4
    assert table["iou"] == pytest.approx((0.5 + 0 + 0.5) / 3) and table["median"] == 0.5
    assert (table["pictures"], table["nothing_found"]) == (3, 1)
    # the box is 12 x 12 from row and column 2: it shares 0, 12 and 36 pixels with 1, 3 and 5 rows of 16
    assert table["box"] == pytest.approx((0 + 12 / (144 + 48 - 12) + 36 / (144 + 80 - 36)) / 3)
    assert done == pytest.approx([1 / 3, 2 / 3, 1])
