"""Masks at the size and orientation of their photo."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.image.masks import decode_mask
from lift3d.io.image.photos import read_photos


def png(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Pil.fromarray(array).save(out, "PNG")
    return out.getvalue()


def left(height: int = 40, width: int = 80, value: int = 255) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = value
    return mask


@pytest.mark.parametrize("value", [255, 1, 128])
def test_the_threshold_is_half_of_the_brightest_value(value: int) -> None:
    assert (decode_mask(png(left(value=value)), "m", (80, 40), (80, 40), 1) == (left() > 0)).all()


def test_grey_below_half_is_background() -> None:
    mask = left()
    mask[:, 60:] = 100
    assert (decode_mask(png(mask), "m", (80, 40), (80, 40), 1) == (left() > 0)).all()


def test_alpha_wins_over_brightness() -> None:
    rgba = np.dstack([np.full((40, 80, 3), 255, np.uint8), left()])
    assert (decode_mask(png(rgba), "m", (80, 40), (80, 40), 1) == (left() > 0)).all()


@pytest.mark.parametrize("size", [(80, 40), (40, 20), (160, 80)])
def test_the_mask_is_resized_to_the_photo(size: tuple[int, int]) -> None:
    mask = decode_mask(png(left()), "m", size, (80, 40), 1)
    assert mask.shape == size[::-1] and mask[:, : size[0] // 2].all() and not mask[:, size[0] // 2 :].any()


def test_a_mask_of_the_stored_picture_is_rotated_with_it() -> None:
    mask = decode_mask(png(left()), "m", (40, 80), (40, 80), 6)
    assert (mask == np.rot90(left() > 0, -1)).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png(np.zeros((40, 80), np.uint8)), "all black"),
        (png(np.full((40, 40), 255, np.uint8)), "shapes differ"),
        (b"", "is empty"),
        (b"text", "not a picture"),
        (png(left(200, 400))[:200], "damaged"),
    ],
)
def test_unusable_masks_are_one_sentence(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        decode_mask(data, "m.png", (80, 40), (80, 40), 1)
    assert "m.png" in str(caught.value)


def test_a_mask_that_vanishes_when_resized_is_refused() -> None:
    mask = np.zeros((400, 800), np.uint8)
    mask[0, 0] = 255
    with pytest.raises(InputError, match="less than one pixel"):
        decode_mask(png(mask), "m", (80, 40), (80, 40), 1)


@pytest.mark.parametrize("value", [2, 77, 128, 254])
def test_a_flat_grey_mask_is_a_diagnosis(value: int) -> None:
    data = png(np.full((64, 64), value, np.uint8))
    with pytest.raises(InputError, match=f"has the value {value} everywhere"):
        decode_mask(data, "m.png", (64, 64), (64, 64), 1)


@pytest.mark.parametrize("value", [1, 255])
def test_a_flat_white_mask_marks_the_whole_photo_and_that_is_said(tmp_path: Path, value: int) -> None:
    (tmp_path / "masks").mkdir()
    Pil.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "a.png")
    Pil.fromarray(np.full((64, 64), value, np.uint8)).save(tmp_path / "masks" / "a.png")
    photos = read_photos([tmp_path / "a.png"], tmp_path / "masks")
    assert photos.images[0].mask.all() and photos.warnings == ("a.png: its mask marks the whole photo.",)
