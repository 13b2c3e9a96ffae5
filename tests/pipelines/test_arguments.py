"""Paths and values in memory become the same representations; whatever is neither is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines.arguments import (
    load_model_mesh,
    load_model_parts,
    load_photo,
    name_of,
    or_ignore,
    or_silent,
    require_axis,
)
from lift3d.types import Image


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (70, 80, 3), np.uint8)


def test_a_photo_is_the_same_from_a_file_an_array_and_pillow(tmp_path: Path, pixels: np.ndarray) -> None:
    Pil.fromarray(pixels).save(tmp_path / "p.png")
    for source in (
        tmp_path / "p.png",
        str(tmp_path / "p.png"),
        pixels,
        Pil.fromarray(pixels),
        Image(pixels, "p"),
    ):
        image = load_photo(source)
        np.testing.assert_array_equal(image.pixels, pixels)
        assert image.mask is None


def test_transparency_is_the_mask(tmp_path: Path, pixels: np.ndarray) -> None:
    alpha = np.zeros((70, 80), np.uint8)
    alpha[10:40, 20:60] = 255
    rgba = np.dstack([pixels, alpha])
    Pil.fromarray(rgba).save(tmp_path / "p.png")
    for source in (tmp_path / "p.png", rgba, Pil.fromarray(rgba)):
        mask = load_photo(source).mask
        assert mask is not None
        np.testing.assert_array_equal(mask, alpha > 0)


def test_photos_are_reduced_to_max_size(pixels: np.ndarray) -> None:
    image = load_photo(pixels, max_size=40)
    assert (image.width, image.height) == (40, 35)


def test_what_is_no_photo_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"x")
    (tmp_path / "text.png").write_bytes(b"not a picture")
    for source, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "film.mp4", "is a video"),
        (tmp_path / "none.png", "no photos at|does not exist"),
        (tmp_path / "text.png", "not a picture"),
        (np.zeros((80, 80, 3), np.float32), "float32"),
        (np.zeros((80, 80, 7), np.uint8), "shape"),
        (np.zeros((2, 2, 3), np.uint8), "too small"),
    ):
        with pytest.raises(InputError, match=words):
            load_photo(source)


def test_meshes_from_files_and_memory(tmp_path: Path) -> None:
    box = trimesh.creation.box((1, 2, 3))
    save_mesh(box, tmp_path / "box.stl")
    np.testing.assert_allclose(load_model_mesh(tmp_path / "box.stl").extents, (1, 2, 3), rtol=1e-6)
    mesh = load_model_mesh(box)
    mesh.vertices[:] = 0
    np.testing.assert_allclose(box.extents, (1, 2, 3)), "the caller's mesh is not changed"
    for load in (load_model_mesh, load_model_parts):
        with pytest.raises(InputError, match="is a folder"):
            load(tmp_path)
        with pytest.raises(InputError, match="does not exist"):
            load(tmp_path / "none.obj")
        with pytest.raises(InputError, match="not a format"):
            load(tmp_path / "none.xyz")


@pytest.mark.parametrize("ending", ["obj", "glb"])
def test_the_upright_axis_matters_where_the_format_does_not_state_it(tmp_path: Path, ending: str) -> None:
    box = trimesh.creation.box((1, 2, 3))
    save_mesh(box, tmp_path / f"box.{ending}")
    extents = {}
    for up in ("z", "y"):
        (part,) = load_model_parts(tmp_path / f"box.{ending}", up).parts
        extents[up] = np.ptp(part.vertices, axis=0)
    np.testing.assert_allclose(extents["z"], (1, 2, 3), atol=1e-5)
    np.testing.assert_allclose(extents["y"], (1, 3, 2) if ending == "obj" else (1, 2, 3), atol=1e-5)


def test_a_mesh_in_memory_keeps_unit_and_axis() -> None:
    box = trimesh.creation.box((1, 2, 3))
    box.units = "m"
    model = load_model_parts(box)
    assert model.unit == "m" and len(model.parts) == 1
    np.testing.assert_allclose(np.ptp(load_model_parts(box, "y").parts[0].vertices, axis=0), (1, 3, 2))
    with pytest.raises(InputError, match="--up takes y or z"):
        require_axis("x" * 100)


def test_names_and_callbacks(pixels: np.ndarray) -> None:
    assert name_of("a/b.png", "it") == name_of(Path("a/b.png"), "it") == "b.png"
    assert name_of(Image(pixels, "p"), "it") == "p" and name_of(Image(pixels), "it") == "it"
    assert name_of(pixels, "it") == "it"
    heard: list[object] = []
    or_silent(None)("step", 0.5)
    or_ignore(None)("sentence")
    or_silent(lambda *words: heard.append(words))("step", 0.5)
    or_ignore(heard.append)("sentence")
    assert heard == [("step", 0.5), "sentence"]
