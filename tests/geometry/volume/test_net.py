"""The net of a label map equals its readable twin; its triangles form solids wherever the vertices stand in their boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surface_net_twin import from_least, net_polygons, regular, winner

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.volume.cells import REGULAR, classify_cell
from lift3d.geometry.volume.net import Net, build_net
from lift3d.geometry.volume.net_kernels import FLAT
from lift3d.geometry.volume.triangles import triangulate

LOOKUP = np.arange(256, dtype=np.uint16)


def random_labels(seed: int, most: int = 6) -> np.ndarray:
    """A small map of random labels, partly background."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, most, 3))
    ids = rng.integers(0, rng.integers(2, 8), shape).astype(np.uint8)
    ids[rng.random(shape) < rng.random()] = 0
    return ids


def polygons_of(net: Net) -> list[tuple[int, int, tuple[tuple[float, ...], ...]]]:
    """Every polygon of a net at its start, as the twin gives them."""
    out = []
    for corners, labels in ((net.quads, net.quad_labels), (net.polygons, net.polygon_labels)):
        for row, (a, b) in zip(corners, labels.tolist()):
            points = np.round(net.start[row[row >= 0]].astype(float), 6)
            out.append((a, b, from_least(tuple(map(tuple, points.tolist())))))
    return sorted(out)


def solid(v: np.ndarray, f: np.ndarray) -> bool:
    """Closed, oriented, of positive volume and without self-intersection; parts may be of any size."""
    report = inspect_arrays(v, f)
    return report.closed and report.oriented and report.positive_volume and report.no_self_intersection


def faces_around(f: np.ndarray, labels: np.ndarray, one: int) -> np.ndarray:
    """The faces of one label, outward."""
    return np.concatenate([f[labels[:, 0] == one], f[labels[:, 1] == one][:, ::-1]])


def test_table_of_regular_cells_equals_counting_components() -> None:
    for mask in range(256):
        corners = np.array([mask >> c & 1 for c in range(8)]).reshape(2, 2, 2).transpose(2, 1, 0)
        assert REGULAR[mask] == (mask == 0 or regular(corners)), mask


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_cells_equal_their_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, rng.integers(2, 6), 8).astype(np.uint16)
    if len(set(corners.tolist())) == 1:
        return
    cube = corners.reshape(2, 2, 2).transpose(2, 1, 0).astype(int)
    state, label = classify_cell(corners, REGULAR)
    assert (state == 1) == regular(cube) and label == winner(cube)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_net_equals_its_twin(seed: int) -> None:
    ids = random_labels(seed, 5)
    if ids.any():
        want = sorted(
            (a, b, from_least(tuple(tuple(np.round(p, 6).tolist()) for p in c)))
            for a, b, c in net_polygons(ids)
        )
        assert polygons_of(build_net(ids, LOOKUP)) == want


@given(st.integers(0, 2**32 - 1), st.sampled_from(["start", "random", "corners", "quarters"]))
@settings(max_examples=60, deadline=None)
def test_every_label_is_solid_wherever_the_vertices_stand_in_their_boxes(seed: int, where: str) -> None:
    rng = np.random.default_rng(seed)
    ids = random_labels(seed, 7)
    net = build_net(ids, LOOKUP)
    u = rng.random(net.start.shape)
    t = {"random": u, "corners": np.round(u), "quarters": np.round(4 * u) / 4}.get(where, u)
    x = (
        net.start
        if where == "start"
        else np.clip((net.low + (net.high - net.low) * t).astype(np.float32), net.low, net.high)
    )
    v, f, labels = triangulate(net, x.astype(np.float64), np.diag(rng.random(3) + 0.1))
    matrix = rng.normal(size=(3, 3)) + np.eye(3) * 2
    if np.linalg.cond(matrix) > 30:
        matrix = np.eye(3)
    if np.linalg.det(matrix) < 0:
        matrix[:, 0] *= -1
    v = v @ matrix.T + rng.normal(size=3) * 100
    for one in set(ids.ravel().tolist()) - {0}:
        assert solid(v, faces_around(f, labels, one))


def test_a_net_does_not_depend_on_the_number_of_threads() -> None:
    import numba

    ids = np.random.default_rng(0).integers(0, 4, (40, 9, 8)).astype(np.uint8)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = build_net(ids, LOOKUP)
    finally:
        numba.set_num_threads(before)
    two = build_net(ids, LOOKUP)
    assert all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(two).values()))


def test_a_box_is_a_net_of_quads_of_its_own_size() -> None:
    ids = np.zeros((8, 8, 8), np.uint8)
    ids[2:5, 3:5, 1:6] = 9
    net = build_net(ids, np.where(LOOKUP == 9, 1, 0).astype(np.uint16))
    assert len(net.quads) == 2 * (3 * 2 + 2 * 5 + 5 * 3) and len(net.polygons) == 0
    np.testing.assert_array_equal(net.start.min(0), [1.5, 2.5, 0.5])
    np.testing.assert_array_equal(net.start.max(0), [4.5, 4.5, 5.5])


def test_two_voxels_that_share_a_corner_or_an_edge_are_joined() -> None:
    for other in ((1, 1, 1), (1, 1, 0), (0, 1, 1)):
        ids = np.zeros((2, 2, 2), np.uint8)
        ids[0, 0, 0] = ids[other] = 1
        net = build_net(ids, LOOKUP)
        v, f, labels = triangulate(net, net.start.astype(float), np.eye(3))
        assert (net.polygon_axis == FLAT).any()
        report = inspect_arrays(v, faces_around(f, labels, 1))
        assert report.is_solid and report.counts["components"] == 1


@pytest.mark.slow
def test_noise_of_a_larger_map_is_solid() -> None:
    ids = np.random.default_rng(4).integers(0, 3, (24, 24, 24)).astype(np.uint8)
    net = build_net(ids, LOOKUP)
    v, f, labels = triangulate(net, net.start.astype(float), np.eye(3))
    assert all(solid(v, faces_around(f, labels, one)) for one in (1, 2))
