"""Shapes from a seed: distances are exact, meshes closed and coloured, no number repeats, and the command writes a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lift3d.cli import app
from lift3d.corpus.procedural.assembly import colours_at, mesh_of
from lift3d.corpus.procedural.make import KINDS, make_shape
from lift3d.corpus.procedural.primitives import (
    BOX,
    CONE,
    CYLINDER,
    ELLIPSOID,
    TORUS,
    Primitive,
    smooth_min,
    union_on_grid,
)
from lift3d.corpus.procedural.random_choices import axes_along
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.io.mesh.meshes import load_mesh

RED, BLUE = np.array([200.0, 20, 20]), np.array([20.0, 20, 200])


def solid(kind: str, size: list[float], **more: object) -> Primitive:
    return Primitive(kind, np.array([0.2, -0.1, 0.3]), np.array(size), RED, **more)  # type: ignore[arg-type]


EXACT = [
    solid(CONE, [0.3, 0.3], b=np.array([0.2, 0.7, 0.3])),
    solid(CONE, [0.3, 0.1], b=np.array([0.5, 0.6, 0.9])),
    solid(CONE, [0.3, 0.1], b=np.array([0.25, -0.1, 0.3])),
    solid(BOX, [0.3, 0.2, 0.4], round=0.05),
    solid(BOX, [0.3, 0.2, 0.4], axes=axes_along(np.array([0.3, 0.5, 0.8]))),
    solid(CYLINDER, [0.3, 0.2], axes=axes_along(np.array([1.0, 0.2, 0])), round=0.03),
    solid(TORUS, [0.4, 0.1]),
]


@pytest.mark.parametrize("one", EXACT, ids=lambda p: p.kind)
def test_distances_are_exact_and_lie_in_the_box(one: Primitive) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1.5, 1.5, (3000, 3))
    d = one.distance(points)
    step = 1e-5
    gradient = np.stack(
        [(one.distance(points + step * e) - one.distance(points - step * e)) / (2 * step) for e in np.eye(3)],
        1,
    )
    size = np.linalg.norm(gradient, axis=1)
    assert float(np.median(np.abs(size - 1))) < 1e-4 and size.max() < 1.02
    nearest = points - d[:, None] * gradient
    regular = np.abs(size - 1) < 1e-3
    assert float(np.quantile(np.abs(one.distance(nearest))[regular], 0.98)) < 2e-2
    low, high = one.box()
    inside = points[d < 0]
    assert len(inside) > 10 and (inside >= low - 1e-9).all() and (inside <= high + 1e-9).all()


def test_a_ball_as_an_ellipsoid_is_exact_and_others_have_the_right_surface() -> None:
    p = np.random.default_rng(1).uniform(-1, 1, (500, 3))
    ball = Primitive(ELLIPSOID, np.zeros(3), np.full(3, 0.5), RED)
    assert np.allclose(ball.distance(p), np.linalg.norm(p, axis=1) - 0.5)
    egg = Primitive(ELLIPSOID, np.zeros(3), np.array([0.5, 0.3, 0.7]), RED)
    assert ((egg.distance(p) < 0) == (((p / [0.5, 0.3, 0.7]) ** 2).sum(1) < 1)).all()


def test_the_smooth_minimum() -> None:
    a, b = np.array([0.0, 0.3, 1.0]), np.array([0.0, 1.0, 0.2])
    assert np.allclose(smooth_min(a, b, 0), np.minimum(a, b))
    assert np.allclose(smooth_min(a, b, 0.2), [-0.05, 0.3, 0.2])


def test_blocks_of_the_grid_agree_with_the_whole_near_the_surface() -> None:
    parts = [EXACT[0], solid(BOX, [0.3, 0.2, 0.4], group=1), solid(TORUS, [0.4, 0.1], group=1, blend=0.1)]
    hole = solid(CYLINDER, [0.1, 0.6], cut=True)
    start, step, count = np.full(3, -1.0), 0.05, (44, 44, 44)
    found = union_on_grid([*parts, hole], start, step, count)
    points = np.stack(
        np.meshgrid(*(start[k] + step * np.arange(44) for k in range(3)), indexing="ij"), -1
    ).reshape(-1, 3)
    joined = smooth_min(parts[1].distance(points), parts[2].distance(points), 0.1)
    truth = np.maximum(np.minimum(parts[0].distance(points), joined), -hole.distance(points)).reshape(count)
    near = np.abs(truth) < 2 * step
    assert np.allclose(found[near], truth[near]) and ((found < 0) == (truth < 0)).all()


def test_vertices_take_the_colour_of_the_nearest_part() -> None:
    parts = [
        Primitive(ELLIPSOID, np.array([-0.5, 0, 0]), np.full(3, 0.3), RED),
        Primitive(ELLIPSOID, np.array([0.5, 0, 0]), np.full(3, 0.3), BLUE, group=1, pattern="spots"),
    ]
    colours = colours_at(parts, np.array([[-0.8, 0, 0], [0.8, 0, 0]]), 0)
    assert np.array_equal(colours[0], RED) and (np.array_equal(colours[1], BLUE) or (colours[1] > 200).any())
    with pytest.raises(ValueError, match="empty"):
        mesh_of([parts[0], Primitive(ELLIPSOID, np.array([-0.5, 0, 0]), np.full(3, 0.6), RED, cut=True)], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_closed_coloured_upright_meshes(kind: str) -> None:
    for seed in range(2):
        mesh = mesh_of(KINDS[kind][1](np.random.default_rng([3, seed])), seed)
        report = inspect_arrays(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32))
        assert report.closed and report.oriented and report.positive_volume
        size = np.ptp(mesh.vertices, axis=0)
        assert size.max() == pytest.approx(1) and mesh.vertices[:, 2].min() == pytest.approx(0)
        assert len(mesh.faces) <= 6000 and mesh.visual.kind == "vertex"


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 10**6))
def test_the_same_number_gives_the_same_shape_and_the_next_another(number: int) -> None:
    (kind, a), (again, b), (_, c) = make_shape(number), make_shape(number), make_shape(number + 1)
    assert kind == again and np.array_equal(a.vertices, b.vertices)
    assert len(a.vertices) != len(c.vertices) or not np.allclose(a.vertices, c.vertices)


def test_the_command_writes_what_is_missing(tmp_path: Path) -> None:
    run = CliRunner()
    done = run.invoke(app, ["corpus", "shapes", str(tmp_path / "s"), "--count", "2"])
    assert done.exit_code == 0 and "2 new shapes" in done.output, done.output
    done = run.invoke(app, ["corpus", "shapes", str(tmp_path / "s"), "--count", "3"])
    assert "1 new shapes" in done.output
    files = sorted((tmp_path / "s").rglob("*.glb"))
    assert len(files) == 3 and len(load_mesh(files[0]).faces) > 100
    (tmp_path / "file").write_text("x")
    done = run.invoke(app, ["corpus", "shapes", str(tmp_path / "file")])
    assert done.exit_code == 2 and "is a file, not a folder" in done.output
