"""Representations check their fields when they are constructed, and derive what is documented."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.types import (
    Camera,
    Depth,
    DepthMaps,
    Embedding,
    Image,
    Label,
    Latent,
    Mesh,
    Neighbour,
    Neighbours,
    Plane,
    Points,
    RepairResult,
    Segmentation,
    Surface,
    SymmetryPlane,
    Views,
    Voxels,
    Words,
)

PIXELS = np.zeros((4, 6, 3), np.uint8)


def camera(**changes: object) -> Camera:
    values: dict[str, object] = {
        "width": 6, "height": 4, "fx": 5.0, "fy": 5.0, "cx": 3.0, "cy": 2.0, "world_to_camera": np.eye(4)
    }  # fmt: skip
    return Camera(**(values | changes))  # type: ignore[arg-type]


def views() -> Views:
    return Views((Image(PIXELS),), (camera(),), Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32))


REFUSED = {
    "pixels are uint8": lambda: Image(PIXELS.astype(float)),
    "masks have the size of the pixels": lambda: Image(PIXELS, mask=np.zeros((6, 4), bool)),
    "sources of masks are known": lambda: Segmentation("guess", 0.5),
    "area fractions lie in [0, 1]": lambda: Segmentation("given", 1.5),
    "focal lengths are positive": lambda: camera(fx=0.0),
    "poses are rotations": lambda: camera(world_to_camera=np.diag([1.0, 1, -1, 1])),
    "poses are finite": lambda: camera(world_to_camera=np.full((4, 4), np.nan)),
    "distortion has four numbers": lambda: camera(distortion=(0.1,)),
    "points are (N, 3)": lambda: Points(np.zeros((2, 2))),
    "normals belong to points": lambda: Points(np.zeros((2, 3)), np.zeros((1, 3), np.float32)),
    "views are undistorted": lambda: Views(
        (Image(PIXELS),),
        (camera(distortion=(0.1, 0, 0, 0)),),
        Points(np.zeros((0, 3))),
        np.zeros((0, 2), np.int32),
    ),
    "one camera per image": lambda: Views(
        (), (camera(),), Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32)
    ),
    "depth has the size of its camera": lambda: Depth(np.zeros((6, 4), np.float32), camera()),
    "one map per view": lambda: DepthMaps(views(), ()),
    "quantities are known": lambda: Voxels(np.zeros((2, 2, 2), np.float32), quantity="density"),
    "iso-levels are finite": lambda: Voxels(np.zeros((2, 2, 2), np.float32), iso_level=np.inf),
    "grids are 3-D": lambda: Voxels(np.zeros((2, 2), np.float32)),
    "surfaces are objects or scenes": lambda: Surface(Mesh(), views(), "thing"),
    "codes are float32": lambda: Latent(np.zeros((1, 2, 2, 2)), "s"),
    "probabilities sum to 1": lambda: Label(("a", "b"), np.array([0.5, 0.4])),
    "names differ": lambda: Label(("a", "a"), np.array([0.5, 0.5])),
    "rotations are 3x3": lambda: Label(("a",), np.ones(1), np.eye(4)),
    "words are not empty": lambda: Words("  "),
    "modalities are known": lambda: Embedding(np.ones((1, 2), np.float32), "sound", "s"),
    "vectors are finite": lambda: Embedding(np.full((1, 2), np.nan, np.float32), "image", "s"),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_invalid_values_are_refused(rule: str) -> None:
    with pytest.raises(ValueError):
        REFUSED[rule]()


def test_iso_levels_follow_the_quantity_unless_given() -> None:
    values = np.array([[[0.2, 0.6]]], np.float32)
    assert Voxels(values).iso_level == 0.0 and Voxels(values, quantity="occupancy").iso_level == 0.5
    assert Voxels(values, quantity="occupancy").inside.tolist() == [[[False, True]]]
    assert Voxels(values, quantity="occupancy", iso_level=0.7).inside.sum() == 0
    assert Voxels(values - 0.4).inside.tolist() == [[[True, False]]], "distances are negative inside"


def test_values_cannot_be_assigned() -> None:
    with pytest.raises(FrozenInstanceError):
        Words("cup").text = "tree"  # type: ignore[misc]


def test_grey_is_rec_601_luma() -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8)
    np.testing.assert_allclose(Image(pixels).grey, [[76.245, 149.685, 29.07, 9]], rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 2 * np.pi), st.floats(-3, 3), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_reflection_is_an_involution_that_fixes_its_plane(
    angle: float, offset: float, point: list[float]
) -> None:
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    mirror, x = SymmetryPlane(normal, offset, 1.0).reflection(), np.array([*point, 1.0])
    np.testing.assert_allclose(mirror @ mirror, np.eye(4), atol=1e-9)
    height = Plane(normal, offset).height(x[:3])
    assert Plane(normal, offset).height((mirror @ x)[:3]) == pytest.approx(-height, abs=1e-9)
    on_plane = np.append(x[:3] - height * normal, 1.0)
    np.testing.assert_allclose(mirror @ on_plane, on_plane, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 6), st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_camera_centre_and_direction(angle: float, centre: list[float]) -> None:
    c, s = np.cos(angle), np.sin(angle)
    pose = np.eye(4)
    pose[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    pose[:3, 3] = -pose[:3, :3] @ centre
    seen = camera(world_to_camera=pose)
    np.testing.assert_allclose(seen.centre, centre, atol=1e-9)
    np.testing.assert_allclose(seen.R @ seen.direction, [0, 0, 1], atol=1e-12)
    assert seen.K[0].tolist() == [5, 0, 3]


def test_labels_are_sorted_stably() -> None:
    label = Label(("a", "b", "c"), np.array([0.2, 0.4, 0.4]))
    assert label.top(2) == [("b", 0.4), ("c", 0.4)] and label.name == "b"
    assert Label.certain("cup").top(3) == [("cup", 1.0)]


def test_results_have_lengths_and_distances() -> None:
    assert len(Neighbours((Neighbour("a", 0.5),))) == len(views()) == len(Points(np.zeros((1, 3)))) == 1
    result = RepairResult(Mesh(), (), False, 0.2, 0.3, "unchanged", 4)
    assert result.hausdorff == 0.3
