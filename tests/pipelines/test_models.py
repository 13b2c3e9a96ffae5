"""Models in memory and in files: order, slices, names, and folders that appear whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.errors import InputError, Lift3dError
from lift3d.io.mesh.meshes import load_mesh
from lift3d.pipelines.models import (
    FORMATS,
    Models,
    ModelWriter,
    longest_side,
    model_names,
    require_format,
    require_new_folder,
    thumbnail,
)


def boxes(count: int) -> list[trimesh.Trimesh]:
    return [trimesh.creation.box((1, 1, 1 + k)) for k in range(count)]


def in_memory(count: int) -> Models:
    report = {"models": [{"faces": 12} for _ in range(count)]}
    return Models(model_names("box", count), report, boxes(count))


def test_models_are_a_sequence_of_meshes() -> None:
    models = in_memory(3)
    assert len(models) == 3 and models.paths == () and models.names == ("box-01", "box-02", "box-03")
    assert [mesh.extents[2] for mesh in models] == [1, 2, 3]
    assert models[-1].extents[2] == 3 and models[0] in list(models)
    part = models[1:]
    assert isinstance(part, Models) and part.names == ("box-02", "box-03") and part[0].extents[2] == 2
    with pytest.raises(IndexError):
        models[3]


def test_names_and_models_must_agree() -> None:
    with pytest.raises(ValueError, match="2 names for 1"):
        Models(["a", "b"], {}, boxes(1))
    with pytest.raises(ValueError, match="1 names for 0"):
        Models(["a"], {}, paths=[])


@pytest.mark.parametrize("format", ["stl", ".PLY"])
def test_saved_models_are_read_from_their_files(tmp_path: Path, format: str) -> None:
    folder = in_memory(3).save(tmp_path / "out", format)
    ending = format.lstrip(".").lower()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    saved = Models(model_names("box", 3), report, paths=[folder / row["file"] for row in report["models"]])
    assert folder == tmp_path / "out"
    assert [path.name for path in saved.paths] == [f"box-0{k}.{ending}" for k in (1, 2, 3)]
    assert [round(mesh.extents[2], 5) for mesh in saved] == [1, 2, 3]
    assert saved[1:].paths == saved.paths[1:]
    assert Pil.open(tmp_path / "out" / "sheet.png").width == 3 * 192
    saved.paths[0].unlink()
    with pytest.raises(InputError, match="does not exist"):
        saved[0]
    assert saved[1].extents[2] == pytest.approx(2), "the others do not need it"


def test_a_folder_with_an_open_mesh_is_not_written(tmp_path: Path) -> None:
    hollow = trimesh.creation.box()
    hollow.update_faces(np.arange(11))
    models = Models(["good", "open"], {"models": [{}, {}]}, [trimesh.creation.box(), hollow])
    with pytest.raises(Lift3dError):
        models.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_sheet_shows_at_most_max_tiles(tmp_path: Path) -> None:
    writer = ModelWriter(tmp_path, "stl", max_tiles=2)
    for name, mesh in zip("abc", boxes(3)):
        assert writer.add(name, mesh) == f"{name}.stl"
    writer.finish({"models": [{}, {}, {}]})
    assert Pil.open(tmp_path / "sheet.png").width == 2 * 192
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "a.stl",
        "b.stl",
        "c.stl",
        "report.json",
        "sheet.png",
    ]


def test_folders_that_hold_files_are_refused(tmp_path: Path) -> None:
    require_new_folder(tmp_path / "new")
    require_new_folder(tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        in_memory(1).save(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        require_new_folder(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_formats() -> None:
    assert [require_format(f".{name.upper()}") for name in FORMATS if name != "usdz"] == [
        name for name in FORMATS if name != "usdz"
    ]
    for bad in ("exe", "", "glb/../x"):
        with pytest.raises(InputError, match="not a model format"):
            require_format(bad)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20_000))
def test_names_sort_in_their_order(count: int) -> None:
    names = model_names("x", count)
    assert len(set(names)) == count and names == sorted(names)
    assert names[-1] == f"x-{count:0{len(names[0]) - 2}d}" and len(names[0]) >= 4


def test_longest_side_and_thumbnail(tmp_path: Path) -> None:
    box = trimesh.creation.box((0.3, 2.5, 1.0))
    box.apply_translation((5, -7, 9))
    assert longest_side(box) == pytest.approx(2.5)
    picture = thumbnail(box, 48)
    assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8
    background = picture[0, 0].astype(int)
    shown = np.abs(picture.astype(int) - background).max(-1) > 20
    assert 0.05 < shown.mean() < 0.95
    assert load_mesh(in_memory(1).save(tmp_path / "o", "ply") / "box-01.ply").is_watertight
