"""Square crops of masks, and the masked crops that networks take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.image.crop import MARGIN, Crop, square_crop
from lift3d.geometry.image.cutout import cut_out


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(1, 2))
def test_a_crop_is_the_centred_square_around_the_mask(seed: int, margin: float) -> None:
    mask = np.random.default_rng(seed).random((13, 17)) < 0.05
    mask[4, 5] = True
    rows, columns = np.nonzero(mask)
    crop = square_crop(mask, margin)
    assert crop.x == (columns.min() + columns.max() + 1) / 2 and crop.y == (rows.min() + rows.max() + 1) / 2
    side = max(np.ptp(rows) + 1, np.ptp(columns) + 1)
    assert crop.half == pytest.approx(max(side / 2 * margin, 1.0))


def test_one_pixel_and_no_pixel() -> None:
    mask = np.zeros((5, 5), bool)
    with pytest.raises(ValueError, match="empty mask"):
        square_crop(mask)
    mask[2, 3] = True
    assert square_crop(mask) == Crop(3.5, 2.5, 1.0) and MARGIN > 1


def test_an_exact_crop_is_the_pixels_themselves() -> None:
    """A crop of 8 x 8 pixels at size 8: colours in [-1, 1], alpha in [0, 1], nothing resampled."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (20, 20, 3)).astype(np.uint8)
    alpha = np.full((20, 20), 255, np.uint8)
    out = cut_out(rgb, alpha, Crop(10, 9, 4), 8)
    assert out.shape == (4, 8, 8) and out.dtype == np.float32 and out.flags.c_contiguous
    np.testing.assert_allclose(out[:3], rgb[5:13, 6:14].transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)
    assert (out[3] == 1).all()


def test_the_background_is_zero_whatever_its_colour() -> None:
    inside = np.random.default_rng(1).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    alpha = np.zeros((16, 16), np.uint8)
    alpha[4:12, 4:12] = 255
    outputs = []
    for colour in (0, 255):
        rgb = np.full((16, 16, 3), colour, np.uint8)
        rgb[4:12, 4:12] = inside
        outputs.append(cut_out(rgb, alpha, Crop(8, 8, 8), 12))
    assert (outputs[0][:, 0] == 0).all() and (outputs[0][3] > 0).any()
    np.testing.assert_allclose(outputs[0], outputs[1], atol=1e-6)


@pytest.mark.parametrize("centre", [(0, 0), (20, 9), (30, 30)])
def test_beyond_the_image_there_is_nothing(centre: tuple[int, int]) -> None:
    rgb, alpha = np.full((20, 20, 3), 255, np.uint8), np.full((20, 20), 255, np.uint8)
    crop = Crop(*centre, 5.0)
    out = cut_out(rgb, alpha, crop, 10)
    rows, columns = centre[1] - 5 + np.arange(10), centre[0] - 5 + np.arange(10)
    inside = ((rows >= 0) & (rows < 20))[:, None] & ((columns >= 0) & (columns < 20))
    np.testing.assert_array_equal(out[3] > 0.5, inside)
    np.testing.assert_allclose(out[:3], np.broadcast_to(inside, (3, 10, 10)), atol=1e-6)


def test_the_mask_is_averaged_when_made_smaller() -> None:
    alpha = np.zeros((16, 16), np.uint8)
    alpha[:, 8:] = 255
    out = cut_out(np.full((16, 16, 3), 200, np.uint8), alpha, Crop(8, 8, 8), 4)
    assert (np.diff(out[3], axis=1) >= 0).all() and out[3].mean() == pytest.approx(0.5, abs=0.01)
