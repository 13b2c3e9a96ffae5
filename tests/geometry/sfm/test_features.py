"""SIFT features and matches in COLMAP's database, on photos related by a known translation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from box_room import texture
from PIL import Image as Pillow

from lift3d.geometry.sfm import features
from lift3d.types import Image

SHIFT = 24
OPTIONS = features.SfmOptions(max_features=400, peak_threshold=0.004, min_inliers=12)


def photos() -> list[Image]:
    """Two crops of one texture, SHIFT pixels apart, the second with a mask on its left half."""
    pixels = texture(3)[:160, :260].astype(np.uint8)
    mask = np.zeros((160, 220), bool)
    mask[:, :110] = True
    return [
        Image(pixels[:, :220], "a"),
        Image(np.ascontiguousarray(pixels[:, SHIFT : 220 + SHIFT]), "b", mask),
    ]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> features.Workspace:
    space = features.open_workspace(tmp_path_factory.mktemp("sfm"), photos())
    features.extract_features(space, OPTIONS)
    features.match_pairs(space, np.array([[0, 1]], np.int32), OPTIONS, 0)
    return space


def test_lens_groups_by_size_and_focal_length() -> None:
    def of(width: int, focal: float | None) -> Image:
        return Image(np.zeros((10, width, 3), np.uint8), focal=focal)

    images = [of(20, 50.0), of(20, 50.1), of(20, 70.0), of(30, 50.0), of(20, None), of(20, None)]
    assert features.lens_groups(images, None) == [[0, 1], [2], [3], [4, 5]]
    assert features.lens_groups(images, True) == [[0, 1, 2, 4, 5], [3]]
    assert features.lens_groups(images, False) == [[0], [1], [2], [3], [4], [5]]


@pytest.mark.slow
def test_the_workspace_holds_grey_photos_and_masks(workspace: features.Workspace) -> None:
    assert workspace.masked and workspace.database.exists() and len(set(workspace.ids)) == 2
    for photo, name in zip(workspace.photos, workspace.names):
        stored = np.asarray(Pillow.open(workspace.pictures / name))
        np.testing.assert_array_equal(stored, np.clip(photo.grey + 0.5, 0, 255).astype(np.uint8))
    masks = [np.asarray(Pillow.open(workspace.folder / "masks" / f"{name}.png")) for name in workspace.names]
    assert (masks[0] == 255).all()
    assert (masks[1][:, :110] == 255).all() and (masks[1][:, 115:] == 0).all()  # dilated by two pixels


@pytest.mark.slow
def test_features_stay_within_the_mask(workspace: features.Workspace) -> None:
    keypoints, descriptors = features.read_keypoints(workspace), features.read_descriptors(workspace)
    assert [len(k) for k in keypoints] == [len(d) for d in descriptors] and min(map(len, keypoints)) > 50
    assert all(d.shape[1] == 128 and d.dtype == np.float32 for d in descriptors)
    assert keypoints[1][:, 0].max() < 114 and keypoints[0][:, 0].max() > 180


def test_matches_show_the_translation(workspace: features.Workspace) -> None:
    (pair,) = features.read_pairs(workspace)
    keypoints = features.read_keypoints(workspace)
    moved = keypoints[0][pair.matches[:, 0]] - keypoints[1][pair.matches[:, 1]]
    assert (pair.i, pair.j) == (0, 1) and len(pair.matches) >= OPTIONS.min_inliers
    np.testing.assert_allclose(np.median(moved, axis=0), [SHIFT, 0], atol=0.1)
    assert (np.linalg.norm(moved - [SHIFT, 0], axis=1) < 2).mean() > 0.95


def test_matching_again_replaces_the_matches(workspace: features.Workspace) -> None:
    before = features.read_pairs(workspace)[0].matches
    features.match_pairs(workspace, np.array([[0, 1]], np.int32), OPTIONS, 0)
    np.testing.assert_array_equal(features.read_pairs(workspace)[0].matches, before)
    features.match_pairs(workspace, np.zeros((0, 2), np.int32), OPTIONS, 0)


def test_a_black_photo_has_no_features(tmp_path: Path) -> None:
    space = features.open_workspace(tmp_path, [Image(np.zeros((40, 50, 3), np.uint8))], use_masks=False)
    features.extract_features(space, OPTIONS)
    assert features.read_keypoints(space)[0].shape == (0, 2) and features.read_pairs(space) == []
