"""The symmetry plane of a partial surface is that of the whole where the part determines it."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.distances import sample_surface
from lift3d.geometry.symmetry.partial_plane import partial_symmetry_plane


@pytest.mark.parametrize("turn", [0.0, 0.7])
def test_a_view_from_the_front_has_the_sagittal_plane(turn: float) -> None:
    body = trimesh.creation.box((0.8, 0.4, 0.3))
    for side in (-1, 1):
        horn = trimesh.creation.box((0.1, 0.2, 0.5))
        horn.apply_translation([side * 0.3 + 0.05, 0.1, 0.3])  # the middle of the whole is not at the origin
        body = trimesh.util.concatenate([body, horn])
    c, s = np.cos(turn), np.sin(turn)
    p, n, _ = sample_surface(body.vertices, body.faces, 3000, np.random.default_rng(0))
    kept = (n @ [0.0, -0.9, 0.4] > 0.05) & (p[:, 2] > 0.16)  # the horns, from one side
    p, n = p[kept], n[kept]
    spin = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    plane = partial_symmetry_plane(p @ spin.T, n @ spin.T)
    assert abs(plane.normal @ spin[:, 0]) > np.cos(np.radians(6))
    assert plane.offset * np.sign(plane.normal @ spin[:, 0]) == pytest.approx(0.05, abs=0.03)
    assert plane.score > 0.5
