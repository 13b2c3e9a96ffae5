"""Flat pictures are refused; drawings, low contrast and strips are made, with a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.geometry.relief.picture_quality import doubts, luma, require_contrast

NOISE = np.random.default_rng(0).random((90, 120)).astype(np.float32)


@pytest.mark.parametrize(("level", "name"), [(0, "black"), (255, "white"), (127, "of one shade")])
def test_flat_pictures_are_refused(level: int, name: str) -> None:
    with pytest.raises(InputError, match=f"x is {name} everywhere"):
        require_contrast(luma(np.full((70, 80, 3), level, np.uint8)), "x")


def test_a_small_logo_on_white_is_no_flat_picture() -> None:
    pixels = np.full((400, 400, 3), 255, np.uint8)
    pixels[190:210, 190:200] = 0
    require_contrast(luma(pixels), "x")


def test_transparent_parts_are_white() -> None:
    mask = np.zeros((70, 80), bool)
    mask[20:40, 20:40] = True
    values = luma(np.zeros((70, 80, 3), np.uint8), mask)
    assert values[0, 0] == 1 and values[30, 30] == 0


def test_doubts() -> None:
    assert doubts(NOISE) == []
    text = np.where(NOISE > 0.8, 0, 1).astype(np.float32)
    assert [d for d in doubts(text) if "few shades" in d]
    assert [d for d in doubts(0.5 + 0.05 * NOISE) if "contrast is low" in d]
    assert [d for d in doubts(np.tile(NOISE, (1, 10))) if "strip" in d]
