"""Canonical axes, resampling and normalisation: exact inverses, and equality with slow readable forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from small_plan import small_plan

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import canonical_spacing, from_canonical, to_canonical
from lift3d.inference.segmentation import preprocessing as pre
from lift3d.inference.segmentation.resampling import (
    resample,
    resample_classes,
    resample_slab,
    resampling_matrix,
)
from lift3d.types.volumes import Volume

RNG = np.random.default_rng(0)
ORIENTATIONS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_canonical_axes_run_right_anterior_superior(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (row, sign) in enumerate(zip(order, signs)):
        affine[row, column] = sign * (1.0 + row)
    shape = (3, 4, 5)
    place = np.einsum("ij,jxyz->ixyz", affine[:3, :3], np.indices(shape))
    volume = Volume.of(np.zeros(shape, np.int16), affine)
    for row in range(3):
        seen = to_canonical(place[row], volume)
        assert (np.diff(seen, axis=row) == 1.0 + row).all()
        assert np.array_equal(from_canonical(seen, volume), place[row])
    assert canonical_spacing(volume) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("before", "after"), [(5, 5), (5, 10), (10, 5), (7, 3), (3, 7), (1, 4), (4, 1), (50, 49)]
)
def test_rows_sum_to_one_and_ramps_stay_ramps(before: int, after: int) -> None:
    matrix = resampling_matrix(before, after)
    assert np.allclose(matrix.sum(1), 1) and (matrix >= 0).all()
    ramp = matrix @ (np.arange(before) + 0.5) / before
    exact = (np.arange(after) + 0.5) / after
    inner = slice(after // before + 1, -(after // before) - 1)
    assert np.allclose(ramp[inner], exact[inner], atol=0.5 / before if after < before else 1e-6)


def test_a_slab_equals_the_slices_of_the_whole() -> None:
    values = RNG.random((6, 7, 9)).astype(np.float32)
    for shape in ((6, 7, 9), (12, 5, 20), (3, 7, 4)):
        whole = resample(values, shape)
        parts = [resample_slab(values, shape, k, min(k + 3, shape[2])) for k in range(0, shape[2], 3)]
        assert np.allclose(np.concatenate(parts, 2), whole, atol=1e-6)


def test_classes_are_those_of_the_largest_indicator() -> None:
    classes = RNG.integers(0, 4, (6, 5, 4)).astype(np.uint8)
    shape = (9, 4, 7)
    indicators = np.stack([resample((classes == k).astype(np.float32), shape) for k in range(4)])
    assert np.array_equal(resample_classes(classes, 4, shape), indicators.argmax(0))
    assert np.array_equal(resample_classes(classes, 4, (6, 5, 4)), classes)


def test_values_are_normalised_by_modality() -> None:
    values = RNG.normal(400, 50, (12, 12, 12)).astype(np.float32)
    values[0, 0, 0] = 1e6
    mr = pre.normalise(values, "mr", None)
    assert abs(float(mr.mean())) < 1e-4 and float(mr.std()) == pytest.approx(1, abs=1e-3) and mr.max() < 4
    assert np.allclose(mr, pre.normalise(values * 37 - 5, "mr", None), atol=1e-3)
    ct = pre.normalise(values, "ct", (0.0, 500.0, 100.0, 50.0))
    assert np.allclose(ct, (np.clip(values, 0, 500) - 100) / 50)


def test_volumes_without_contrast_or_with_nan_are_refused() -> None:
    plan = small_plan()
    with pytest.raises(InputError, match="all values of the volume are 7"):
        pre.network_input(Volume.of(np.full((8, 8, 8), 7, np.int16), np.eye(4)), plan)
    bad = RNG.random((8, 8, 8)).astype(np.float32)
    bad[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="scan.nii has 1 values that are not finite"):
        pre.network_input(Volume.of(bad, np.eye(4), source="scan.nii"), plan)


def test_the_network_sees_the_planned_spacing() -> None:
    affine = np.diag([-2.0, 0.5, 1.0, 1.0])
    volume = Volume.of(RNG.random((8, 40, 10)).astype(np.float32), affine)
    assert pre.network_input(volume, small_plan()).shape == (16, 20, 10)
