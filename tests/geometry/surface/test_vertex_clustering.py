"""Vertex clustering: far fewer faces, the surface stays where it was, planes stay exact."""

import numpy as np
import trimesh

from lift3d.geometry.mesh.components import select_faces
from lift3d.geometry.surface.vertex_clustering import cluster_vertices


def test_a_ball_keeps_its_shape() -> None:
    ball = trimesh.creation.icosphere(6)
    v, f = cluster_vertices(np.asarray(ball.vertices), np.asarray(ball.faces, np.int32), 0.1)
    assert len(f) < len(ball.faces) / 10
    assert np.abs(np.linalg.norm(v, axis=1) - 1).max() < 0.02
    normal = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    assert ((normal * v[f].mean(1)).sum(1) > -1e-6).mean() > 0.98


def test_edges_of_a_box_stay_sharp() -> None:
    box = trimesh.creation.box().subdivide_to_size(0.02)
    v, f = cluster_vertices(np.asarray(box.vertices), np.asarray(box.faces, np.int32), 0.13)
    assert np.abs(np.abs(v).max(1) - 0.5).max() < 2e-3 and len(f) < 2000
    assert np.abs(trimesh.Trimesh(v, f).area - 6) < 0.1


def test_a_fine_mesh_below_the_cell_stays() -> None:
    box = trimesh.creation.box()
    v, f = cluster_vertices(np.asarray(box.vertices), np.asarray(box.faces, np.int32), 0.01)
    assert len(v) == 8 and len(f) == 12 and np.allclose(np.abs(v), 0.5)


def test_open_borders_stay_where_they_are() -> None:
    """A disc with a staircase for a border, as marching cubes leaves it, keeps its area and its edge."""
    n = 101
    x, y = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    v = np.column_stack([x.ravel(), y.ravel(), np.zeros(n * n)]) / 50 - [1, 1, 0]
    a = (n * x + y)[:-1, :-1].ravel()
    f = np.concatenate([np.column_stack([a, a + n, a + 1]), np.column_stack([a + 1, a + n, a + n + 1])])
    v, f, *_ = select_faces(v, f.astype(np.int32), np.linalg.norm(v[f].mean(1), axis=1) < 0.9)
    p, g = cluster_vertices(v, f, 0.06)
    before, after = (trimesh.Trimesh(*m, process=False).area for m in ((v, f), (p, g)))
    assert len(g) < len(f) / 5 and abs(after / before - 1) < 0.003
    assert np.abs(p[:, 2]).max() < 1e-9


def test_no_faces_stay_no_faces() -> None:
    v, f = cluster_vertices(np.zeros((0, 3)), np.zeros((0, 3), np.int32), 1.0)
    assert len(v) == len(f) == 0
