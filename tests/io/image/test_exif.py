"""Focal lengths and orientations of EXIF, exact and damaged."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.io.image.exif import apply_orientation, exif_orientation, focal_from_exif


class Exif(dict):
    """A stand-in with the interface that is used."""

    def get_ifd(self, tag: int) -> dict:
        return self if tag == 0x8769 else {}


def focal(width: int, height: int, **tags: object) -> float | None:
    names = {
        "equivalent": 0xA405,
        "mm": 0x920A,
        "resolution": 0xA20E,
        "unit": 0xA210,
        "w": 0xA002,
        "h": 0xA003,
    }
    return focal_from_exif(Exif({names[k]: v for k, v in tags.items()}), width, height)  # type: ignore[arg-type]


def test_the_equivalent_compares_diagonals() -> None:
    assert focal(4000, 3000, equivalent=28) == pytest.approx(28 * 5000 / 43.2666)
    assert focal(3000, 4000, equivalent=28) == pytest.approx(28 * 5000 / 43.2666)


@pytest.mark.parametrize(("unit", "per_mm"), [(2, 1 / 25.4), (3, 1 / 10), (4, 1.0)])
def test_the_exact_focal_length_uses_the_sensor_resolution(unit: int, per_mm: float) -> None:
    resolution = 200 / per_mm  # 200 pixels per millimetre
    assert focal(4000, 3000, mm=20, resolution=resolution, unit=unit) == pytest.approx(4000)


def test_a_resized_photo_scales_the_exact_focal_length() -> None:
    full = focal(4000, 3000, mm=20, resolution=2000, unit=3, w=4000, h=3000)
    half = focal(2000, 1500, mm=20, resolution=2000, unit=3, w=4000, h=3000)
    assert full == pytest.approx(4000) and half == pytest.approx(2000)


def test_the_exact_value_wins_only_where_both_agree() -> None:
    agreeing = focal(4000, 3000, mm=20, resolution=2000, unit=3, equivalent=35)
    contradicting = focal(4000, 3000, mm=20, resolution=2000, unit=3, equivalent=70)
    assert agreeing == pytest.approx(4000) and contradicting == pytest.approx(70 * 5000 / 43.2666)


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"equivalent": 0},
        {"equivalent": math.inf},
        {"equivalent": "x"},
        {"equivalent": 28, "w": 4000, "h": 1000},
        {"mm": 20, "resolution": 0},
        {"equivalent": 1e9},
        {"mm": 20, "resolution": 2000, "unit": 99},
    ],
)
def test_implausible_values_give_none(tags: dict) -> None:
    assert focal(4000, 3000, **tags) is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_undone_as_pillow_does(orientation: int) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    out, exif = io.BytesIO(), Pil.Exif()
    exif[0x0112] = orientation
    Pil.fromarray(pixels).save(out, "PNG", exif=exif)
    picture = Pil.open(out)
    assert exif_orientation(picture) == orientation
    from PIL import ImageOps

    assert np.array_equal(
        np.asarray(apply_orientation(picture, orientation)), np.asarray(ImageOps.exif_transpose(picture))
    )


@pytest.mark.parametrize("value", [0, 9, 77])
def test_unknown_orientations_count_as_upright(value: int) -> None:
    out, exif = io.BytesIO(), Pil.Exif()
    exif[0x0112] = value
    Pil.new("L", (3, 2)).save(out, "PNG", exif=exif)
    assert exif_orientation(Pil.open(out)) == 1
