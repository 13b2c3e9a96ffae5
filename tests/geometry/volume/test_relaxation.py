"""Steps of the relaxation equal their matrix form; vertices stay in their boxes; volumes are restored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from lift3d.geometry.volume import relaxation
from lift3d.geometry.volume.net import Net, build_net

LOOKUP = np.arange(256, dtype=np.uint16)


def random_net(seed: int, labels: int = 4) -> tuple[np.ndarray, Net]:
    """A map of smooth random regions with some noise, and its net."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, labels, (3, 3, 3)).astype(np.uint8)
    coarse[0, 0, 0] = 1
    ids = coarse.repeat(3, 0).repeat(3, 1).repeat(3, 2)
    noise = rng.random(ids.shape) < 0.05
    ids[noise] = rng.integers(0, labels, noise.sum())
    return ids, build_net(ids, LOOKUP)


def sides(net: Net) -> set[tuple[int, int]]:
    """Directed pairs of vertices that are neighbours along a side of a polygon."""
    pairs = set()
    for corners in (*net.quads.tolist(), *net.polygons.tolist()):
        ring = [c for c in corners if c >= 0]
        for a, b in zip(ring, ring[1:] + ring[:1]):
            pairs |= {(a, b), (b, a)}
    return pairs


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_neighbours_and_junctions_equal_their_twin(seed: int) -> None:
    _, net = random_net(seed)
    neighbours, junction = relaxation.neighbour_table(net)
    pairs = sides(net)
    assert {(v, int(n)) for v, row in enumerate(neighbours) for n in row if n >= 0} == pairs
    met: list[set[int]] = [set() for _ in net.start]
    for corners, labels in ((net.quads, net.quad_labels), (net.polygons, net.polygon_labels)):
        for row, two in zip(corners.tolist(), labels.tolist()):
            for c in row:
                if c >= 0:
                    met[c] |= set(two)
    several = [len(m) > 2 for m in met]
    near = np.zeros(len(met), int)
    for a, b in pairs:
        near[a] += several[b]
    first = [s and n >= 2 for s, n in zip(several, near)]
    joined = {a for a, b in pairs if first[b]}
    assert junction.tolist() == [f and v in joined for v, f in enumerate(first)]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_steps_equal_their_matrix_form(seed: int) -> None:
    _, net = random_net(seed)
    neighbours, junction = relaxation.neighbour_table(net)
    pairs = [(a, b) for a, b in sides(net) if junction[b] or not junction[a]]
    rows, columns = np.array(pairs).T
    n = len(net.start)
    graph = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    laplacian = sparse.diags_array(1 / graph.sum(1)) @ graph - sparse.eye_array(n)
    rng = np.random.default_rng(seed)
    x = (net.low + (net.high - net.low) * rng.random((n, 3))).astype(np.float32)
    delta = np.empty_like(x)
    relaxation._laplacian(0, n, None, x, neighbours, junction, delta)
    np.testing.assert_allclose(delta, laplacian @ x, atol=1e-5)
    plate, membrane = x.copy(), x.copy()
    relaxation._plate_step(0, n, None, plate, delta, neighbours, junction, net.low, net.high)
    want = np.clip(x - 0.25 * (laplacian.T @ (laplacian @ x)), net.low, net.high)
    np.testing.assert_allclose(plate, want, atol=1e-5)
    relaxation._membrane_step(0, n, None, membrane, delta, net.low, net.high)
    np.testing.assert_allclose(membrane, np.clip(x + 0.6 * (laplacian @ x), net.low, net.high), atol=1e-5)


