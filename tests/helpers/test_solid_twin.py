"""The judge is judged: the second predicate on solids and on one fault each; both predicates agree."""

import numpy as np
import pytest
import trimesh
from damage import damaged_meshes, solids
from solid_twin import why_not_solid

from lift3d.geometry.mesh.solidity import inspect_solid


def mesh(v: np.ndarray, f: np.ndarray) -> trimesh.Trimesh:
    return trimesh.Trimesh(v, f, process=False, validate=False)


def both(*boxes: tuple[float, float, float]) -> trimesh.Trimesh:
    return trimesh.util.concatenate([trimesh.creation.box().apply_translation(x) for x in boxes])


@pytest.mark.parametrize("name", ["box", "torus", "capsule", "hollow", "arch"])
def test_solids_are_solid(name: str) -> None:
    m = mesh(*solids()[name])
    assert why_not_solid(m) == [] and inspect_solid(m).is_solid


FAULTS = {
    "open": mesh(trimesh.creation.box().vertices, trimesh.creation.box().faces[1:]),
    "inward": mesh(trimesh.creation.box().vertices, trimesh.creation.box().faces[:, ::-1]),
    "crossing": both((0, 0, 0), (0.5, 0.3, 0.2)),
    "sharing an edge": both((0, 0, 0), (1, 1, 0)),
    "sharing a corner": both((0, 0, 0), (1, 1, 1)),
    "touching in a face": both((0, 0, 0), (1, 0.25, 0.25)),
    "debris": trimesh.util.concatenate(
        [trimesh.creation.box(), trimesh.creation.box((0.05,) * 3).apply_translation((2, 0, 0))]
    ),
    "nan": mesh(
        np.where(np.arange(8)[:, None] == 3, np.nan, trimesh.creation.box().vertices),
        trimesh.creation.box().faces,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found_by_both(name: str) -> None:
    assert why_not_solid(FAULTS[name]) and not inspect_solid(FAULTS[name]).is_solid


@pytest.mark.slow
def test_both_predicates_agree_on_damaged_meshes() -> None:
    for case in damaged_meshes()[::9]:
        assert (why_not_solid(case.mesh) == []) == inspect_solid(case.mesh).is_solid, case.name
