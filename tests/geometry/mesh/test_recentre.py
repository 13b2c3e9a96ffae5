"""What lies far from the origin is brought to it, and what lies near is left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import SolidError
from lift3d.geometry.mesh.recentre import FAR, recentring_shift
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.maps.mesh_to_solid import MeshToSolid
from lift3d.pipelines.repair import repair


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 1e3), st.tuples(*[st.floats(-1e9, 1e9)] * 3))
def test_after_the_shift_it_lies_near(side: float, at: tuple[float, float, float]) -> None:
    points = np.array([[0, 0, 0], [1, 0.5, 0.2]]) * side + np.array(at)
    extent = float(np.ptp(points, axis=0).max())
    shift = recentring_shift(points)
    if extent == 0:
        assert not shift.any()
        return
    assert np.abs(points - shift).max() <= max(FAR * extent, 12 * extent)
    if np.abs(points).max() <= FAR * extent:
        assert not shift.any()


@pytest.mark.slow
def test_a_damaged_mesh_far_from_the_origin_is_repaired(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(1)
    lines = ["v " + " ".join(f"{x:.9f}" for x in v + [4e7, 5e7, 0]) for v in ball.vertices]
    lines += ["f " + " ".join(str(i + 1) for i in f) for f in ball.faces[3:]]
    (tmp_path / "far.obj").write_text("\n".join(lines) + "\n")
    repaired, report = repair(tmp_path / "far.obj")
    assert inspect_solid(repaired).is_solid and np.abs(repaired.vertices).max() < 20
    assert np.allclose(report.origin, [4e7, 5e7, 0], atol=20) and report.faces_before == 77
    assert repaired.volume == pytest.approx(ball.volume, rel=0.06)


def test_the_mapping_refuses_what_it_cannot_hold() -> None:
    far = trimesh.creation.box()
    far.vertices = far.vertices + 1e7
    with pytest.raises(SolidError, match="far from the origin"):
        MeshToSolid()(far)
