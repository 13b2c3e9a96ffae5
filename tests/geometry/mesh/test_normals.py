"""Face normals, and corner normals on analytic surfaces."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.normals import corner_normals, face_normals


def brute_corner_normals(v: np.ndarray, f: np.ndarray, crease: float) -> np.ndarray:
    """Slow twin: for every corner a loop over all corners at the same position."""
    area = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    size = np.linalg.norm(area, axis=1)
    out = np.zeros((len(f), 3, 3))
    for i in range(len(f)):
        for k in range(3):
            total = np.zeros(3)
            for j in range(len(f)):
                alike = area[i] @ area[j] >= np.cos(np.radians(crease)) * size[i] * size[j]
                if alike and (v[f[j]] == v[f[i, k]]).all(1).any():
                    total += area[j]
            out[i, k] = total / np.linalg.norm(total)
    return out


def test_face_normals_of_a_box_are_the_axes_and_zero_without_area() -> None:
    box = trimesh.creation.box()
    v, f = np.asarray(box.vertices), np.asarray(box.faces)
    n = face_normals(v, f)
    assert np.allclose(np.abs(n).max(1), 1) and np.allclose(np.linalg.norm(n, axis=1), 1)
    assert ((v[f].mean(1) * n).sum(1) > 0).all(), "outward"
    assert (face_normals(v, np.array([[0, 0, 1]])) == 0).all()


def test_corner_normals_of_a_sphere_point_along_its_radius() -> None:
    ball = trimesh.creation.icosphere(3)
    n = corner_normals(np.asarray(ball.vertices), np.asarray(ball.faces))
    radial = np.asarray(ball.vertices)[np.asarray(ball.faces)]
    assert n.dtype == np.float32 and (n * radial).sum(2).min() > 0.999


def test_corner_normals_of_a_box_are_those_of_its_faces() -> None:
    box = trimesh.creation.box()
    v, f = np.asarray(box.vertices), np.asarray(box.faces)
    assert np.allclose(corner_normals(v, f), np.repeat(face_normals(v, f)[:, None], 3, 1))
    smooth = corner_normals(v, f, crease=100)
    assert np.allclose(np.abs(smooth).min(2), np.abs(smooth).min(2)) and (np.abs(smooth).min(2) > 0.2).all()


@pytest.mark.parametrize("crease", [20.0, 40.0, 120.0])
def test_corner_normals_equal_a_slow_twin_also_across_seams(crease: float) -> None:
    rng = np.random.default_rng(3)
    mesh = trimesh.creation.icosphere(1)
    v, f = np.asarray(mesh.vertices) + rng.normal(0, 0.1, (42, 3)), np.asarray(mesh.faces)
    expected = brute_corner_normals(v, f, crease)
    assert np.allclose(corner_normals(v, f, crease), expected, atol=1e-5)
    split = v[f].reshape(-1, 3)  # every face has its own vertices, as at texture seams
    assert np.allclose(
        corner_normals(split, np.arange(len(split)).reshape(-1, 3), crease), expected, atol=1e-5
    )


def test_no_faces_have_no_normals() -> None:
    assert corner_normals(np.zeros((0, 3)), np.zeros((0, 3), int)).shape == (0, 3, 3)
    assert face_normals(np.zeros((0, 3)), np.zeros((0, 3), int)).shape == (0, 3)
