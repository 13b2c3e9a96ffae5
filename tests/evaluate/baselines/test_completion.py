"""Baselines of completion on half a box: the reflected half, the features of partial surfaces, and the nearest shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate.baselines import completion  # noqa: E402
from lift3d.evaluate.baselines.completion import (  # noqa: E402
    CloseHoles,
    NearestShape,
    add_reflection,
    merge_prediction,
    partial_feature,
)
from lift3d.geometry.completion.partial_surface import partial_surface  # noqa: E402
from lift3d.types import SymmetryPlane  # noqa: E402


def half_box() -> trimesh.Trimesh:
    """The half x > 3 of a box from (1, -0.5, 0) to (5, 0.5, 2), open at x = 3."""
    box = trimesh.creation.box((2, 1, 2))
    box.apply_translation((4, 0, 1))
    box.update_faces(box.triangles_center[:, 0] > 3 + 1e-9)
    return box


def test_half_a_box_and_its_reflection_are_the_box() -> None:
    whole = add_reflection(half_box(), SymmetryPlane(np.array([1.0, 0, 0]), 3.0, 1.0))
    whole.merge_vertices()
    assert whole.is_watertight and whole.is_winding_consistent
    assert whole.volume == pytest.approx(8)
    assert whole.bounds == pytest.approx(np.array([[1, -0.5, 0], [5, 0.5, 2]]))


@settings(max_examples=15, deadline=None)
@given(st.floats(0, 2 * np.pi), st.floats(-2, 2))
def test_the_reflection_of_a_solid_has_the_same_volume_on_the_other_side(angle: float, offset: float) -> None:
    solid = half_box().convex_hull
    plane = SymmetryPlane(np.array([np.cos(angle), np.sin(angle), 0]), offset, 1.0)
    both = add_reflection(solid, plane)
    assert both.volume == pytest.approx(2 * solid.volume) and both.is_winding_consistent
    normal, n = plane.normal, len(solid.vertices)
    heights = np.asarray(both.vertices) @ normal - offset
    assert heights[n:] == pytest.approx(-heights[:n], abs=1e-9)
    middle = (np.asarray(both.vertices)[:n] + np.asarray(both.vertices)[n:]) / 2
    assert middle @ normal == pytest.approx(np.full(n, offset), abs=1e-9)


def random_input(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    occupancy = np.kron(rng.random((1, 8, 8, 8)), np.ones((1, 8, 8, 8)))
    normals = np.kron(rng.normal(size=(3, 8, 8, 8)), np.ones((1, 8, 8, 8)))
    return np.concatenate([occupancy, normals, np.ones((1, 64, 64, 64))]).astype(np.float32)


def test_the_similarity_of_a_surface_to_itself_is_one_and_to_opposite_normals_less_by_one() -> None:
    one = random_input(0)
    opposite = one.copy()
    opposite[1:4] *= -1
    a, b = (partial_feature(x).astype(np.float32) for x in (one, opposite))
    assert len(a) == 16**3 + 3 * 8**3
    assert a @ a == pytest.approx(1, abs=1e-2)
    assert a @ b == pytest.approx(0, abs=1e-2)  # the halves have equal weights: 1/2 - 1/2


def test_the_feature_of_an_occupancy_is_a_slow_mean_of_blocks() -> None:
    one = random_input(1)
    feature = partial_feature(one).astype(np.float64)
    coarse = np.array([[[one[0, i : i + 4, j : j + 4, k : k + 4].mean() for k in range(0, 64, 4)]
                        for j in range(0, 64, 4)] for i in range(0, 64, 4)])  # fmt: skip
    expected = np.sqrt(coarse).ravel() / np.sqrt(coarse.sum()) / np.sqrt(2)
    assert feature[: 16**3] == pytest.approx(expected, rel=2e-3)
    normals = one[1:4, ::8, ::8, ::8].ravel()
    assert feature[16**3 :] == pytest.approx(
        normals / np.linalg.norm(normals) / np.sqrt(2), rel=5e-3, abs=1e-5
    )


def test_an_empty_input_has_a_zero_feature() -> None:
    assert not partial_feature(np.zeros((5, 64, 64, 64), np.float32)).any()


def test_a_part_that_cannot_be_merged_or_closed_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise InputError("not a solid")

    part = half_box()
    monkeypatch.setattr(completion, "merged_solid", fail)
    out = merge_prediction(partial_surface(part), None, 16)  # type: ignore[arg-type]
    assert out.bounds == pytest.approx(part.bounds) and out.area == pytest.approx(part.area)
    monkeypatch.setattr(completion, "MeshToSolid", lambda *a, **o: fail)
    assert CloseHoles(False).complete(part) is part


def test_closing_half_a_box_gives_it_a_face_and_its_reflection_the_other_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(completion, "MeshToSolid", lambda *a, **o: lambda mesh: mesh)
    fixed = SymmetryPlane(
        np.array([1.0, 0, 0]), -0.5, 1.0
    )  # the open side, in the frame of the partial surface
    monkeypatch.setattr(completion, "partial_symmetry_plane", lambda points, normals: fixed)
    part = half_box()
    known = partial_surface(part)
    expected = -0.5 * known.scale + known.centre[0]
    out = CloseHoles(True).complete(part)
    x = np.asarray(out.vertices)[:, 0]
    assert (x.min() + x.max()) / 2 == pytest.approx(expected)
    assert out.area == pytest.approx(2 * part.area)


@pytest.mark.slow
def test_the_nearest_shape_is_the_one_whose_partial_surface_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {(i, mode): random_input(10 * i + k) for i in range(4) for k, mode in enumerate(completion.MODES)}
    whole = {i: np.full((64, 64, 64), 10 * i, np.uint8) for i in range(4)}
    monkeypatch.setattr(
        completion, "training_pair", lambda train, i, rng, mode, flip: (parts[i, mode], whole[i])
    )
    monkeypatch.setattr(completion, "merge_prediction", lambda known, prediction, resolution: prediction)
    done: list[float] = []
    gallery = NearestShape([0] * 4, 2, 16, done.append)  # type: ignore[arg-type]
    assert gallery.gallery == [(i, mode) for i in (0, 2) for mode in completion.MODES]
    assert done[-1] == 1 and done == sorted(done)
    for i in (0, 2):
        monkeypatch.setattr(completion, "partial_voxels", lambda *a, i=i: parts[i, completion.MODES[-1]])
        assert gallery.complete(half_box()).values == pytest.approx(10 * i / 255)
