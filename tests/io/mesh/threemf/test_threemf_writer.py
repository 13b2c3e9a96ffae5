"""3MF out: no triangle with two equal corners, and models far from the origin keep their shape."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from lift3d.errors import InputError
from lift3d.io.mesh.common import format_rows
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.io.mesh.threemf.writer import CHUNK, _elements, _merged


def triangles(path: Path) -> np.ndarray:
    text = zipfile.ZipFile(path).read("3D/3dmodel.model").decode()
    return np.array(re.findall(r'v1="(\d+)" v2="(\d+)" v3="(\d+)"', text), int)


def degenerate(colours: bool = False, textured: bool = False) -> trimesh.Trimesh:
    """A box with faces of equal indices, and of different indices at one position."""
    box = trimesh.creation.box((1, 2, 3))
    points = np.concatenate([box.vertices, box.vertices[:1]])
    faces = np.concatenate([[[0, 0, 1]], box.faces, [[3, 3, 3], [0, 8, 1]]])
    mesh = trimesh.Trimesh(points, faces, process=False)
    if colours:
        rgba = np.column_stack([np.arange(9) * 20, np.arange(9), np.zeros(9), np.full(9, 255)]).astype(
            np.uint8
        )
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=rgba)
    if textured:
        picture = __import__("PIL.Image").Image.new("RGB", (8, 8), (9, 8, 7))
        mesh.visual = trimesh.visual.TextureVisuals(uv=np.linspace(0, 1, 18).reshape(9, 2), image=picture)
    return mesh


@pytest.mark.parametrize(("colours", "textured"), [(False, False), (True, False), (False, True)])
def test_triangles_with_two_equal_corners_are_not_written(
    tmp_path: Path, colours: bool, textured: bool
) -> None:
    save_mesh(degenerate(colours, textured), tmp_path / "a.3mf")
    written = triangles(tmp_path / "a.3mf")
    assert len(written) == 12 and (written != np.roll(written, 1, axis=1)).all()
    back = load_mesh(tmp_path / "a.3mf")
    assert len(back.faces) == 12 and back.volume == pytest.approx(6) and not back.metadata.get("warnings")


def test_nothing_but_degenerate_triangles_is_refused(tmp_path: Path) -> None:
    mesh = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [1, 0, 0]], [[0, 1, 2], [0, 0, 1]], process=False)
    with pytest.raises(InputError, match="two equal corners"):
        save_mesh(mesh, tmp_path / "a.3mf")
    assert not (tmp_path / "a.3mf").exists()


def test_a_model_at_survey_coordinates_keeps_its_shape_and_place(tmp_path: Path) -> None:
    box = trimesh.creation.box((0.2, 0.4, 0.6))
    box.apply_translation([500000.1, 4649776.2, 12.3])
    box.units = "m"
    save_mesh(box, tmp_path / "a.3mf")
    back = load_mesh(tmp_path / "a.3mf")
    assert np.allclose(back.bounds, box.bounds, rtol=0, atol=1e-7) and np.allclose(
        back.extents, [0.2, 0.4, 0.6], rtol=1e-6
    )
    text = zipfile.ZipFile(tmp_path / "a.3mf").read("3D/3dmodel.model").decode()
    assert max(abs(float(x)) for x in re.findall(r' x="([^"]+)"', text)) < 1000


def test_rows_are_merged_as_numpy_merges_them() -> None:
    rng = np.random.default_rng(0)
    v = rng.integers(-2, 3, (500, 3)).astype(np.float32) / np.float32(3)
    rows, row = _merged(v)
    expected, inverse = np.unique(v, axis=0, return_inverse=True)
    assert np.array_equal(rows, expected) and np.array_equal(row, inverse.reshape(-1))


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1])
def test_elements_in_chunks_are_those_of_one_row_after_another(count: int) -> None:
    values = np.random.default_rng(1).normal(scale=50, size=(count, 3)).astype(np.float32)
    text = "\n".join(_elements('<vertex x="%.9g" y="%.9g" z="%.9g"/>', values))
    rows = [row.split() for row in format_rows(values)]
    assert text == "\n".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in rows)
