"""Ground truth of a view: rotations, depths and surfaces with known values, and scores of perfect and wrong predictions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.evaluate.scores.view_truth import (  # noqa: E402
    GroundTruth,
    first_depth,
    prediction_mesh,
    rotation_between,
)
from lift3d.geometry.image.crop import Crop  # noqa: E402
from lift3d.geometry.voxels.view_frame import ViewFrame  # noqa: E402
from lift3d.inference.single_view import SingleViewPrediction  # noqa: E402

K = np.array([[100, 0, 64], [0, 100, 64], [0, 0, 1.0]])
FRAME = ViewFrame(K, Crop(64.0, 64.0, 50.0), 4.0, 1.5)


def unit(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=3)
    return vector / np.linalg.norm(vector)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9999), st.integers(0, 9999))
def test_rotation_between_is_the_smallest_that_maps_one_vector_to_the_other(i: int, j: int) -> None:
    a, b = unit(i), unit(j)
    rotation = rotation_between(a, b)
    assert rotation @ a == pytest.approx(b, abs=1e-7)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-7)
    assert np.linalg.det(rotation) == pytest.approx(1)
    # trace = 1 + 2 cos(angle), and no rotation from a to b has a smaller angle than that between them
    assert (np.trace(rotation) - 1) / 2 == pytest.approx(float(a @ b), abs=1e-7)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 9999))
def test_rotation_to_the_same_and_the_opposite_vector(i: int) -> None:
    a = unit(i)
    assert np.array_equal(rotation_between(a, a), np.eye(3))
    half = rotation_between(a, -a)
    assert half @ a == pytest.approx(-a, abs=1e-12) and np.linalg.det(half) == pytest.approx(1)
    assert half @ half == pytest.approx(np.eye(3), abs=1e-12)


def test_first_depth_is_that_of_the_centre_of_the_first_full_voxel() -> None:
    full = np.zeros((6, 2, 2), bool)
    full[0, 0, 0] = full[2:, 0, 1] = full[5, 1, 0] = full[3, 1, 0] = True
    # six voxels between depths 2.5 and 5.5; a ray without a full voxel has the first depth
    assert first_depth(full, FRAME) == pytest.approx(np.array([[2.75, 3.75], [4.25, 2.75]]))


def test_the_mesh_of_a_box_of_voxels_is_closed_and_lies_on_its_rays() -> None:
    n = 16
    occupancy = np.zeros((n, n, n), np.float32)
    occupancy[4:12, 2:10, 6:14] = 1
    prediction = SingleViewPrediction(occupancy, float(np.log(FRAME.half_depth / FRAME.half_width)))
    found = prediction_mesh(prediction, FRAME, 0.5)
    assert found is not None
    v, f = found
    import trimesh

    mesh = trimesh.Trimesh(v, f, process=False)
    assert mesh.is_watertight and mesh.volume > 0
    uvw = (FRAME.project(v) + 1) / 2 * n  # the surface lies on the border between full and empty voxels
    assert uvw.min(0) == pytest.approx([6, 2, 4], abs=0.01)
    assert uvw.max(0) == pytest.approx([14, 10, 12], abs=0.01)
    # a frustum of rays, which has the area (z / 2)^2 at depth z; edges are rounded
    near, far = 4 - 0.75, 4 + 0.75
    assert mesh.volume == pytest.approx(0.5**2 * (far**3 - near**3) / 3, rel=0.1)


def test_no_voxel_above_the_threshold_has_no_mesh() -> None:
    assert prediction_mesh(SingleViewPrediction(np.full((8, 8, 8), 0.3, np.float32), 0.0), FRAME, 0.5) is None


@pytest.fixture(scope="module")
def truth() -> GroundTruth:
    """A box of 0.5 x 0.25 x 1 that stands on the origin, seen from 4 units away, with its up direction upwards in the image."""
    from lift3d.geometry.voxels.canonical_frame import canonical_grid

    first, step = canonical_grid()
    axes = [
        first[k] + step * np.arange(64) if np.ndim(first) else first + step * np.arange(64) for k in range(3)
    ]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    full = (abs(x) < 0.25) & (abs(y) < 0.125) & (z > 0) & (z < 1)
    corners = np.stack(np.meshgrid([-0.25, 0.25], [-0.125, 0.125], [0, 1.0]), -1).reshape(-1, 3)
    solids = SimpleNamespace(levels=lambda shape: full.astype(np.uint8) * 255, points=lambda shape: corners)
    to_view = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0.5], [0, 1, 0, 4], [0, 0, 0, 1]])
    return GroundTruth(solids, SimpleNamespace(shape=0, to_view=to_view, frame=FRAME))  # type: ignore[arg-type]


def test_the_lattice_is_centred_on_the_object_and_its_voxels_follow_the_longest_side(
    truth: GroundTruth,
) -> None:
    assert truth.side == 1 and truth.centre == pytest.approx([0, 0, 4])
    first, step, count = truth.lattice(32)
    assert (step, count) == (1 / 32, 48)
    assert first + (count - 1) / 2 * step == pytest.approx([0, 0, 4])


def test_the_true_voxels_have_the_volume_of_the_box(truth: GroundTruth) -> None:
    for n, full in truth.voxels.items():
        assert full.sum() / n**3 == pytest.approx(0.125, rel=0.15)
        extent = [np.ptp(np.flatnonzero(full.any(tuple({0, 1, 2} - {k})))) + 1 for k in range(3)]
        assert np.array(extent) / n == pytest.approx([0.5, 1, 0.25], abs=2.1 / n)


def box_prediction(pose: np.ndarray | None) -> SingleViewPrediction:
    """The box itself as a prediction, from the analytic shape on the rays of the view."""
    n = 64
    w, v, u = np.meshgrid(*[(np.arange(n) + 0.5) / n * 2 - 1] * 3, indexing="ij")
    at = FRAME.unproject(np.stack([u, v, w], -1).reshape(-1, 3)).reshape(n, n, n, 3)
    full = (abs(at[..., 0]) < 0.25) & (abs(at[..., 1]) < 0.5) & (abs(at[..., 2] - 4) < 0.125)
    depth = float(np.log(FRAME.half_depth / FRAME.half_width))
    return SingleViewPrediction(full.astype(np.float32), depth, pose)


def test_a_perfect_prediction_has_high_iou_at_every_threshold(truth: GroundTruth) -> None:
    overlap = truth.iou_by_threshold(box_prediction(None), np.array([0.3, 0.5, 1.5]), 32)
    assert overlap[0] > 0.6 and overlap[1] > 0.75 and overlap[2] == 0


def test_depth_error_is_that_of_a_shift_in_units_of_the_longest_side(truth: GroundTruth) -> None:
    prediction = box_prediction(None)
    mae, mse = truth._depth_error(prediction, 0.5)
    assert mae < 0.04
    moved = SingleViewPrediction(np.roll(prediction.occupancy, 8, 0), prediction.depth)
    shift = 8 / 64 * 2 * FRAME.half_depth
    assert truth._depth_error(moved, 0.5)[0] == pytest.approx(shift, abs=0.04)
    assert truth._depth_error(moved, 0.5)[1] == pytest.approx(shift**2, abs=0.04)
    empty = SingleViewPrediction(np.zeros((64, 64, 64), np.float32), 0.0)
    assert truth._depth_error(empty, 0.5) == (1.0, 1.0) and mse <= mae


@pytest.mark.parametrize("degrees", [0, 20, 90])
def test_the_error_of_the_up_direction_costs_upright_overlap(truth: GroundTruth, degrees: int) -> None:
    angle = np.radians(degrees)
    up = [np.sin(angle), -np.cos(angle), 0]
    pose = np.array([*up, 0, 0, 1, 0, 0, 0, 0], np.float32)
    error, upright = truth._upright(box_prediction(pose), truth.voxels[64])
    assert error == pytest.approx(degrees, abs=0.1)
    if degrees == 0:
        assert upright > 0.97
    else:
        # a 0.5 x 1 rectangle and the same after a rotation by 90 degrees about its centre overlap in 0.25 of 0.75
        assert upright < 0.9 and (degrees != 90 or upright == pytest.approx(1 / 3, abs=0.03))


def test_without_a_pose_the_error_is_that_of_the_images_vertical(truth: GroundTruth) -> None:
    assert truth._upright(box_prediction(None), truth.voxels[64]) == (0.0, 0.0)