def areas_twin(net: Net, x: np.ndarray, matrix: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(volumes in voxels, areas between labels) from triangles around the mean of each polygon."""
    volume, areas = np.zeros(k), np.zeros((k, k))
    for corners, labels in ((net.quads, net.quad_labels), (net.polygons, net.polygon_labels)):
        for row, (a, b) in zip(corners, labels.tolist()):
            points = x[row[row >= 0]]
            mean, normal = points.mean(0), np.zeros(3)
            for p, q in zip(points, np.roll(points, -1, 0)):
                part = np.linalg.det(np.array([mean, p, q])) / 6
                volume[a] += part
                volume[b] -= part
                normal += np.cross(matrix @ (p - mean), matrix @ (q - mean)) / 2
            areas[a, b] += np.linalg.norm(normal)
    return volume, areas


@pytest.mark.parametrize("seed", [0, 1])
def test_volumes_and_areas_equal_their_twin(seed: int) -> None:
    _, net = random_net(seed)
    rng = np.random.default_rng(seed)
    x = net.low + (net.high - net.low) * rng.random(net.start.shape)
    matrix = rng.normal(size=(3, 3)) + 2 * np.eye(3)
    volume, areas = np.zeros(4), np.zeros((4, 4))
    cofactor = np.linalg.inv(matrix).T * abs(np.linalg.det(matrix))
    for corners, labels in ((net.quads, net.quad_labels), (net.polygons, net.polygon_labels)):
        relaxation._measure(x, corners, labels, cofactor, volume, areas)
    want_volume, want_areas = areas_twin(net, x, matrix, 4)
    np.testing.assert_allclose(volume, want_volume, atol=1e-4)
    np.testing.assert_allclose(areas, want_areas, atol=1e-4)
    np.testing.assert_allclose(relaxation.net_volumes(net, x, matrix, 3), want_volume[1:], atol=1e-4)


def test_at_its_start_a_net_has_the_volume_of_its_voxels() -> None:
    ids = np.zeros((9, 9, 9), np.uint8)
    ids[2:5, 2:7, 3:6], ids[5:7, 2:7, 3:6] = 1, 2
    net = build_net(ids, LOOKUP)
    np.testing.assert_allclose(relaxation.net_volumes(net, net.start, np.diag([1.0, 2, 3]), 2), [45, 30])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=8, deadline=None)
def test_relaxed_vertices_stay_in_their_boxes_and_volumes_are_kept(seed: int) -> None:
    ids, net = random_net(seed)
    wanted = np.array([(ids == n).sum() for n in range(1, ids.max() + 1)], float)
    matrix = np.random.default_rng(seed).normal(size=(3, 3)) + 3 * np.eye(3)
    x = relaxation.relax(net, matrix, wanted)
    assert (x >= net.low).all() and (x <= net.high).all()
    found = relaxation.net_volumes(net, x.astype(np.float32), matrix, len(wanted))
    present = wanted > 20
    np.testing.assert_allclose(found[present], wanted[present], rtol=0.03)


def test_restoring_moves_the_surface_along_its_normals() -> None:
    ids = np.zeros((30, 30, 30), np.uint8)
    ids[5:25, 5:25, 5:25] = 1
    net = build_net(ids, LOOKUP)
    x = net.start.copy()
    relaxation.restore_volumes(net, x, np.diag([1.0, 2.0, 0.5]), np.array([8000.0 + 20 * 20 * 6 * 0.1]))
    found = relaxation.net_volumes(net, x, np.eye(3), 1)[0]
    assert found == pytest.approx(8240, rel=2e-3)
    middle = np.abs(x - 14.5) < 5
    grown = np.abs(x - 14.5).max(1)[middle.sum(1) == 2] - 10
    assert set(np.round(grown / grown.max(), 2)) == {0.25, 0.5, 1.0}  # in indices: the same millimetres


@pytest.mark.slow
def test_maps_of_many_small_regions_relax_to_finite_places() -> None:
    rng = np.random.default_rng(2)
    for share in (0.3, 0.7, 0.95):
        ids = rng.integers(1, 40, (16, 16, 16)).astype(np.uint8)
        ids[rng.random(ids.shape) < share] = 0
        net = build_net(ids, LOOKUP)
        neighbours, junction = relaxation.neighbour_table(net)
        assert all(junction[[n for n in neighbours[v] if n >= 0]].any() for v in np.flatnonzero(junction))
        wanted = np.bincount(ids.ravel(), minlength=40)[1:].astype(float)
        assert np.isfinite(relaxation.relax(net, np.eye(3), wanted, 8)).all()
