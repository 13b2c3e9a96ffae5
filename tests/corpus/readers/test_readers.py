"""Each reader gets back what the formats' descriptions put in, and ends in shapes or one clear error on anything else."""

from __future__ import annotations

import game_files as files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.corpus.readers import ac3d, g3d, md2, pmd, spm, vrml
from lift3d.errors import InputError

GOOD = {
    "pmd": (pmd.read, files.pmd()),
    "pmd3": (pmd.read, files.pmd(3)),
    "md2": (md2.read, files.md2()),
    "g3d": (g3d.read, files.g3d()),
    "spm": (spm.read, files.spm()),
    "spm_all": (spm.read, files.spm(7, 1, b"b.png")),
    "vrml": (vrml.read, files.vrml()),
    "ac3d": (ac3d.read, files.ac3d()),
}


def volume(part) -> float:
    a, b, c = (part.vertices[part.faces[:, k]] for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("name", ["pmd", "pmd3", "md2", "g3d", "spm", "spm_all"])
def test_binary_formats_give_the_tetrahedron_back(name):
    read, data = GOOD[name]
    (part,) = read(data, name)
    assert volume(part) == pytest.approx(4.0, rel=1e-3)
    corners = part.vertices[part.faces[0]]
    np.testing.assert_allclose(corners, files.V[files.F[0]], atol=0.02)
    np.testing.assert_allclose(part.uv[part.faces[0]], files.UV[files.F[0]], atol=1e-3)
    if name[:3] in ("md2", "g3d", "spm"):
        assert "thing" in part.material.name


@pytest.mark.parametrize("flags", range(8))
@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("second", [b"", b"x.png"])
def test_spm_rows_of_every_layout(flags, kind, second):
    (part,) = spm.read(files.spm(flags, kind, second), "x.spm")
    np.testing.assert_array_equal(part.vertices, files.V)
    np.testing.assert_allclose(part.uv, files.UV, atol=1e-3)


def test_g3d_without_texture_keeps_its_colour():
    (part,) = g3d.read(files.g3d(frames=1, textured=False), "x.g3d")
    assert part.uv is None and part.material.colour == (255, 128, 0, 255)


def test_vrml_polygons_colours_and_materials_used_again():
    first, second = vrml.read(files.vrml(), "part.wrl")
    assert volume(first) == pytest.approx(4.0) and first.material.colour == (204, 102, 0, 191)
    assert second.material.colour == first.material.colour and len(second.faces) == 2


def test_ac3d_translations_rotations_and_materials():
    (part,) = ac3d.read(files.ac3d(), "x.ac")
    assert volume(part) == pytest.approx(4.0)
    assert part.material.name == "thing.rgb" and part.material.colour == (0, 128, 255, 128)
    turn = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]).T
    np.testing.assert_allclose(part.vertices[:3], files.V[files.F[0]] @ turn.T + [10, 0, 5])
    np.testing.assert_allclose(part.uv[:3], files.UV[files.F[0]])


def test_triangles_of_a_strip_have_one_orientation():
    text = "AC3Db\nOBJECT poly\nnumvert 4\n0 0 0\n1 0 0\n0 1 0\n1 1 0\nnumsurf 1\nSURF 4\nmat 0\nrefs 4\n"
    (part,) = ac3d.read((text + "0 0 0\n1 0 0\n2 0 0\n3 0 0\nkids 0\n").encode(), "x.acc")
    a, b, c = (part.vertices[part.faces[:, k]] for k in range(3))
    assert len(part.faces) == 2 and (np.cross(b - a, c - a)[:, 2] > 0).all()


@pytest.mark.parametrize("name", GOOD)
def test_a_file_cut_anywhere_is_refused_or_read(name):
    read, data = GOOD[name]
    for end in range(0, len(data), max(1, len(data) // 60)):
        try:
            read(data[:end], name)
        except InputError as error:
            assert name in str(error) or "x" in str(error)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
@pytest.mark.slow
def test_changed_bytes_end_in_shapes_or_one_error(name, changes):
    read, data = GOOD[name]
    changed = bytearray(data)
    for place, value in changes:
        changed[int(place * (len(changed) - 1))] = value
    try:
        for part in read(bytes(changed), name):
            assert np.isfinite(part.vertices).all()
            assert not len(part.faces) or (part.faces.min() >= 0 and part.faces.max() < len(part.vertices))
    except InputError as error:
        assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("textured", [True, False])
def test_old_g3d(version, textured):
    first, second = g3d.read(files.g3d_old(version, textured=textured), "x.g3d")
    for part in (first, second):
        np.testing.assert_array_equal(part.vertices, files.V)
        np.testing.assert_array_equal(part.faces, files.F)
        assert part.material.name == ("thing.tga" if textured else "")
        assert part.material.colour[1] == (255 if textured else 128) and (part.uv is None) == (not textured)


def test_pmd_points_that_are_attached_to_no_bone():
    points = pmd.attachment_points(files.pmd_with_points(), "x.pmd")
    assert list(points) == ["prop-head"]
    np.testing.assert_allclose(points["prop-head"] @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-6)
