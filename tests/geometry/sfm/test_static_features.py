"""Static features among moving ones: synthetic matches of a turntable, of a walk around, and of an overlay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from box_room import texture

from lift3d.geometry.sfm import features, static_features
from lift3d.geometry.sfm.features import Pair
from lift3d.types import Image

COUNT, STILL, MOVING = 12, 60, 80
PHOTOS = [Image(np.zeros((480, 640, 3), np.uint8), str(k)) for k in range(COUNT)]


def turntable(still: int = STILL, moving: int = MOVING) -> tuple[list[Pair], list[np.ndarray]]:
    """All pairs of photos in which `still` features stay (to 0.3 pixels) and `moving` ones shift by 11 pixels per photo; features
    of the object are matched up to three photos apart."""
    rng = np.random.default_rng(0)
    fixed, start = rng.uniform(0, 400, (still, 2)), rng.uniform(100, 300, (moving, 2))
    keypoints = [
        np.concatenate([fixed + rng.normal(0, 0.2, fixed.shape), start + [11.0 * k, 0]]) for k in range(COUNT)
    ]
    pairs = []
    for i in range(COUNT):
        for j in range(i + 1, COUNT):
            rows = np.arange(still if j - i > 3 else still + moving, dtype=np.uint32)
            pairs.append(Pair(i, j, np.stack([rows, rows], 1)))
    return pairs, keypoints


def test_still_features_of_a_turntable_are_found_and_no_others() -> None:
    pairs, keypoints = turntable()
    found = static_features.find_static_features(pairs, keypoints, PHOTOS)
    assert found.turntable and found.photos == COUNT and found.count > 0.99 * COUNT * STILL
    assert not any(s[STILL:].any() for s in found.static)
    assert found.moving == pytest.approx(MOVING, abs=1)


def test_a_walk_around_and_an_overlay_are_no_turntable() -> None:
    pairs, keypoints = turntable(still=0)
    walk = static_features.find_static_features(pairs, keypoints, PHOTOS)
    assert not walk.turntable and walk.count == 0
    pairs, keypoints = turntable(still=12)  # a date in the corner
    assert not static_features.find_static_features(pairs, keypoints, PHOTOS).turntable


def test_surroundings_of_a_camera_at_two_heights_are_still_at_each() -> None:
    """Two rings: the surroundings shift between them like everything else."""
    pairs, keypoints = turntable()
    higher = [k + [0, 60.0 * (n >= COUNT // 2)] for n, k in enumerate(keypoints)]
    found = static_features.find_static_features(pairs, higher, PHOTOS)
    assert found.turntable and found.count > 0.99 * COUNT * STILL
    assert not any(s[STILL:].any() for s in found.static)


def test_a_burst_from_one_place_is_no_turntable() -> None:
    """Six photos from each of two places: features stand still within a burst, and move between bursts."""
    rng = np.random.default_rng(1)
    base = rng.uniform(50, 400, (100, 2))
    keypoints = [base + [40.0 * (k // 6), 0] + rng.normal(0, 0.2, base.shape) for k in range(COUNT)]
    rows = np.repeat(np.arange(100, dtype=np.uint32)[:, None], 2, 1)
    pairs = [Pair(i, j, rows) for i in range(COUNT) for j in range(i + 1, COUNT)]
    assert static_features.find_static_features(pairs, keypoints, PHOTOS).count == 0


def test_forced_two_photos_suffice() -> None:
    pairs, keypoints = turntable()
    few = [p for p in pairs if p.j < 3]
    assert not static_features.find_static_features(few, keypoints[:3], PHOTOS[:3]).count
    found = static_features.find_static_features(few, keypoints[:3], PHOTOS[:3], forced=True)
    assert found.turntable and found.count > 2.9 * STILL


def test_photos_of_different_sizes_have_no_common_place() -> None:
    pairs, keypoints = turntable()
    other = [*PHOTOS[:-1], Image(np.zeros((480, 641, 3), np.uint8))]
    last = next(p for p in pairs if p.j == COUNT - 1)
    assert not static_features.has_not_moved(last, keypoints, other).any()


@pytest.mark.slow
def test_removed_features_and_still_matches_leave_the_database(tmp_path: Path) -> None:
    """Two photos: the left half stands still, the right half shows another texture that shifts."""
    still, moving = texture(3)[:160, :120].astype(np.uint8), texture(4)[:160, :200].astype(np.uint8)
    photos = [Image(np.concatenate([still, moving[:, s : s + 140]], 1).copy(), str(s)) for s in (0, 20)]
    space = features.open_workspace(tmp_path, photos)
    options = features.SfmOptions(max_features=400, min_inliers=12)
    pairs = np.array([[0, 1]], np.int32)
    features.extract_features(space, options)
    features.match_pairs(space, pairs, options, 0)
    points = features.read_keypoints(space)
    raw = features.read_raw_matches(space)
    here = static_features.has_not_moved(raw[0], points, photos)
    assert 0.1 < here.mean() < 0.9
    assert static_features.drop_still_matches(space, points, options, 0) == here.sum()
    (pair,) = features.read_pairs(space)
    assert not static_features.has_not_moved(pair, points, photos).any() and len(pair.matches) > 12
    left = [p[:, 0] < 120 for p in points]
    static_features.remove_features(space, left)
    after = features.read_keypoints(space)
    np.testing.assert_array_equal(after[0], points[0][~left[0]])
    assert features.read_raw_matches(space) == []
    features.match_pairs(space, pairs, options, 0)
    assert len(features.read_pairs(space)[0].matches) > 12
