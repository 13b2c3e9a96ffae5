"""Surfaces of label maps and thresholds: accurate on analytic bodies, closed, shared between neighbours, with true volumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_arrays, inspect_solid
from lift3d.geometry.volume.surfaces import (
    labels_to_meshes,
    labels_to_surfaces,
    threshold_to_mesh,
    threshold_to_surface,
)
from lift3d.geometry.volume.thresholds import NAMED, Threshold
from lift3d.types import Labels, Mesh, Volume

TURN = Rotation.from_rotvec([0.4, -0.7, 0.55]).as_matrix()
MATRICES = {
    "1 mm": np.eye(3),
    "mirrored": np.diag([-1.0, -1.0, -1.0]),
    "tilted gantry": np.array([[1.0, 0, 0], [0, 1, 0.25], [0, 0, 1]]),
    "oblique": 1.1 * TURN,
    "slices of 3 mm": np.diag([0.8, -0.8, 3.0]),
    "slices of 5 mm": np.diag([1.0, 1.0, 5.0]),
}


def sampled(matrix: np.ndarray, half: float = 26.0) -> tuple[np.ndarray, np.ndarray]:
    """(places (I, J, K, 3) of voxel centres that cover a cube of this half side around 0, affine)."""
    corners = np.array(np.meshgrid(*[(-half, half)] * 3)).reshape(3, 8)
    index = np.linalg.solve(matrix, corners)
    low, high = np.floor(index.min(1)) + 0.37, np.ceil(index.max(1))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, matrix @ low
    n = (high - low).astype(int) + 1
    ijk = np.stack(np.meshgrid(*[np.arange(k) for k in n], indexing="ij"), -1)
    return ijk @ matrix.T + affine[:3, 3], affine


def torus(p: np.ndarray) -> np.ndarray:
    """Distance from an oblique torus of radii 15 and 7."""
    q = p @ TURN
    return np.hypot(np.hypot(q[..., 0], q[..., 1]) - 15, q[..., 2]) - 7


def normal_error(mesh: Mesh, body) -> float:  # type: ignore[no-untyped-def]
    """Mean angle in degrees between the faces and the body, by area."""
    centre, area = mesh.triangles_center, mesh.area_faces
    gradient = np.stack([body(centre + 1e-4 * e) - body(centre - 1e-4 * e) for e in np.eye(3)], -1)
    gradient /= np.linalg.norm(gradient, axis=1, keepdims=True)
    t = mesh.triangles
    normal = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]) / np.maximum(2 * area[:, None], 1e-12)
    angle = np.degrees(np.arccos(np.clip((gradient * normal).sum(1), -1, 1)))
    return float(np.average(angle, weights=area))


def solid(mesh: Mesh) -> bool:
    """Closed, oriented, of positive volume and without self-intersection; parts may be of any size."""
    report = inspect_arrays(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    return report.closed and report.oriented and report.positive_volume and report.no_self_intersection


@pytest.mark.parametrize("name", MATRICES)
def test_an_oblique_torus_is_accurate_on_any_grid(name: str) -> None:
    places, affine = sampled(MATRICES[name])
    distance = torus(places)
    one = labels_to_surfaces(Labels.of((distance < 0).astype(np.uint8), affine))[1]
    thick = "slices" in name
    assert inspect_solid(one.mesh).is_solid
    assert one.volume_ml == pytest.approx(one.voxel_ml, rel=2e-3) and one.parts == 1 and not one.cut
    assert one.volume_ml * 1000 == pytest.approx(2 * np.pi**2 * 15 * 49, rel=0.02)
    assert one.area_mm2 == pytest.approx(4 * np.pi**2 * 15 * 7, rel=0.04 if thick else 0.02)
    assert normal_error(one.mesh, torus) < (12 if "5" in name else 8 if thick else 3.3)
    values = (-np.clip(distance, -4, 4) * 200).astype(np.int16)
    other = threshold_to_surface(Volume.of(values, affine), Threshold(0.5))
    assert inspect_solid(other.mesh).is_solid and other.volume_ml == pytest.approx(other.voxel_ml, rel=3e-3)
    assert normal_error(other.mesh, torus) < (9 if "5" in name else 6 if thick else 3)


@pytest.mark.parametrize("name", ["mirrored", "slices of 3 mm"])
def test_without_smoothing_a_threshold_lies_on_the_level_set(name: str) -> None:
    places, affine = sampled(MATRICES[name])
    one = threshold_to_surface(
        Volume.of((-torus(places)).astype(np.float32), affine), Threshold(0.0), smooth=0
    )
    assert np.abs(torus(np.asarray(one.mesh.vertices))).mean() < (0.1 if "3" in name else 0.02)


def test_neighbours_share_their_vertices_and_faces() -> None:
    places, affine = sampled(np.diag([2.0, 2.0, 2.5]))
    inside = torus(places) < 0
    ids = np.where(inside, np.where(places[..., 0] < 3, 4, 9), 0).astype(np.uint16)
    ids[inside & (places[..., 1] > 5)] = 300
    meshes = labels_to_meshes(Labels.of(ids, affine))
    assert sorted(meshes) == [4, 9, 300] and all(solid(m) for m in meshes.values())
    vertices, row = np.unique(
        np.concatenate([m.vertices for m in meshes.values()]), axis=0, return_inverse=True
    )
    begin = np.cumsum([0] + [len(m.vertices) for m in meshes.values()])
    faces = np.concatenate([row.ravel()[m.faces + n] for m, n in zip(meshes.values(), begin)])
    which = np.repeat(np.arange(3), [len(m.faces) for m in meshes.values()])
    _, group, count = np.unique(np.sort(faces, 1), axis=0, return_inverse=True, return_counts=True)
    inner = count[group.ravel()] == 2
    assert count.max() == 2 and all(inner[which == n].sum() > 20 for n in range(3))
    outer = faces[~inner]  # without the faces between labels: the surface of all of them
    whole = inspect_arrays(vertices, outer)
    assert whole.closed and whole.oriented and whole.no_self_intersection
    assert sum(m.volume for m in meshes.values()) == pytest.approx((ids > 0).sum() * 10, rel=3e-3)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_random_labels_give_solids_under_any_affine(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, rng.integers(2, 6), rng.integers(1, 8, 3)).astype(np.uint8)
    if not ids.any():
        return
    affine = np.eye(4)
    affine[:3, :3] = rng.normal(size=(3, 3)) * np.exp(0.4 * rng.normal(size=3))
    if np.linalg.cond(affine[:3, :3]) > 20:
        affine[:3, :3] = np.diag([-1, 1, 2])
    affine[:3, 3] = 100 * rng.normal(size=3)
    labels = Labels.of(ids, affine)
    surfaces = labels_to_surfaces(labels)
    assert tuple(surfaces) == labels.present and all(solid(s.mesh) for s in surfaces.values())


def test_a_wall_of_one_voxel_stays_closed() -> None:
    places, affine = sampled(np.eye(3), 20)
    shell = np.abs(np.linalg.norm(places, axis=-1) - 15) < 0.87  # connected through corners
    one = labels_to_surfaces(Labels.of(shell.astype(np.uint8), affine))[1]
    report = inspect_solid(one.mesh)
    assert report.is_solid and report.counts["components"] == 2 and report.counts["cavities"] == 1
    assert one.volume_ml == pytest.approx(one.voxel_ml, rel=0.03)


def spots() -> np.ndarray:
    """Three blocks of 125, 27 and 1 voxels; a hollow of 8 in a fourth of 216."""
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[1:6, 1:6, 1:6] = mask[8:11, 8:11, 8:11] = 1
    mask[18, 18, 1] = 1
    mask[12:18, 1:7, 12:18] = 1
    mask[14:16, 3:5, 14:16] = 0
    return mask


def test_parts_and_cavities_are_dropped_and_filled_only_if_asked_and_listed() -> None:
    labels = Labels.of(spots(), np.diag([10.0, 10, 10, 1]))  # a voxel is 1 ml
    one = labels_to_surfaces(labels)[1]
    assert one.parts == 4 and one.dropped_ml == one.filled_ml == () and one.voxel_ml == pytest.approx(361)
    one = labels_to_surfaces(labels, min_part=20, fill_cavities=True)[1]
    assert one.parts == 3 and one.dropped_ml == pytest.approx((1,)) and one.filled_ml == pytest.approx((8,))
    one = labels_to_surfaces(labels, largest=True)[1]
    assert one.voxel_ml == pytest.approx(208) and one.dropped_ml == pytest.approx((125, 27, 1))
    volume = Volume.of(spots().astype(np.int16) * 100, labels.affine, "HU")
    one = threshold_to_surface(volume, Threshold(50, largest=True, fill_cavities=True))
    assert one.voxel_ml == pytest.approx(216) and one.filled_ml == pytest.approx((8,)) and one.parts == 1
    assert (labels.ids == spots()).all()
    with pytest.raises(InputError, match="none of the 4 parts is left; the largest has 208 ml"):
        labels_to_surfaces(labels, min_part=1000)


def test_hysteresis_keeps_what_touches_a_seed() -> None:
    values = spots().astype(np.int16) * 100
    values[2, 2, 2] = 300
    one = threshold_to_surface(Volume.of(values, np.diag([10.0, 10, 10, 1])), Threshold(50, seed=250))
    assert one.voxel_ml == pytest.approx(125) and one.dropped_ml == pytest.approx((208, 27, 1))


def test_lung_is_the_air_that_does_not_reach_the_sides() -> None:
    values = np.full((30, 30, 12), -1000, np.int16)
    values[4:26, 4:26] = 40
    values[8:13, 8:20], values[17:22, 8:20, 2:] = -800, -850
    one = threshold_to_surface(Volume.of(values, np.diag([2.0, 2, 2, 1]), "HU"), NAMED["lung"])
    assert (
        one.parts == 2 and one.cut and one.voxel_ml == pytest.approx(8 * (5 * 12 * 12 + 5 * 12 * 10) / 1000)
    )
    skin = threshold_to_surface(Volume.of(values, np.diag([2.0, 2, 2, 1]), "HU"), NAMED["skin"])
    assert skin.parts == 1 and skin.cut


def test_chosen_labels_and_large_ids() -> None:
    ids = np.zeros((9, 9, 9), np.uint32)
    ids[1:4, 1:8, 1:8], ids[4:8, 1:8, 1:8], ids[0, 0, 0] = 70000, 5, 2**32 - 1
    labels = Labels.of(ids, np.eye(4), {5: "liver"})
    assert sorted(labels_to_meshes(labels)) == [5, 70000, 2**32 - 1]
    two = labels_to_surfaces(labels, [70000, 5])
    assert list(two) == [70000, 5] and two[5].voxel_ml == pytest.approx(0.196)
    with pytest.raises(InputError, match="no voxel of label 6"):
        labels_to_surfaces(labels, [6])
    with pytest.raises(InputError, match="empty"):
        labels_to_surfaces(Labels.of(np.zeros((2, 2, 2), np.uint8), np.eye(4)))


def test_nothing_or_everything_inside_is_refused_with_the_range() -> None:
    values = np.zeros((5, 5, 5), np.int16)
    values[2, 2, 2] = 80
    with pytest.raises(InputError, match="no voxel is above 226; the values go from 0 to 80: Otsu"):
        threshold_to_mesh(Volume.of(values, np.eye(4)), 226)
    with pytest.raises(InputError, match="every voxel is in the range -5 to 90"):
        threshold_to_mesh(Volume.of(values, np.eye(4)), -5, 90)


def test_progress_is_reported() -> None:
    seen: list[float] = []
    labels_to_surfaces(Labels.of(spots(), np.eye(4)), smooth=2, progress=seen.append)
    assert seen == sorted(seen) and seen[0] > 0 and seen[-1] <= 1


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 0, 2)])
def test_the_order_of_an_array_in_memory_does_not_matter(order: tuple[int, ...]) -> None:
    places, affine = sampled(np.diag([2.0, -2.5, 3]))
    ids = (torus(places) < 0).astype(np.uint8)
    want = labels_to_surfaces(Labels.of(ids, affine))[1]
    other = np.ascontiguousarray(ids.transpose(order)).transpose(np.argsort(order))
    assert not other.flags.c_contiguous
    one = labels_to_surfaces(Labels.of(other, affine))[1]
    assert solid(one.mesh) and one.volume_ml == pytest.approx(want.volume_ml, rel=1e-4)
    flipped = affine.copy()
    flipped[:3, 3] += affine[:3, 0] * (ids.shape[0] - 1)
    flipped[:3, 0] *= -1
    backward = labels_to_surfaces(Labels.of(ids[::-1], flipped))[1]
    np.testing.assert_allclose(np.sort(backward.mesh.vertices, 0), np.sort(want.mesh.vertices, 0), atol=0.01)
