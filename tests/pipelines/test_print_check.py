"""The print report on solids whose numbers are known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError, SolidError
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines.print_check import check, print_report

T = trimesh.creation
sizes = st.floats(0.004, 0.2)


@settings(max_examples=15, deadline=None)
@given(sizes, sizes, sizes)
def test_a_box_in_metres(x: float, y: float, z: float) -> None:
    m = T.box((x, y, z))
    m.units = "m"
    r = print_report(m, samples=3000)
    assert r.printable and r.unit == "mm" and r.fits
    np.testing.assert_allclose(r.size, np.array([x, y, z]) * 1000, rtol=1e-6)
    assert r.volume == pytest.approx(x * y * z * 1e9, rel=1e-6)
    assert r.wall_min == pytest.approx(min(x, y, z) * 1000, rel=1e-4)
    assert r.contact_area == pytest.approx(x * y * 1e6, rel=1e-6)
    assert r.overhang_share == 0 and (r.parts, r.cavities) == (1, 0)


@settings(max_examples=8, deadline=None)
@given(st.floats(0.02, 0.4))
@pytest.mark.slow
def test_the_wall_of_a_hollow_ball(wall: float) -> None:
    outer, inner = T.icosphere(4), T.icosphere(4, radius=1 - wall)
    inner.invert()
    r = print_report(trimesh.util.concatenate([outer, inner]), samples=3000)
    assert r.is_solid and (r.parts, r.cavities) == (1, 1)
    assert r.wall_min == pytest.approx(wall, rel=0.05)
    assert r.wall_low == pytest.approx(wall, rel=0.05)
    assert r.volume == pytest.approx(4 / 3 * math.pi * (1 - (1 - wall) ** 3), rel=0.02)


@pytest.mark.parametrize(("height", "leans"), [(0.5, True), (0.9, True), (1.1, False), (3.0, False)])
def test_a_cone_on_its_tip_overhangs_when_it_is_wide(height: float, leans: bool) -> None:
    cone = T.cone(1.0, height, sections=128)
    upright = print_report(cone, samples=2000)
    assert upright.overhang_share == 0 and upright.contact_area == pytest.approx(math.pi, rel=0.01)
    cone.apply_transform(trimesh.transformations.rotation_matrix(math.pi, [1, 0, 0]))
    r = print_report(cone, samples=2000)
    side = math.hypot(1, height)
    assert r.overhang_share == pytest.approx(side / (1 + side) if leans else 0, rel=0.01, abs=1e-9)
    assert r.contact_area == pytest.approx(0, abs=1e-6)


def test_without_a_unit_nothing_is_guessed() -> None:
    r = print_report(T.box((1, 2, 4)), samples=500)
    assert r.unit is None and r.fits is None and r.printable
    assert "unit unknown" in r.to_text() and "25 mm per file unit" in r.to_text()


def test_too_large_for_the_bed_but_a_quarter_turn_is_allowed() -> None:
    m = T.box((0.2, 0.1, 0.1))
    m.units = "m"
    assert print_report(m, bed=(110, 210, 100), samples=500).fits
    big = print_report(m, bed=(150, 150, 150), samples=500)
    assert big.fits is False and not big.printable and "DOES NOT FIT" in big.to_text()


def test_open_and_crossing_meshes_are_reported_too() -> None:
    ball = T.icosphere(3)
    ball.update_faces(np.arange(1000))
    r = print_report(ball, samples=500)
    assert not r.is_solid and not r.predicate["closed"] and r.failures
    assert "Solid: NO" in r.to_text() and "not reliable" in r.to_text()
    two = trimesh.util.concatenate([T.box(), T.box().apply_translation((0.5, 0.3, 0.2))])
    assert not print_report(two, samples=500).predicate["no_self_intersection"]


def test_nan_is_reported_and_emptiness_refused() -> None:
    m = T.box()
    v = np.array(m.vertices)
    v[0] = np.nan
    r = print_report(trimesh.Trimesh(v, m.faces, process=False, validate=False), samples=500)
    assert not r.predicate["finite"] and np.isfinite(r.size).all()
    with pytest.raises(SolidError, match="no faces"):
        print_report(trimesh.Trimesh())


def test_the_report_is_json() -> None:
    again = json.loads(json.dumps(print_report(T.cylinder(0.5, 1), samples=500).to_dict()))
    assert again["solid"] is True and again["predicate"]["closed"] is True


def test_check_takes_meshes_and_files_and_beds_in_words(tmp_path: Path) -> None:
    box = T.box((0.03, 0.02, 0.04))
    box.units = "m"
    save_mesh(box, tmp_path / "box.glb")
    report = check(box)
    assert report.printable and report.size == pytest.approx((30, 20, 40))
    assert check(tmp_path / "box.glb").to_dict().keys() == report.to_dict().keys()
    assert check(box, bed="25x35x45mm").fits and not check(box, bed=(25.0, 25.0, 50.0)).fits
    assert box.extents == pytest.approx((0.03, 0.02, 0.04)), "the mesh is not changed"
    with pytest.raises(InputError, match="printer bed"):
        check(box, bed="25")
    with pytest.raises(InputError, match="does not exist"):
        check(tmp_path / "none.stl")
