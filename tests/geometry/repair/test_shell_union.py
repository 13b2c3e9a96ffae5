"""Unions of shells have analytic volumes; shells that intersect themselves become solid without moving."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.repair import shell_union
from lift3d.geometry.repair.working_mesh import Soup, signed_volumes


def soup(*meshes: trimesh.Trimesh) -> Soup:
    """The meshes as one soup whose faces come from themselves."""
    mesh = trimesh.util.concatenate(list(meshes))
    f = np.asarray(mesh.faces, np.int32)
    return Soup(np.asarray(mesh.vertices, np.float64), f, np.arange(len(f), dtype=np.int32))


def box(offset: tuple[float, float, float], size: float = 1.0) -> trimesh.Trimesh:
    """A cube with its centre at the offset."""
    return trimesh.creation.box((size,) * 3).apply_translation(offset)


def united(*meshes: trimesh.Trimesh) -> tuple[Soup, int]:
    """The union of the meshes, which must exist."""
    out = shell_union.unite_shells(soup(*meshes))
    assert out is not None
    return out


@pytest.mark.parametrize(
    ("offset", "volume"),
    [((0.5, 0, 0), 1.5), ((0.5, 0.5, 0.5), 2 - 0.125), ((3, 0, 0), 2), ((0.25, 0.25, 0), 2 - 0.5625)],
)
def test_two_boxes_have_the_volume_of_their_union(offset: tuple[float, float, float], volume: float) -> None:
    out, shells = united(box((0, 0, 0)), box(offset))
    assert shells == 2 and signed_volumes(out.v, out.f).sum() == pytest.approx(volume)
    assert (out.origin == -1).all() and inspect_arrays(out.v, out.f).is_solid


def test_a_cavity_is_taken_out_of_the_shell_around_it_only() -> None:
    cavity = box((0, 0, 0), 0.5)
    cavity.invert()
    out, shells = united(box((0, 0, 0)), cavity, box((0.5, 0.0, 0.0), 0.2))
    assert shells == 3
    outside = 0.5 * 0.2**3  # half of the third box lies beyond the side of the first
    assert signed_volumes(out.v, out.f).sum() == pytest.approx(1 - 0.125 + outside)


def spiral(first: float, last: float) -> trimesh.Trimesh:
    """A square tube along an outward spiral, between two angles in degrees."""
    angle = np.radians(np.linspace(first, last, int((last - first) / 20) + 1))
    radius = 1 + 0.3 * angle / (2 * np.pi)
    square = np.array([[-0.2, -0.2], [0.2, -0.2], [0.2, 0.2], [-0.2, 0.2]])
    rows = [
        [((r + x) * np.cos(a), (r + x) * np.sin(a), z + 0.05 * a) for x, z in square]
        for a, r in zip(angle, radius)
    ]
    n = len(angle)
    f = [[0, 1, 2], [0, 2, 3], [4 * n - 4, 4 * n - 2, 4 * n - 3], [4 * n - 4, 4 * n - 1, 4 * n - 2]]
    for i in range(n - 1):
        for k in range(4):
            p, q = 4 * i + k, 4 * i + (k + 1) % 4
            f += [[q, p, q + 4], [q + 4, p, p + 4]]
    tube = trimesh.Trimesh(np.array(rows).reshape(-1, 3), f, process=False)
    if tube.volume < 0:
        tube.invert()
    assert tube.is_watertight and tube.is_winding_consistent
    return tube


def test_a_shell_that_intersects_itself_becomes_the_union_of_its_pieces() -> None:
    whole = spiral(0, 480)
    assert len(self_intersections(np.asarray(whole.vertices), np.asarray(whole.faces, np.int32)))
    out, shells = united(whole)
    assert shells == 1 and len(self_intersections(out.v, out.f)) == 0
    pieces, _ = united(spiral(0, 240), spiral(240, 480))
    expected = signed_volumes(pieces.v, pieces.f).sum()
    assert (
        signed_volumes(out.v, out.f).sum() == pytest.approx(expected, rel=1e-5)
        and expected < 0.99 * whole.volume
    )


def test_open_shells_have_no_union() -> None:
    ball = trimesh.creation.icosphere(1)
    ball.update_faces(np.arange(len(ball.faces)) > 0)
    assert shell_union.unite_shells(soup(ball)) is None
    assert shell_union.to_manifold(np.asarray(ball.vertices), np.asarray(ball.faces, np.int32)) is None


def test_arrays_and_manifolds_are_inverse() -> None:
    ball = trimesh.creation.icosphere(2)
    body = shell_union.to_manifold(np.asarray(ball.vertices), np.asarray(ball.faces, np.int32))
    assert body is not None
    v, f = shell_union.from_manifold(body)
    assert v.shape == ball.vertices.shape and signed_volumes(v, f).sum() == pytest.approx(ball.volume)


def test_simplification_removes_flat_faces_within_the_tolerance() -> None:
    fine = box((0, 0, 0)).subdivide().subdivide()
    out = shell_union.simplify_within(soup(fine), 1e-6)
    assert out is not None and len(out.f) < 24
    assert signed_volumes(out.v, out.f).sum() == pytest.approx(1)
    assert shell_union.simplify_within(soup(fine).select(np.arange(len(fine.faces)) > 0), 1e-6) is None


def test_offending_faces_collapse_and_the_topology_stays() -> None:
    ball = trimesh.creation.icosphere(2)
    v = np.asarray(ball.vertices).copy()
    v[0] = -0.2 * v[0]  # a spike inward is no intersection yet; push it through the far side
    v[0] *= 8
    before = Soup(v, np.asarray(ball.faces, np.int32), np.arange(320, dtype=np.int32))
    pairs = len(self_intersections(before.v, before.f))
    after = shell_union.collapse_intersecting_faces(before)
    assert pairs > 0 and len(after.f) < len(before.f)
    assert trimesh.Trimesh(after.v, after.f, process=False).euler_number == 2
    clean = shell_union.collapse_intersecting_faces(soup(ball))
    assert len(clean.f) == 320
