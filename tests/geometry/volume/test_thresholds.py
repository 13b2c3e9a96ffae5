"""Thresholds by name are for CT only; Otsu's equals scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.geometry.volume.thresholds import BINS, NAMED, Threshold, named_threshold, otsu_threshold
from lift3d.types import Volume


def volume(values: np.ndarray, unit: str | None = "HU") -> Volume:
    """Values on a grid of 1 mm."""
    return Volume.of(values, np.eye(4), unit)


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.uint8])
def test_otsu_equals_that_of_scikit_image(kind: type) -> None:
    filters = pytest.importorskip("skimage.filters")
    rng = np.random.default_rng(0)
    values = np.where(
        rng.random((20, 20, 20)) < 0.3, rng.normal(180, 20, (20, 20, 20)), rng.normal(60, 15, (20, 20, 20))
    )
    values = values.clip(0, 255).astype(kind)
    step = float(np.ptp(values)) / BINS
    want = filters.threshold_otsu(values.astype(float), nbins=BINS)
    assert otsu_threshold(volume(values)) == pytest.approx(want, abs=1.01 * step)


def test_named_thresholds_have_sources_and_need_hounsfield_units() -> None:
    values = np.arange(27).reshape(3, 3, 3).astype(np.int16)
    for name, one in NAMED.items():
        assert one.source and named_threshold(name, volume(values)) is one
    with pytest.raises(InputError, match="in no known unit.*Otsu"):
        named_threshold("bone", volume(values, None))
    with pytest.raises(InputError, match="no threshold called 'liver'.*bone"):
        named_threshold("liver", volume(values))


def test_impossible_ranges_are_refused() -> None:
    with pytest.raises(InputError, match="from 5 to 5 is empty"):
        Threshold(5, 5)
    with pytest.raises(InputError, match="seed value 9"):
        Threshold(1, 5, seed=9)
    with pytest.raises(InputError, match="all values of the volume are 3"):
        otsu_threshold(volume(np.full((2, 2, 2), 3, np.int16)))
