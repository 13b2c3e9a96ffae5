"""Remeshed surfaces with planes get few faces again, within the deviation that is stated, and stay solid."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.repair.remesh import remesh
from lift3d.geometry.repair.simplify_remeshed import simplify_remeshed
from lift3d.maps.mesh_to_solid import MeshToSolid


@pytest.mark.slow
def test_a_remeshed_box_is_a_few_faces_within_a_step() -> None:
    box = trimesh.creation.box((1, 2, 3))
    v, f, step = remesh(np.asarray(box.vertices), np.asarray(box.faces, np.int32), 40)
    p, g, deviation = next(simplify_remeshed(v, f, v, f, step))
    assert len(f) > 5000 and len(g) < 100 and 0 < deviation <= step
    assert inspect_arrays(p, g).is_solid
    assert abs(float(np.linalg.det(p[g]).sum() / 6) - 6) < 0.1


@pytest.mark.slow
def test_what_no_union_resolves_stays_low_poly(monkeypatch: pytest.MonkeyPatch) -> None:
    """48 faces, closed and consistently oriented, with one corner outside the opposite one, remeshed."""
    monkeypatch.setattr("lift3d.geometry.repair.winding_union.MOST_FACES", 0)
    mesh = trimesh.creation.box((1, 1, 1)).subdivide()
    v = mesh.vertices.copy()
    v[np.argmax(v.sum(1))] = [-1.5, -1.4, -1.3]
    result = MeshToSolid(resolution=64).repair(trimesh.Trimesh(v, mesh.faces, process=False))
    assert result.remeshed and "simplified within" in result.steps[-1]
    assert len(result.mesh.faces) < 200
    assert inspect_arrays(np.asarray(result.mesh.vertices), np.asarray(result.mesh.faces, np.int32)).is_solid
