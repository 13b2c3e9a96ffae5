"""Corruptions of photos: how much each changes, where, and that it depends on the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.evaluate.corruptions import (  # noqa: E402
    CORRUPTIONS,
    blur,
    crop,
    dark,
    holes,
    identity,
    jpeg,
    larger,
    noise,
    occlusion,
    smaller,
)

SIDE = 128
ROWS, COLUMNS = np.indices((SIDE, SIDE))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def disc(radius: float, row: float = 63.5, column: float = 63.5) -> np.ndarray:
    return np.hypot(ROWS - row, COLUMNS - column) < radius


def grey(value: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), value, np.uint8)


def test_noise_has_a_standard_deviation_of_8_percent_of_white() -> None:
    out, mask = noise(grey(128), disc(40), rng())
    assert np.std(out.astype(float) - 128) == pytest.approx(0.08 * 255, rel=0.02)
    assert np.mean(out) == pytest.approx(127.5, abs=0.5)  # truncation to 8 bits subtracts half a level
    assert np.array_equal(mask, disc(40))


def test_noise_saturates_at_black_and_white() -> None:
    white, black = (noise(grey(v), disc(40), rng())[0] for v in (255, 0))
    # half of the samples lie beyond the range; wrapping around would give the other end of it
    assert (white == 255).mean() == pytest.approx(0.5, abs=0.02) and white.min() > 128
    assert (black == 0).mean() > 0.5 and black.max() < 128


def test_blur_of_an_edge_is_the_normal_distribution() -> None:
    from scipy.special import ndtr

    rgb = np.repeat(np.where(COLUMNS < 64, 0, 200).astype(np.uint8)[..., None], 3, 2)
    out, _ = blur(rgb, disc(40), rng())
    expected = 200 * ndtr((np.arange(SIDE) - 63.5) / (0.015 * SIDE))
    assert np.abs(out[:, :, 0] - expected).max() < 4
    assert (out == out[:1]).all() and (out == out[..., :1]).all()


def test_blur_does_not_mix_channels() -> None:
    rgb = np.zeros((SIDE, SIDE, 3), np.uint8)
    rgb[..., 1] = 255
    assert (blur(rgb, disc(40), rng())[0][..., [0, 2]] == 0).all()


def test_jpeg_quantises_the_highest_frequency_by_the_table_of_quality_20() -> None:
    # ITU T.81, table K.1: 99 for the last coefficient, 2.5 times as much at quality 20. A product of cosines of amplitude a has
    # the coefficient 4 a, which is rounded to a multiple of 248: to 0 for a < 31.
    wave = np.cos((2 * ROWS + 1) * 7 * np.pi / 16) * np.cos((2 * COLUMNS + 1) * 7 * np.pi / 16)
    amplitudes = []
    for amplitude in (10, 29.5, 32.5):
        rgb = np.repeat((128 + amplitude * wave).round().astype(np.uint8)[..., None], 3, 2)
        out, mask = jpeg(rgb, disc(40), rng())
        amplitudes.append(float(((out[..., 0] - 128.0) * wave).sum() / (wave**2).sum()))
        assert out.shape == rgb.shape and np.array_equal(mask, disc(40))
    assert amplitudes == pytest.approx([0, 0, 62], abs=1)


def test_dark_divides_linear_light_by_two_to_the_power_of_one_and_a_half() -> None:
    values = np.arange(256, dtype=np.uint8)
    rgb = np.repeat(values[None, :, None], 3, 2)
    out, _ = dark(rgb, disc(40), rng())
    before, after = (x[0, :, 0].astype(float) for x in (rgb, out))
    bright = before > 100
    stops = np.log2((before[bright] / (after[bright] + 0.5)) ** 2.2)
    assert np.abs(stops - 1.5).max() < 0.05
    assert (np.diff(after) >= 0).all() and (after <= before).all() and after[0] == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.floats(6, 50), st.floats(20, 108), st.floats(20, 108))
def test_occlusion_removes_a_box_of_at_least_a_fifth(
    seed: int, radius: float, row: float, column: float
) -> None:
    mask = disc(radius, row, column)
    before = mask.copy()
    rgb, out = occlusion(grey(9), mask, rng(seed))
    removed = mask & ~out
    assert np.array_equal(mask, before) and not (out & ~mask).any() and (rgb == 9).all()
    assert out.sum() <= 0.8 * mask.sum()
    # the growth by two pixels a step overshoots a fifth by little
    assert removed.sum() <= 0.2 * mask.sum() + 4 * (np.sqrt(0.2 * mask.sum()) * 2.5 + 4)
    rows, columns = np.nonzero(removed)
    box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    assert not out[box].any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(0, 60))
def test_crop_removes_an_eighth_of_the_columns_at_one_side(seed: int, width: int, start: int) -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[30:90, start : start + width] = True
    columns = np.flatnonzero(crop(grey(9), mask, rng(seed))[1].any(0))
    assert len(columns) == width - width // 8
    assert (columns[0] == start) != (columns[-1] == start + width - 1) or width < 8
    assert np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))


def test_crop_chooses_both_sides() -> None:
    mask = disc(40)
    left = [crop(grey(9), mask, rng(seed))[1][:, :32].any() for seed in range(20)]
    assert 3 < sum(left) < 17


def test_the_dilated_and_eroded_masks_differ_by_three_pixels() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:80, 30:90] = True
    taxicab = np.maximum(40 - ROWS, 0) + np.maximum(ROWS - 79, 0)
    taxicab += np.maximum(30 - COLUMNS, 0) + np.maximum(COLUMNS - 89, 0)
    assert np.array_equal(larger(grey(9), mask, rng())[1], taxicab <= 3)  # 2 % of 128 is 2.56
    inner = np.zeros_like(mask)
    inner[43:77, 33:87] = True
    assert np.array_equal(smaller(grey(9), mask, rng())[1], inner)


def test_erosion_does_not_remove_a_thin_object() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:45, 10:110] = True
    assert np.array_equal(smaller(grey(9), mask, rng())[1], mask)


def test_holes_cover_a_tenth_of_the_mask_in_blobs() -> None:
    from scipy import ndimage

    mask = disc(50)
    out = holes(grey(9), mask, rng())[1]
    removed = mask & ~out
    assert removed.sum() == pytest.approx(0.1 * mask.sum(), abs=1) and not (out & ~mask).any()
    assert ndimage.label(removed)[1] < 30  # single pixels would be hundreds


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_depends_on_the_seed_alone_and_keeps_its_inputs(name: str) -> None:
    rgb, mask = rng(5).integers(0, 256, (SIDE, SIDE, 3), np.uint8), disc(40)
    first, second = (CORRUPTIONS[name](rgb.copy(), mask.copy(), rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second))
    assert [x.dtype for x in first] == [np.uint8, np.bool_]
    kept = rgb.copy(), mask.copy()
    CORRUPTIONS[name](*kept, rng(3))
    assert np.array_equal(kept[0], rgb) and np.array_equal(kept[1], mask)
    changed = [not np.array_equal(a, b) for a, b in zip(first, (rgb, mask))]
    assert changed == [
        name in ("noise", "blur", "jpeg", "dark"),
        name not in ("noise", "blur", "jpeg", "dark"),
    ]


def test_no_corruption_changes_nothing() -> None:
    rgb, mask = grey(7), disc(9)
    out = identity(rgb, mask, rng())
    assert out[0] is rgb and out[1] is mask


def test_the_iou_of_a_corruption_is_the_mean_over_the_photos_and_an_empty_mask_counts_as_zero(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from types import SimpleNamespace
    from typing import Any

    from lift3d.evaluate import corruptions

    iou = {"none": (0.9, 0.7), "dark": (0.8, 0.2), "crop": (0.6, None)}
    names = {id(function): name for name, function in {"none": identity, "dark": dark, "crop": crop}.items()}

    def corrupted(solids: Any, view: int, corruption: Any) -> Any:
        value = iou[names[id(corruption)]][view]
        return None if value is None else SimpleNamespace(value=value)

    def truth(solids: Any, view: Any) -> Any:
        return SimpleNamespace(iou_by_threshold=lambda prediction, at, n: at * 0 + view.value * (n == 64))

    filled = SimpleNamespace(fill_silhouette=lambda threshold: None)
    monkeypatch.setattr(corruptions, "CORRUPTIONS", {"dark": dark, "crop": crop})
    monkeypatch.setattr(corruptions, "corrupt_view", corrupted)
    monkeypatch.setattr(corruptions, "GroundTruth", truth)
    monkeypatch.setattr(corruptions, "network_input", lambda view: np.zeros((4, 2, 2), np.float32))
    cases: Any = [SimpleNamespace(view=0), SimpleNamespace(view=1)]
    predictor: Any = SimpleNamespace(predict=lambda view, images: filled)
    done: list[float] = []
    found = corruptions.robustness(None, cases, predictor, 0.5, done.append)  # type: ignore[arg-type]
    assert found == pytest.approx({"none": 0.8, "dark": 0.5, "crop": 0.3})
    assert done == pytest.approx([1 / 3, 2 / 3, 1])
