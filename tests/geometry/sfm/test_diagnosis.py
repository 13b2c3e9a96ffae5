"""Diagnosis of unregistered photos: sharpness, duplicates, rotations, and the advice that follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lift3d.errors import CaptureError
from lift3d.geometry.sfm import diagnosis
from lift3d.geometry.sfm.features import Pair
from lift3d.types import Image


def noise(seed: int = 0, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def photo(seed: int = 0, name: str = "") -> Image:
    return Image(noise(seed), name=name)


def pair(i: int, j: int, count: int) -> Pair:
    return Pair(i, j, np.zeros((count, 2), np.uint32))


def evidence(**changes: object) -> diagnosis.MatchEvidence:
    """Three sharp photos with many features and matches."""
    plain: dict[str, object] = {
        "sharpness": [0.4, 0.4, 0.4],
        "features": [900, 900, 900],
        "pairs": [pair(0, 1, 90), pair(1, 2, 90)],
        "duplicate_of": {},
        "rotation": [False, False],
    }
    return diagnosis.MatchEvidence(**{**plain, **changes})  # type: ignore[arg-type]


def test_duplicates_refer_to_the_first_photo() -> None:
    a, b = noise(0), noise(1)
    brighter = np.minimum(a.astype(int) + 1, 255).astype(
        np.uint8
    )  # less than one grey level apart on average
    brighter[::2] = a[::2]
    photos = [Image(a), Image(b), Image(a.copy()), Image(brighter), Image(noise(2, (60, 81)))]
    assert diagnosis.find_duplicates(photos) == {2: 0, 3: 0}
    assert diagnosis.find_duplicates([]) == {}


def test_photos_of_fog_are_different() -> None:
    fog = [Image((120 + 2 * noise(k).astype(float) / 255).astype(np.uint8)) for k in range(3)]
    assert diagnosis.find_duplicates(fog) == {}
    assert diagnosis.find_duplicates([fog[0], Image(fog[0].pixels.copy())]) == {1: 0}


def test_one_changed_corner_is_no_duplicate() -> None:
    a = np.full((64, 64, 3), 90, np.uint8)
    b = a.copy()
    b[:4, :4] = 200
    assert diagnosis.find_duplicates([Image(a), Image(b)]) == {}


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.floats(0.6, 3.5))
def test_a_rotation_about_the_camera_centre_is_recognised(seed: int, focal: float) -> None:
    """H = K R K^-1, up to scale, is a rotation; with a translation of a plane it is not."""
    image = photo()
    k = np.array([[focal * 80, 0, 40], [0, focal * 80, 30], [0, 0, 1]])
    rotation = Rotation.from_rotvec(0.2 * np.random.default_rng(seed).normal(size=3)).as_matrix()
    h = k @ rotation @ np.linalg.inv(k)
    assert diagnosis.is_rotation(-3.7 * h, image, image)
    moved = k @ (rotation + np.outer([0.5, 0.1, 0.2], [0, 0, 1])) @ np.linalg.inv(k)
    assert not diagnosis.is_rotation(moved, image, image)
    assert not diagnosis.is_rotation(None, image, image)


def test_a_homography_is_found_among_outliers() -> None:
    rng = np.random.default_rng(0)
    h = np.array([[1.1, 0.1, 5], [-0.05, 0.9, 3], [1e-4, -2e-4, 1]])
    x = rng.uniform(0, 300, (100, 2))
    p = np.c_[x, np.ones(100)] @ h.T
    y = p[:, :2] / p[:, 2:]
    y[:20] = rng.uniform(0, 300, (20, 2))
    found, inliers = diagnosis.estimate_homography(x, y)
    assert found is not None and inliers == pytest.approx(0.8, abs=0.03)
    np.testing.assert_allclose(found / found[2, 2], h, rtol=2e-2, atol=1e-4)
    assert diagnosis.estimate_homography(x[:7], y[:7]) == (None, 0.0)


def test_pure_rotations_by_pair() -> None:
    rng = np.random.default_rng(1)
    k = np.array([[90.0, 0, 40], [0, 90, 30], [0, 0, 1]])
    x = rng.uniform([0, 0], [80, 60], (60, 2))
    h = k @ Rotation.from_euler("y", 8, degrees=True).as_matrix() @ np.linalg.inv(k)
    p = np.c_[x, np.ones(60)] @ h.T
    parallax = x + np.c_[rng.uniform(2, 40, 60), np.zeros(60)]
    keypoints = [x, p[:, :2] / p[:, 2:], parallax]
    index = np.repeat(np.arange(60, dtype=np.uint32)[:, None], 2, 1)
    pairs = [Pair(0, 1, index), Pair(0, 2, index)]
    assert diagnosis.pure_rotations(pairs, [photo()] * 3, keypoints) == [True, False]


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"duplicate_of": {2: 0}}, "duplicate"),
        ({"sharpness": [0.4, 0.4, 0.1]}, "blur"),
        ({"features": [900, 900, 20]}, "few features"),
        ({"rotation": [False, True]}, "pure rotation"),
        ({"pairs": [pair(0, 1, 90), pair(1, 2, 8)]}, "no overlap"),
        ({"pairs": [pair(0, 1, 90)], "rotation": [False]}, "no overlap"),
        ({}, "no stable pose"),
    ],
)
def test_the_reason_for_a_photo(changes: dict[str, object], reason: str) -> None:
    found, advice = diagnosis.diagnose_photo(2, [photo(k) for k in range(3)], evidence(**changes))
    assert found == reason and advice == diagnosis.ADVICE[reason]


def test_rows_of_the_report() -> None:
    photos = [photo(k, f"{k}.jpg") for k in range(3)]
    rows = diagnosis.photo_rows(photos, [0, 1], evidence(duplicate_of={2: 1}), {0: 5, 1: 7})
    assert [row["status"] for row in rows] == ["registered", "registered", "left out"]
    assert rows[2]["duplicate_of"] == "1.jpg" and rows[2]["reason"] == "duplicate"
    assert [row["matches"] for row in rows] == [90, 180, 90] and [row["points"] for row in rows] == [5, 7, 0]


def test_too_few_different_photos_are_refused() -> None:
    photos = [photo(k) for k in range(4)]
    diagnosis.require_distinct(photos, {3: 0})
    with pytest.raises(CaptureError, match="1 photo given"):
        diagnosis.require_distinct(photos[:1], {})
    with pytest.raises(CaptureError, match="only 2 different"):
        diagnosis.require_distinct(photos, {2: 0, 3: 1})


def test_rotation_of_a_set() -> None:
    assert not diagnosis.is_mostly_rotation([]) and diagnosis.is_mostly_rotation([True] * 8 + [False] * 2)
    assert not diagnosis.is_mostly_rotation([True] * 7 + [False] * 3)


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"rotation": [True, True]}, "rotated on the spot"),
        ({"sharpness": [0.12, 0.11, 0.4]}, "blurred"),
        ({"features": [20, 30, 900]}, "too little texture"),
        ({"moving": 12.0, "rotation": [True, True]}, "the camera stood still"),
        ({"sharpness": [0.19] * 3, "pairs": [pair(0, 1, 90)], "rotation": [False]}, "blurred"),
        ({"sharpness": [1.0] * 3, "pairs": [pair(0, 1, 90)], "rotation": [False]}, "no edge stands out"),
        ({"pairs": [pair(0, 1, 90)], "rotation": [False]}, "no three of the 3 photos"),
        ({}, "only 2 of 3 photos"),
    ],
)
def test_the_error_for_a_set(changes: dict[str, object], words: str) -> None:
    error = diagnosis.reconstruction_error([photo(k) for k in range(3)], evidence(**changes), 2)
    assert words in str(error)


def test_photos_in_the_dark_are_called_dark() -> None:
    dark = [Image((photo(k).pixels // 8).astype(np.uint8)) for k in range(3)]
    unlinked = evidence(sharpness=[1.0] * 3, pairs=[pair(0, 1, 20)], rotation=[False])
    assert "too dark" in str(diagnosis.reconstruction_error(dark, unlinked, 0))


def test_photos_that_match_each_other_alone_are_another_group() -> None:
    """0 to 3 are placed; 4, 5, 6 form a group; 7, 8 are too few; 9 to 11 are linked with a placed one."""
    pairs = [pair(i, i + 1, 90) for i in range(3)] + [pair(4, 5, 60), pair(5, 6, 60), pair(3, 4, 20)]
    pairs += [pair(7, 8, 90), pair(9, 10, 90), pair(10, 11, 90), pair(2, 11, 50)]
    assert diagnosis.other_groups(12, [0, 1, 2, 3], pairs) == {4, 5, 6}
    assert diagnosis.other_groups(3, [0, 1, 2], []) == set()
    found = evidence(sharpness=[0.4] * 12, features=[900] * 12, pairs=pairs, rotation=[False] * len(pairs))
    rows = diagnosis.photo_rows([photo(k, f"{k}.jpg") for k in range(12)], [0, 1, 2, 3], found, {})
    assert [row["reason"] for row in rows[4:8]] == ["another group"] * 3 + ["no stable pose"]
    assert "another object" in rows[4]["advice"]
