"""Marching cubes on sparse blocks: closed where the field is, of the right volume, a manifold on noise, open at the unseen."""

import numpy as np
import pytest
import trimesh

from lift3d.geometry.rgbd import sparse_kernels as kernels
from lift3d.geometry.rgbd.sparse_marching_cubes import _COUNT, _TRIANGLES, MOST, extract_surface
from lift3d.geometry.rgbd.sparse_volume import SparseVolume


def volume_of(field, n: int = 4, voxel: float = 0.05, least: float = 1.0) -> SparseVolume:  # type: ignore[no-untyped-def]
    """A volume of (2 n)^3 blocks with the values field(xyz)."""
    volume = SparseVolume(voxel, 0.1)
    places = np.stack(np.meshgrid(*[np.arange(-n, n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    volume.allocate(np.array(sorted(kernels.pack(*map(int, p)) for p in places), np.int64))
    index = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    xyz = (8 * kernels.unpack(volume.keys)[:, None] + index) * voxel
    volume.distance[:] = field(xyz)
    volume.weight[:] = least
    volume.colour[:] = 100 * (xyz > 0)
    return volume


def _ball(xyz: np.ndarray) -> np.ndarray:
    return np.linalg.norm(xyz - 0.013, axis=-1) - 1.1


def test_a_ball_is_closed_and_has_its_volume() -> None:
    v, f, c = extract_surface(volume_of(_ball), 0.5)
    mesh = trimesh.Trimesh(v, f, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 1.1**3, rel=5e-3)
    assert np.abs(np.linalg.norm(v - 0.013, axis=1) - 1.1).max() < 0.002
    assert (c[v.min(1) > 0.06] == 100).all() and (c[v.max(1) < -0.06] == 0).all()


def test_noise_gives_an_oriented_manifold() -> None:
    rng = np.random.default_rng(0)
    v, f, _ = extract_surface(volume_of(lambda xyz: rng.normal(size=xyz.shape[:-1]), 2), 0.5)
    edges = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    assert len(np.unique(edges, axis=0)) == len(edges)  # each directed edge once
    _, count = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    assert count.max() == 2


def test_the_surface_ends_where_nothing_was_seen() -> None:
    volume = volume_of(_ball)
    index = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    z = (8 * kernels.unpack(volume.keys)[:, None] + index)[..., 2] * 0.05
    volume.weight[z > 0.3] = 0
    v, f, _ = extract_surface(volume, 0.5)
    assert v[f.reshape(-1), 2].max() <= 0.3 + 1e-6 and not trimesh.Trimesh(v, f, process=False).is_watertight


def test_cells_of_two_halves_make_the_whole() -> None:
    volume = volume_of(_ball, 3)
    own = kernels.unpack(volume.keys)[:, 0] < 0
    parts = [extract_surface(volume, 0.5, mine) for mine in (own, ~own)]
    assert sum(len(f) for _, f, _ in parts) == len(extract_surface(volume, 0.5)[1])


def test_every_pattern_separates_inside_from_outside() -> None:
    """Each triangle has its three corners on crossed edges; a pattern and its complement cross the same edges."""
    for code in range(256):
        used = set()
        for triangle in _TRIANGLES[code, : _COUNT[code]]:
            for edge in triangle.tolist():
                a, b = edge & 7, (edge & 7) | 1 << (edge >> 3)
                assert (code >> a & 1) != (code >> b & 1) and a != b
                used.add((a, b))
        crossed = {(a, a | 1 << k) for a in range(8) for k in range(3) if not a >> k & 1}
        crossed = {(a, b) for a, b in crossed if (code >> a & 1) != (code >> b & 1)}
        assert used == crossed and _COUNT[code] <= MOST


def test_an_empty_volume_has_no_surface() -> None:
    v, f, c = extract_surface(SparseVolume(0.1, 0.3), 0.5)
    assert len(v) == len(f) == len(c) == 0
