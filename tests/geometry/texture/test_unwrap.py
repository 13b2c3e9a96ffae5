"""Charts and atlas: texels have one owner, charts keep apart, nothing is mirrored, faces stay."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import grey_dilation

from lift3d.errors import InputError
from lift3d.geometry.texture.charts import plane_axes, segment_charts
from lift3d.geometry.texture.face_graph import face_neighbours
from lift3d.geometry.texture.unwrap import Atlas, unwrap


def wavy(kind: str, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    mesh = {
        "sphere": lambda: trimesh.creation.icosphere(subdivisions=3),
        "box": lambda: trimesh.creation.box((1, 2, 3)).subdivide().subdivide(),
        "torus": lambda: trimesh.creation.torus(1.0, 0.4, major_sections=40, minor_sections=20),
        "two": lambda: trimesh.util.concatenate(
            [trimesh.creation.icosphere(subdivisions=2), trimesh.creation.box().apply_translation((3, 0, 0))]
        ),
    }[kind]()
    rng = np.random.default_rng(seed)
    v = np.asarray(mesh.vertices) + noise * rng.normal(size=mesh.vertices.shape)
    return v, np.asarray(mesh.faces, np.int32)


def owners(atlas: Atlas) -> tuple[np.ndarray, np.ndarray]:
    """The slow twin of the rasteriser: how many faces hold each texel centre strictly, and the last one."""
    count = np.zeros((atlas.size, atlas.size), int)
    last = np.full(count.shape, -1)
    for i, (a, b, c) in enumerate(atlas.texels()):
        low = np.floor(np.min([a, b, c], 0)).astype(int)
        high = np.ceil(np.max([a, b, c], 0)).astype(int)
        x, y = np.meshgrid(np.arange(low[0], high[0]) + 0.5, np.arange(low[1], high[1]) + 0.5)
        p = np.stack([x, y], -1)

        def side(s: np.ndarray, t: np.ndarray, p: np.ndarray = p) -> np.ndarray:
            return (t[0] - s[0]) * (p[..., 1] - s[1]) - (t[1] - s[1]) * (p[..., 0] - s[0])

        e = np.stack([side(a, b), side(b, c), side(c, a)])
        inside = (e > 1e-6).all(0) | (e < -1e-6).all(0)
        block = (slice(low[1], high[1]), slice(low[0], high[0]))
        count[block] += inside
        last[block][inside] = i
    return count, last


def check(v: np.ndarray, f: np.ndarray, size: int = 256, padding: int = 4) -> Atlas:
    atlas = unwrap(v, f, size, padding)
    assert (atlas.vertex[atlas.faces] == f).all()
    assert np.isfinite(atlas.uv).all() and atlas.uv.min() >= 0 and atlas.uv.max() <= 1
    corners = atlas.texels()
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    doubled = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    assert (doubled < 1e-3).all(), "outward faces are counter-clockwise with v upwards: nothing mirrored"
    return atlas


@pytest.mark.parametrize("kind", ["sphere", "box", "torus", "two"])
@pytest.mark.parametrize("noise", [0.0, 0.01])
@pytest.mark.slow
def test_no_texel_has_two_owners_and_charts_keep_apart(kind: str, noise: float) -> None:
    v, f = wavy(kind, noise)
    atlas = check(v, f)
    count, last = owners(atlas)
    # The cut looks for overlap on its own grid of samples: what it can miss is thinner than one of them.
    assert (count > 1).sum() <= 0.001 * (count > 0).sum()
    chart = np.where(last >= 0, atlas.charts[last], -1)
    wide = grey_dilation(chart, (3, 3))  # the largest chart number within one texel: another chart's?
    assert (wide[chart >= 0] == chart[chart >= 0]).mean() > 0.9999
    assert (count > 0).mean() > 0.3


def test_charts_are_seen_whole_from_their_direction() -> None:
    v, f = wavy("torus", 0.005)
    charts, directions = segment_charts(v, f)
    normals = trimesh.Trimesh(v, f, process=False).face_normals
    assert np.einsum("fc,fc->f", normals, directions[charts]).min() > 0.13
    assert (np.unique(charts) == np.arange(len(directions))).all()
    neighbours = face_neighbours(f)
    for chart in range(len(directions)):
        members = np.flatnonzero(charts == chart)
        reached, front = {int(members[0])}, [int(members[0])]
        while front:
            new = [int(j) for j in neighbours[front.pop()] if j >= 0 and charts[j] == chart]
            front += [j for j in new if j not in reached]
            reached.update(new)
        assert reached == set(members.tolist())


def test_few_charts_for_simple_shapes() -> None:
    assert segment_charts(*wavy("box"))[0].max() + 1 == 6
    assert segment_charts(*wavy("sphere"))[0].max() + 1 <= 16


def test_plane_is_right_handed() -> None:
    d = np.random.default_rng(0).normal(size=(50, 3))
    d /= np.linalg.norm(d, axis=1)[:, None]
    x, y = plane_axes(d)
    np.testing.assert_allclose(np.cross(x, y), d, atol=1e-12)


def test_same_bytes() -> None:
    v, f = wavy("torus", 0.01)
    a, b = unwrap(v, f, 512), unwrap(v.copy(), f.copy(), 512)
    assert a.uv.tobytes() == b.uv.tobytes() and a.faces.tobytes() == b.faces.tobytes()


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 0.08), st.sampled_from(["sphere", "torus", "two"]))
def test_any_noise_unwraps(seed: int, noise: float, kind: str) -> None:
    check(*wavy(kind, noise, seed))


def test_degenerate_and_non_manifold_faces() -> None:
    v, f = wavy("sphere")
    f = np.concatenate([f, f[:5], [[0, 0, 1], [2, 2, 2]], f[7:8, ::-1]]).astype(np.int32)
    atlas = unwrap(v, f, 256)
    assert (atlas.vertex[atlas.faces] == f).all() and np.isfinite(atlas.uv).all()
    for empty in (f[:0], np.array([[3, 3, 4]], np.int32)):
        with pytest.raises(InputError):
            unwrap(v, empty, 256)


def test_neighbours_against_twin() -> None:
    _, f = wavy("torus")
    neighbours = face_neighbours(f)
    of_edge: dict[frozenset[int], list[int]] = {}
    for i, face in enumerate(f.tolist()):
        for k in range(3):
            of_edge.setdefault(frozenset((face[k], face[(k + 1) % 3])), []).append(i)
    for i, face in enumerate(f.tolist()):
        for k in range(3):
            (other,) = set(of_edge[frozenset((face[k], face[(k + 1) % 3]))]) - {i}
            assert neighbours[i, k] == other
