"""Beam lattices of 3MF: volumes in closed form, clipping, balls, caps, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from threemf_files import box_mesh, box_object, model, package, warnings_of

from lift3d.errors import InputError
from lift3d.io.mesh.meshes import load_mesh
from lift3d.types import Mesh

BEAM = '<b:beam v1="0" v2="1"/>'
POINTS = '<vertex x="0" y="0" z="0"/><vertex x="0" y="0" z="10"/><vertex x="0" y="0" z="10.001"/>'


def lattice(beams: str = BEAM, attributes: str = 'radius="1" minlength="0.01"', more: str = "") -> str:
    return f"<b:beamlattice {attributes}><b:beams>{beams}</b:beams>{more}</b:beamlattice>"


def read(tmp_path: Path, inner: str, resources: str = "", attributes: str = "") -> Mesh:
    shape = (
        f'<object id="5" {attributes}><mesh><vertices>{POINTS}</vertices><triangles/>{inner}</mesh></object>'
    )
    return load_mesh(package(tmp_path / "a.3mf", model(resources + shape, '<item objectid="5"/>')))


CYLINDER, BALL = np.pi * 10, 4 / 3 * np.pi


@pytest.mark.parametrize(
    ("attributes", "beam", "volume"),
    [
        ('radius="1" minlength="0" cap="butt"', BEAM, CYLINDER),
        ('radius="1" minlength="0"', BEAM, CYLINDER + BALL),
        ('radius="1" minlength="0" cap="hemisphere"', BEAM, CYLINDER + BALL),
        ('radius="9" minlength="0"', BEAM.replace("/>", ' r1="1"/>'), CYLINDER + BALL),
        ('radius="1" minlength="0"', BEAM.replace("/>", ' cap1="butt" cap2="hemisphere"/>'), CYLINDER + BALL / 2),
        ('radius="1" minlength="0" cap="butt"', BEAM.replace("/>", ' r1="2" r2="1"/>'), np.pi * 10 * 7 / 3),
        ('radius="1" minlength="0" cap="hemisphere"', BEAM.replace("/>", ' r1="2" r2="1"/>'),
         np.pi * 10 * 7 / 3 + BALL * 9 / 2),
        ('radius="1" minlength="0.1" cap="butt"', BEAM + '<b:beam v1="1" v2="2"/>', CYLINDER),
    ],
)  # fmt: skip
def test_beams(tmp_path: Path, attributes: str, beam: str, volume: float) -> None:
    mesh = read(tmp_path, lattice(beam, attributes))
    assert mesh.is_watertight and mesh.volume * 1e9 == pytest.approx(volume, rel=0.01)
    assert "lattice of 1 beam is turned into a mesh" in warnings_of(mesh)


@pytest.mark.parametrize(("mode", "balls"), [("none", 0), ("mixed", 1), ("all", 2)])
def test_balls(tmp_path: Path, mode: str, balls: int) -> None:
    attributes = f'radius="1" minlength="0" cap="butt" b2:ballmode="{mode}" b2:ballradius="3"'
    mesh = read(tmp_path, lattice(attributes=attributes, more='<b2:balls><b2:ball vindex="0"/></b2:balls>'))
    height = 3 - np.sqrt(8)  # of the cap of the ball at the end of the beam
    hidden = np.pi * np.sqrt(8) + np.pi * height**2 * (3 - height / 3)
    assert mesh.volume * 1e9 == pytest.approx(CYLINDER + balls * (27 * BALL - hidden), rel=0.01)


@pytest.mark.parametrize(("mode", "part"), [("inside", 0.3), ("outside", 0.7)])
def test_clipping(tmp_path: Path, mode: str, part: float) -> None:
    clip = box_object(1, size=(8, 8, 8), at=(-4, -4, -5))
    attributes = f'radius="1" minlength="0" cap="butt" clippingmode="{mode}" clippingmesh="1"'
    mesh = read(tmp_path, lattice(attributes=attributes), clip)
    assert mesh.is_watertight and mesh.volume * 1e9 == pytest.approx(CYLINDER * part, rel=0.01)


def test_a_lattice_is_united_with_the_mesh_beside_it(tmp_path: Path) -> None:
    shape = box_mesh(
        (8, 8, 8),
        (-4, -4, -5),
        inner=lattice('<b:beam v1="8" v2="9"/>', 'radius="1" minlength="0" cap="butt"'),
    )
    shape = shape.replace("</vertices>", POINTS + "</vertices>")
    mesh = load_mesh(package(tmp_path / "a.3mf", model(f'<object id="1">{shape}</object>')))
    assert mesh.is_watertight and mesh.volume * 1e9 == pytest.approx(512 + 0.7 * CYLINDER, rel=0.01)


def test_beams_have_the_colours_of_their_properties(tmp_path: Path) -> None:
    base = '<basematerials id="2"><base name="a" displaycolor="#FF0000"/><base name="b" displaycolor="#00FF00"/></basematerials>'
    mesh = read(tmp_path, lattice(BEAM), base, 'pid="2" pindex="0"')
    assert mesh.visual.material.baseColorFactor.tolist() == [255, 0, 0, 255]
    mesh = read(tmp_path, lattice(BEAM.replace("/>", ' p1="1"/>')), base, 'pid="2" pindex="0"')
    assert mesh.visual.material.baseColorFactor.tolist() == [0, 255, 0, 255]


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (lattice('<b:beam v1="0" v2="7"/>'), "beam that refers to vertex 7"),
        (lattice(BEAM, 'minlength="0"'), "with the radius ''"),
        (lattice(BEAM, 'minlength="0" radius="-1"'), "with the radius '-1'"),
        (lattice(BEAM, 'minlength="0" radius="1" cap="round"'), "unknown cap 'round'"),
        (lattice(BEAM, 'minlength="0" radius="1" clippingmode="left"'), "unknown clipping mode 'left'"),
        (
            lattice(BEAM, 'minlength="0" radius="1" clippingmode="inside" clippingmesh="5"'),
            "contain themselves",
        ),
        (lattice(BEAM, 'minlength="0" radius="1" clippingmode="inside" clippingmesh="8"'), "does not hold"),
        (lattice("", 'minlength="0" radius="1"'), "no triangles"),
    ],
)
def test_lattices_that_are_wrong_are_refused(tmp_path: Path, inner: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, inner)


def test_a_lattice_too_large_is_refused_or_represented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lift3d.io.mesh.threemf.lattice.MAX_BEAMS", 0)
    with pytest.raises(InputError, match="lattice of 1 beams and balls"):
        read(tmp_path, lattice())
    mesh = read(tmp_path, lattice(BEAM, 'radius="1" minlength="0" representationmesh="1"'), box_object(1))
    assert len(mesh.faces) == 12 and "the mesh that represents it" in warnings_of(mesh)
