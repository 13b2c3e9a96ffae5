"""The rasteriser against a slow ray-triangle twin and against analytic depths."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.camera.projection import pixel_rays
from lift3d.geometry.render.rasterizer import depth_map, rasterize, visible_points
from lift3d.types import Camera


def camera(width=40, height=30, focal=35.0, pose=None, shift=(0.3, -0.2)):
    return Camera(
        width, height, focal, focal * 1.05, width / 2 + shift[0], height / 2 + shift[1],
        np.eye(4) if pose is None else pose,
    )  # fmt: skip


def pose_at(z):
    pose = np.eye(4)
    pose[2, 3] = z
    return pose


def twin(cam, v, f, near=0.0):
    """Moeller-Trumbore ray-triangle intersection, pixel by pixel, face by face: depths (F, H, W)"""
    p = v @ cam.R.T + cam.t
    rays = pixel_rays(cam)
    depths = np.full((len(f), cam.height, cam.width), np.inf)
    margin = np.full_like(depths, np.inf)
    for i, (a, b, c) in enumerate(p[np.asarray(f)]):
        e1, e2 = b - a, c - a
        for row in range(cam.height):
            for column in range(cam.width):
                h = np.cross(rays[row, column], e2)
                det = e1 @ h
                if abs(det) < 1e-12:
                    continue
                s = -a
                s1, q = s @ h / det, np.cross(s, e1)
                s2, z = rays[row, column] @ q / det, e2 @ q / det
                margin[i, row, column] = np.abs([s1, s2, 1 - s1 - s2, z - near]).min()
                if s1 >= 0 and s2 >= 0 and s1 + s2 <= 1 and z > near:
                    depths[i, row, column] = z
    return depths, margin.min(0)


def agree(cam, v, f, near=0.0):
    face_id, z, bary = rasterize(cam, v, f, near)
    depths, margin = twin(cam, v, f, near)
    truth = depths.min(0)
    sure = margin > 1e-7  # away from the edges of every face, where rounding decides
    hit = face_id >= 0
    np.testing.assert_array_equal(hit[sure], np.isfinite(truth)[sure])
    both = sure & hit
    np.testing.assert_allclose(z[both], truth[both], rtol=2e-6)
    assert (z[~hit] == 0).all() and (bary[~hit] == 0).all()
    if not both.any():
        return
    rows, columns = np.nonzero(both)
    own = depths[face_id[both], rows, columns]
    np.testing.assert_allclose(own, truth[both], rtol=2e-6)  # the face named is the face at that depth
    corners = (v @ cam.R.T + cam.t)[f[face_id[both]]]
    points = (corners * bary[both][:, :, None]).sum(1)
    np.testing.assert_allclose(
        points, pixel_rays(cam)[both] * z[both][:, None], atol=1e-5 * np.abs(corners).max()
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
@pytest.mark.slow
def test_equals_the_twin_on_random_faces(seed, faces, behind):
    """Also faces that cross the camera plane or lie behind it, drawn without any clipping."""
    rng = np.random.default_rng(seed)
    v = rng.normal(size=(3 * faces, 3)) * [1, 1, 1.5 if behind else 0.3] + [0, 0, 0.5 if behind else 2]
    agree(camera(16, 12, 12.0), v, rng.permutation(3 * faces).reshape(-1, 3).astype(np.int32))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 2.0))
@pytest.mark.slow
def test_the_near_plane_cuts(seed, near):
    v = np.random.default_rng(seed).normal(size=(6, 3)) + [0, 0, 1]
    cam = camera(16, 12, 12.0)
    f = np.arange(6, dtype=np.int32).reshape(2, 3)
    agree(cam, v, f, near)
    z = depth_map(cam, v, f, near)
    assert (z[z > 0] >= near).all()


def test_slanted_plane_has_the_analytic_depth_everywhere():
    """n . X = d under the camera and through its plane: a floor seen to the horizon, one pixel at a time."""
    cam = camera(64, 48, 50.0)
    v = np.array([[-1e4, 1.0, -1e4], [1e4, 1.0, -1e4], [1e4, 1.0, 1e4], [-1e4, 1.0, 1e4]])
    face_id, z, _ = rasterize(cam, v, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    down = pixel_rays(cam)[..., 1]
    truth = np.where(down > 0, 1 / np.where(down > 0, down, 1), 0)
    seen = (down > 1e-3) & (np.abs(pixel_rays(cam)[..., 0] * truth) < 1e4)
    np.testing.assert_allclose(z[seen], truth[seen], rtol=1e-6)
    assert (face_id[down < 0] == -1).all()


def test_sphere_depth_is_within_its_sagitta():
    sphere = trimesh.creation.icosphere(subdivisions=5)
    cam = camera(200, 160, 180.0, pose_at(4.0))
    face_id, z, _ = rasterize(cam, sphere.vertices, sphere.faces)
    rays = pixel_rays(cam)
    a, b = (rays**2).sum(-1), rays[..., 2] * 4.0
    disc = b**2 - a * (16 - 1)
    truth = np.where(disc > 0, (b - np.sqrt(np.maximum(disc, 0))) / a, 0)
    core = disc > 0.3
    assert (np.abs(z - truth)[core] < 2e-3).all() and (z[core] >= truth[core] - 1e-6).all()
    assert (z[disc < 0] == 0).all()
    facing = np.einsum("ij,ij->i", sphere.face_normals[face_id[core]], rays[core])
    assert (facing < 0).all()  # only the outside of the front is seen


@pytest.mark.slow
def test_closed_surface_leaves_no_pinhole():
    """Every pixel inside the silhouette is covered, also where edges and corners meet pixel centres."""
    n = 16
    x, y = np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0))
    v = np.stack([x.ravel() + 0.5, y.ravel() + 0.5, np.ones(x.size)], 1)
    i = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    f = np.concatenate([np.stack([i, i + 1, i + n + 2], 1), np.stack([i, i + n + 2, i + n + 1], 1)])
    face_id, z, _ = rasterize(Camera(18, 18, 1, 1, 0, 0, np.eye(4)), v, f)
    assert (face_id[:17, :17] >= 0).all() and (z[:17, :17] == 1).all()
    assert (face_id[17] == -1).all() and (face_id[:, 17] == -1).all()


def test_equal_depths_go_to_the_lowest_face_and_runs_repeat():
    v = np.array([[-1, -1, 2], [1, -1, 2], [0, 1, 2.0]])
    face_id, *_ = rasterize(camera(), v, np.array([[0, 1, 2], [0, 1, 2], [2, 1, 0]], np.int32))
    assert set(np.unique(face_id)) == {-1, 0}
    mesh = trimesh.creation.icosphere(subdivisions=4)
    first, again = (rasterize(camera(pose=pose_at(3.0)), mesh.vertices, mesh.faces) for _ in range(2))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, again))


@pytest.mark.parametrize(
    "v, f",
    [
        (np.zeros((0, 3)), np.zeros((0, 3), np.int32)),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]])),
        (np.ones((3, 3)), np.array([[0, 1, 2]])),
        (np.array([[0, 0, 2], [1, 0, np.inf], [0, 1, 2.0]]), np.array([[0, 1, 2]])),
        (np.array([[0, 0, -2], [1, 0, -2], [0, 1, -2.0]]), np.array([[0, 1, 2]])),
    ],
)
def test_nothing_to_draw(v, f):
    face_id, z, bary = rasterize(camera(), v, f)
    assert (face_id == -1).all() and (z == 0).all() and (bary == 0).all()


def test_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match="does not exist"):
        rasterize(camera(), np.zeros((3, 3)), np.array([[0, 1, 3]]))
    bent = Camera(4, 4, 4, 4, 2, 2, np.eye(4), (0.1, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="undistort"):
        rasterize(bent, np.zeros((3, 3)), np.array([[0, 1, 2]]))


def test_visible_points_of_a_sphere_are_its_front():
    sphere = trimesh.creation.icosphere(subdivisions=4)
    cam = camera(160, 120, 150.0, pose_at(5.0))
    z = depth_map(cam, sphere.vertices, sphere.faces)
    seen = visible_points(cam, z, sphere.vertices)
    facing = -((sphere.vertices - cam.centre) * sphere.vertices).sum(1)  # > 0 on the side of the camera
    assert seen[facing > 1.0].all() and not seen[facing < -0.6].any()
