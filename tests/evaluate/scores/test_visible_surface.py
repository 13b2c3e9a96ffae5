"""Scores of the visible half: only what the camera sees counts, and a shift in depth can be forgiven."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.evaluate.scores.visible_surface import compare_visible, visible_half
from lift3d.geometry.image.crop import Crop
from lift3d.geometry.metrics.solids import WORST_SCORES, SampledSurface, sample_mesh
from lift3d.geometry.voxels.view_frame import ViewFrame

FRAME = ViewFrame(np.array([[200, 0, 128], [0, 200, 128], [0, 0, 1.0]]), Crop(150, 110, 60), 3.0, 1.0)
CAMERA = FRAME.camera(256)


def ball(z: float = 3.0, squeezed: float = 1.0) -> SampledSurface:
    """A ball in the view frame; its far half is squeezed."""
    mesh = trimesh.creation.icosphere(4, 0.5)
    v = np.asarray(mesh.vertices)
    v = np.where((v[:, 2] > 0)[:, None], v * [1, 1, squeezed], v) + [0, 0, z]
    return sample_mesh(v, mesh.faces)


def test_the_camera_sees_the_crop() -> None:
    corners = FRAME.unproject(np.array([[-1.0, -1, 0], [1, 1, 0]])) @ CAMERA.R.T
    uv = corners[:, :2] / corners[:, 2:] * CAMERA.fx + [CAMERA.cx, CAMERA.cy]
    assert np.allclose(uv, [[0, 0], [CAMERA.width, CAMERA.height]], atol=1e-6)


def test_about_half_of_a_ball_is_visible_and_it_faces_the_camera() -> None:
    surface = ball()
    seen, z = visible_half(surface, CAMERA)
    assert 0.35 < seen.mean() < 0.5
    towards = (surface.normals * surface.points).sum(1)
    assert (towards[seen] < 0.06).mean() > 0.97 and z[128, 128] == pytest.approx(
        2.5 * CAMERA.R[2, 2], abs=0.01
    )


def test_the_far_half_does_not_count() -> None:
    scores = compare_visible(ball(squeezed=0.3), ball(), CAMERA)
    assert scores.f_score > 0.97 and scores.normal_consistency > 0.98
    assert scores.f_score > 1.3 * 0.7  # of a whole ball a third would be wrong


def test_a_shift_is_forgiven_where_that_is_wanted() -> None:
    assert compare_visible(ball(3.1), ball(), CAMERA).f_score < 0.4
    assert compare_visible(ball(3.1), ball(), CAMERA, shifted=True).f_score > 0.9


def test_what_lies_beside_the_crop_has_the_worst_scores() -> None:
    away = ball()
    moved = SampledSurface(away.v + [9, 0, 0], away.f, away.points + [9, 0, 0], away.normals, away.side)
    assert compare_visible(moved, ball(), CAMERA).f_score <= WORST_SCORES.f_score + 1e-9
