"""Photo sets made by formulas: shapes are closed, captures are what their names say, a turntable's room stands still."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import trimesh

import captures
import implicit
import rendered_models
import set_lists
from held_shapes import HELD
from lift3d.geometry.camera.projection import project, resize_camera
from lift3d.geometry.render.rasterizer import depth_map
from made_shapes import TUNING
from photo_studio import Light, Studio, Subject

V = np.array([[-0.3, -0.2, 0], [0.3, 0.2, 0.8], [0.3, -0.2, 0.3], [-0.2, 0.2, 0.5]])


def closed(field: implicit.Field, low: tuple, high: tuple, nodes: int = 40) -> trimesh.Trimesh:
    mesh = trimesh.Trimesh(*implicit.polygonise(field, low, high, nodes), process=False)
    assert mesh.is_watertight and mesh.volume > 0
    return mesh


def test_bodies_have_the_volumes_of_their_formulas():
    box = (-1.2, -1.2, -1.2), (1.2, 1.2, 1.2)
    assert (
        abs(closed(implicit.ellipsoid((0, 0, 0), (1, 0.8, 0.5)), *box).volume / (math.pi * 1.6 / 3) - 1)
        < 0.02
    )
    cup = [(0, -1), (0.8, -1), (0.8, 1), (0.6, 1), (0.6, -0.6), (0, -0.6)]
    volume = math.pi * (0.64 * 2 - 0.36 * 1.6)
    assert abs(closed(implicit.revolved(cup), *box).volume / volume - 1) < 0.03
    ring = closed(implicit.torus((0, 0, 0), 0.7, 0.3), *box)
    assert abs(ring.volume / (2 * math.pi**2 * 0.7 * 0.09) - 1) < 0.02 and ring.euler_number == 0
    hollow = implicit.cut(implicit.ball((0, 0, 0), 1), implicit.ball((0, 0, 0), 0.6))
    assert abs(closed(hollow, *box).volume / (4 / 3 * math.pi * (1 - 0.216)) - 1) < 0.03


def test_turning_a_body_turns_every_point():
    body = implicit.box((0.1, -0.2, 0), (0.9, 0.2, 0.3))
    p = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    for axis in range(3):
        r = trimesh.transformations.rotation_matrix(math.radians(30), np.eye(3)[axis])[:3, :3]
        np.testing.assert_allclose(implicit.turned(body, 30, axis)(p @ r.T), body(p), atol=1e-12)


@pytest.mark.parametrize("name", ["stool", "elbow"])
def test_a_made_subject_stands_on_the_table_with_diagonal_one(name, monkeypatch):
    field, low, high = rendered_models.SHAPES[name]()
    monkeypatch.setattr(
        rendered_models, "polygonise", lambda *shape: implicit.polygonise(field, low, high, 30)
    )
    subject = rendered_models.load_subject(name)
    mesh = trimesh.Trimesh(subject.v, subject.f, process=False)
    assert mesh.is_watertight and mesh.body_count == 1 and mesh.volume > 0
    assert abs(subject.v[:, 2].min()) < 1e-9 and abs(np.linalg.norm(mesh.extents) - 1) < 1e-9


def test_every_name_of_a_group_can_be_made_and_held_shapes_are_held():
    known = set(rendered_models.SHAPES) | set(rendered_models.RECIPES)
    for group, names in set_lists.GROUPS.items():
        for name in names:
            shape, _, capture = name.removesuffix("+masks").removesuffix("_faint").partition("@")
            assert shape.startswith("bad_") or shape in known
            assert capture in captures.CAPTURES or not capture
            assert (shape in HELD) == (group == "held")
    assert len(HELD) >= 10 and len(TUNING) >= 10 and len(set_lists.BAD) >= 10


def azimuths(shots: list[captures.Shot]) -> np.ndarray:
    centres = np.array([s.camera.centre for s in shots])
    return np.degrees(np.arctan2(centres[:, 1], centres[:, 0])) % 360


def test_captures_are_what_their_names_say():
    made = {name: shots(V, 3) for name, shots in captures.CAPTURES.items() if name != "front"}
    counts = {"around": 30, "eight": 8, "ring": 20, "many": 120, "turntable_black": 24, "turntable_rings": 48}
    assert {name: len(made[name]) for name in counts} == counts
    a = np.sort(azimuths(made["arc200"]))
    widest = max(np.diff([*a, a[0] + 360]))
    assert 360 - 200 - 15 < widest < 360 - 200 + 60
    assert len({round(s.camera.fx) for s in made["zooms"]}) == 3 and all(s.zoom35 for s in made["zooms"])
    assert not any(s.zoom35 for s in made["zooms_bare"])
    for shot in made["portrait"]:  # up in the world is sideways in the picture
        x, y = (shot.camera.R @ [0, 0, 1])[:2]
        assert abs(x) > 5 * abs(y)
    for kind in ("room", "black", "white"):
        assert {s.surroundings.kind for s in made[f"turntable_{kind}"]} == {kind}


def test_a_turntable_is_a_still_camera_in_the_room():
    """Each photo's camera sees a point of the turned object where the first camera sees the turned point."""
    shots = captures.CAPTURES["turntable_room"](V, 5)
    for shot in shots[::5]:
        turn = shot.surroundings.turn
        r = trimesh.transformations.rotation_matrix(turn, [0, 0, 1])[:3, :3]
        np.testing.assert_allclose(
            project(shot.camera, V)[0], project(shots[0].camera, V @ r.T)[0], atol=1e-8
        )
    np.testing.assert_allclose(np.diff(np.degrees([s.surroundings.turn for s in shots])), 15)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["room", "black", "white", "outdoor"])
def test_on_a_turntable_the_room_stays_and_the_plate_turns(kind):
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.28)
    v, f = ball.vertices + [0, 0, 0.28], ball.faces.astype(np.int32)
    normals = np.repeat(np.asarray(ball.face_normals)[:, None], 3, 1)
    palette = np.array([[0.7, 0.1, 0.1], [0.1, 0.6, 0.1], [0.5, 0.1, 0.1], [0.7, 0.7, 0.7]])
    studio = Studio(Subject(v, f, normals, palette, np.array([1, 1.0, 0.1, 0, 0.5, 0.3])))
    photos, masks, plates = [], [], []
    for turn in (0.0, 0.5):
        shot = captures.turntable(kind)(v, 1)[0]
        camera = captures.turned_camera(resize_camera(shot.camera, 120, 90), turn)
        light = Light(azimuth=shot.light.azimuth - turn)
        around = replace(shot.surroundings, turn=turn)
        photos.append(studio.photograph(camera, light, None, around).astype(int))
        masks.append(depth_map(camera, v, f) > 0)
        t = np.linspace(0, 2 * math.pi, 100)
        rim = project(camera, around.plate * np.stack([np.cos(t), np.sin(t), 0 * t], 1))[0]
        plates.append((rim.min(0) - 3, rim.max(0) + 8))
    y, x = np.mgrid[:90, :120]
    low, high = plates[0]
    near = (x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1])
    room = ~masks[0] & ~masks[1] & ~near
    change = np.abs(photos[0] - photos[1]).max(2)
    assert np.percentile(change[room], 90) <= 2  # shadows apart
    assert np.median(change[masks[0] & masks[1]]) > 4
    mean = photos[0][room].mean()
    assert {"black": mean < 20, "white": mean > 180}.get(kind, 40 < mean < 220)
