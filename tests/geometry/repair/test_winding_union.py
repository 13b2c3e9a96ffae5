"""Closed surfaces that intersect themselves become the boundary of what they enclose, with few faces and analytic volumes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from tests.helpers.solid_twin import why_not_solid

from lift3d.geometry.repair.winding_union import unite_windings
from lift3d.geometry.repair.working_mesh import Soup, signed_volumes
from lift3d.maps.mesh_to_solid import MeshToSolid


def prism(outline: np.ndarray, height: float = 1.0, twist: float = 0.0, levels: int = 1) -> trimesh.Trimesh:
    """A closed prism whose caps are fans, whatever the outline (K, 2); its levels are rotated up to `twist`."""
    k, rows, faces = len(outline), [], []
    for level in range(levels + 1):
        c, s = np.cos(twist * level / levels), np.sin(twist * level / levels)
        turned = outline @ np.array([[c, s], [-s, c]])
        rows.append(np.column_stack([turned, np.full(k, height * level / levels)]))
    for level in range(levels):
        for j in range(k):
            a, b = level * k + j, level * k + (j + 1) % k
            faces += [[a, b, b + k], [a, b + k, a + k]]
    faces += [[0, j + 1, j] for j in range(1, k - 1)]
    faces += [[levels * k, levels * k + j, levels * k + j + 1] for j in range(1, k - 1)]
    return trimesh.Trimesh(np.concatenate(rows), faces, process=False)


def star(points: int, step: int) -> np.ndarray:
    """(points, 2) corners of a star polygon in the order of its line, which crosses itself."""
    angle = 2 * np.pi * step * np.arange(points) / points
    return np.column_stack([np.cos(angle), np.sin(angle)])


def star_area(points: int, step: int) -> float:
    """The area inside a star polygon of radius 1, its centre once."""
    inner = np.cos(np.pi * step / points) / np.cos(np.pi * (step - 1) / points)
    return points * np.sin(np.pi / points) * inner


def torus(noise: float, seed: int = 0, ring: float = 1.0, tube: float = 0.4) -> trimesh.Trimesh:
    mesh = trimesh.creation.torus(ring, tube, 8, 6)
    mesh.vertices += np.random.default_rng(seed).normal(size=mesh.vertices.shape) * noise
    return mesh


L_SHAPE = np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]]) - 0.7
CROSSED = [
    ("pentagram", prism(star(5, 2))),
    ("heptagram", prism(star(7, 3))),
    ("twisted pentagram", prism(star(5, 2), 2, 1.0, 3)),
    ("twisted L", prism(L_SHAPE, 3, 4, 3)),
    ("bow tie", prism(np.array([[0, 0], [1, 1], [1, 0], [0, 1]], float))),
    ("torus of 96 faces", torus(0.15)),
    ("torus of 96 faces, folded", torus(0.3, 1)),
    ("torus thicker than its hole", torus(0, 0, 0.5, 0.8)),
]


@pytest.mark.parametrize(("name", "mesh"), CROSSED, ids=[name for name, _ in CROSSED])
def test_few_faces_and_no_remeshing(name: str, mesh: trimesh.Trimesh) -> None:
    result = MeshToSolid(samples=1000).repair(mesh)
    assert why_not_solid(result.mesh) == []
    assert not result.remeshed and len(result.mesh.faces) <= 10 * len(mesh.faces)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_rounding_leaves_is_cut_again(seed: int) -> None:
    """A crumpled sphere of 80 faces and about 1000 intersections, whose boundary has thousands of faces."""
    mesh = trimesh.creation.icosphere(1)
    v = mesh.vertices * np.random.default_rng(seed).uniform(-1, 1, mesh.vertices.shape)
    result = MeshToSolid(samples=1000).repair(trimesh.Trimesh(v, mesh.faces, process=False))
    assert not result.remeshed and why_not_solid(result.mesh) == []
    assert result.backward < 0.1


@pytest.mark.parametrize(("points", "step"), [(5, 2), (7, 2), (7, 3)])
def test_stars_have_the_volume_of_their_silhouette(points: int, step: int) -> None:
    result = MeshToSolid(samples=1000).repair(prism(star(points, step)))
    assert result.mesh.volume == pytest.approx(star_area(points, step), rel=1e-3)


def test_both_halves_of_a_bow_tie_are_kept() -> None:
    result = MeshToSolid(samples=1000).repair(prism(np.array([[0, 0], [1, 1], [1, 0], [0, 1]], float)))
    assert result.mesh.volume == pytest.approx(0.5, rel=1e-3) and len(result.mesh.faces) < 60


def test_what_is_inside_out_and_small_goes() -> None:
    mesh = trimesh.creation.icosphere(1)
    v = mesh.vertices.copy()
    v[0] *= -2
    f = np.asarray(mesh.faces, np.int32)
    out = next(unite_windings(Soup(np.asarray(v), f, np.arange(len(f), dtype=np.int32))))
    assert signed_volumes(out.v, out.f).sum() > abs(trimesh.Trimesh(v, f, process=False).volume)
    assert (out.origin == -1).all() and len(out.f) < 200


def test_nothing_for_sound_and_for_large_meshes(monkeypatch: pytest.MonkeyPatch) -> None:
    for mesh in (trimesh.creation.box(), prism(star(5, 2))):
        f = np.asarray(mesh.faces, np.int32)
        monkeypatch.setattr("lift3d.geometry.repair.winding_union.MOST_FACES", 12)
        whole = Soup(np.asarray(mesh.vertices, np.float64), f, np.arange(len(f), dtype=np.int32))
        assert list(unite_windings(whole)) == []
