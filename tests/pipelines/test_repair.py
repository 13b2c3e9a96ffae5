"""`repair`: files and meshes become solid, the report says what was done, and nothing unsolid is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from damage import damaged_meshes
from solid_twin import why_not_solid

from lift3d.errors import InputError, SolidError
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.pipelines.repair import repair

CASES = [case for case in damaged_meshes() if not case.refusable and len(case.f) < 1500]


@pytest.mark.parametrize("case", CASES[::25], ids=lambda case: case.name)
def test_what_comes_out_is_solid_and_stays_near(case) -> None:  # type: ignore[no-untyped-def]
    before = case.v.copy()
    solid, report = repair(case.mesh)
    assert why_not_solid(solid) == []
    np.testing.assert_array_equal(case.v, before)
    assert report.faces_before == len(case.f) and report.faces_after == len(solid.faces)
    assert report.moved_percent >= 0 and (report.steps or not report.defects)


def test_a_solid_mesh_is_returned_as_it_is() -> None:
    box = trimesh.creation.box((1, 2, 3))
    solid, report = repair(box)
    np.testing.assert_array_equal(solid.vertices, box.vertices)
    np.testing.assert_array_equal(solid.faces, box.faces)
    assert (report.defects, report.steps, report.moved_percent) == ((), (), 0.0)
    assert solid is not box


def test_a_file_is_repaired_into_a_file_that_is_solid(tmp_path: Path) -> None:
    mesh = trimesh.creation.icosphere(2)
    mesh.update_faces(np.arange(len(mesh.faces)) > 5)
    mesh.units = "m"
    save_mesh(mesh, tmp_path / "hole.ply")
    solid, report = repair(tmp_path / "hole.ply", tmp_path / "out" / "whole.stl")
    written = load_mesh(tmp_path / "out" / "whole.stl")
    assert written.is_volume and written.volume == pytest.approx(solid.volume, rel=1e-5)
    assert any("open edges" in defect for defect in report.defects) and any(
        "hole" in step for step in report.steps
    )


def test_meshes_far_from_the_origin_are_moved_and_the_shift_is_reported() -> None:
    box = trimesh.creation.box()
    box.apply_translation([5e6, -3e6, 10.0])
    solid, report = repair(box)
    np.testing.assert_allclose(solid.bounds + report.origin, box.bounds, atol=1e-6)
    assert report.origin[0] == pytest.approx(5e6, rel=1e-3)


def test_what_cannot_be_repaired_writes_nothing(tmp_path: Path) -> None:
    sheet = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False)
    with pytest.raises(SolidError, match="flat sheet"):
        repair(sheet, tmp_path / "solid.stl")
    with pytest.raises(InputError, match="does not exist"):
        repair(tmp_path / "absent.stl", tmp_path / "solid.stl")
    with pytest.raises(InputError, match="not a model format"):
        repair(sheet, tmp_path / "solid.txt")
    assert list(tmp_path.iterdir()) == []


def test_the_same_input_gives_the_same_mesh() -> None:
    case = CASES[10]
    first, second = repair(case.mesh, seed=3)[0], repair(case.mesh, seed=3)[0]
    np.testing.assert_array_equal(first.vertices, second.vertices)
    np.testing.assert_array_equal(first.faces, second.faces)
