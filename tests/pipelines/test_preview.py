"""The preview's frame: what the model is about, not scraps far from it."""

from __future__ import annotations

import numpy as np
import trimesh

from lift3d.geometry.render.drawable import drawable
from lift3d.pipelines.preview import main_vertices, preview


def test_scraps_far_away_do_not_decide_the_frame() -> None:
    ball = trimesh.creation.icosphere(3)
    scrap = trimesh.creation.box((0.1, 0.1, 0.1))
    scrap.apply_translation([30, 0, 0])
    both = trimesh.util.concatenate([ball, scrap])
    points = main_vertices(drawable(both))
    assert np.abs(points).max() < 1.01
    dark = [(preview(mesh, 60).mean(-1) < 150).mean() for mesh in (ball, both)]
    assert abs(dark[0] - dark[1]) < 0.02


def test_parts_of_like_size_are_all_in_the_frame() -> None:
    parts = [trimesh.creation.icosphere(2) for _ in range(3)]
    for i, part in enumerate(parts):
        part.apply_translation([4 * i, 0, 0])
    points = main_vertices(drawable(trimesh.util.concatenate(parts)))
    assert points[:, 0].max() > 8.9 and points[:, 0].min() < -0.9


def test_the_size_does_not_matter() -> None:
    ball = trimesh.creation.icosphere(2)
    small = trimesh.Trimesh(np.asarray(ball.vertices) * 2.0**-100, ball.faces, process=False)
    far = np.abs(preview(small, 60).astype(int) - preview(ball, 60))
    assert far.max() <= 2
