"""What a user types to make up things, with the package's own weights; each bad wish a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from command_line import lift3d
from PIL import Image as Pil

pytest.importorskip("torch")

from lift3d.context import Context  # noqa: E402
from lift3d.errors import CaptureError, InputError  # noqa: E402
from lift3d.geometry.mesh.solidity import inspect_solid  # noqa: E402
from lift3d.geometry.metrics.iou import iou  # noqa: E402
from lift3d.geometry.voxels.canonical_frame import canonical_affine, voxelize_canonical  # noqa: E402
from lift3d.inference.generators import load_sampler  # noqa: E402
from lift3d.io.mesh.meshes import load_mesh, save_mesh  # noqa: E402
from lift3d.maps.label_to_latent import LabelToLatent  # noqa: E402
from lift3d.maps.latent_to_voxels import LatentToVoxels  # noqa: E402
from lift3d.maps.voxels_to_latent import VoxelsToLatent  # noqa: E402
from lift3d.pipelines.generate import (  # noqa: E402
    Options,
    Prefetch,
    file_stem,
    load_generator,
    sample_solids,
)
from lift3d.pipelines.latent_solid import scale_to_longest_side  # noqa: E402
from lift3d.pipelines.models import longest_side  # noqa: E402
from lift3d.taxonomy.lookup import category_index  # noqa: E402
from lift3d.types import Label, Latent, Voxels  # noqa: E402


def refused(*words: object) -> str:
    code, said = lift3d(*words)
    assert code == 2 and said.count("lift3d: ") == 1 and "Traceback" not in said, said
    return said


@pytest.mark.slow
def test_towers_are_solids_that_differ_and_stand(tmp_path: Path) -> None:
    out = tmp_path / "towers"
    code, said = lift3d(
        "generate", "towers", "-n", 3, "--seed", 1, "--size", "80mm", "--format", "stl", "-o", out
    )
    assert code == 0 and "3 models of tower" in said, said
    report = json.loads((out / "report.json").read_text())
    assert [m["file"] for m in report["models"]] == [f"tower-0{i}.stl" for i in (1, 2, 3)]
    assert Pil.open(out / "sheet.png").width > 300
    cells = []
    for i in (1, 2, 3):
        mesh = load_mesh(out / f"tower-0{i}.stl")
        assert inspect_solid(mesh).is_solid
        extent = np.ptp(np.asarray(mesh.vertices), axis=0)
        assert mesh.units == "m" and extent.max() == pytest.approx(
            0.08, rel=1e-3
        )  # written in mm, read in metres
        cells.append(voxelize_canonical(mesh)[0])
    assert max(iou(cells[a], cells[b]) for a, b in ((0, 1), (0, 2), (1, 2))) < 0.95


@pytest.mark.slow
def test_things_begin_with_an_outline_unless_told_otherwise() -> None:
    with_, without = load_generator(Options()), load_generator(Options(layout=False))
    assert with_.with_pca == set(with_.categories) - {"building", "person", "tree"} and not without.with_pca
    assert "chair" in with_.memorised and "truck" not in with_.memorised
    number = with_.categories.index("chair")
    assert not np.array_equal(with_.sample(number, (0, 0)), without.sample(number, (0, 0)))


@pytest.mark.slow
def test_the_same_wish_gives_the_same_and_fewer_are_its_beginning() -> None:
    lamps = load_generator(Options())
    two = [m.mesh for m in sample_solids(lamps, "lamp", Options(2, 5))]
    one = next(sample_solids(lamps, "lamp", Options(1, 5))).mesh
    other = next(sample_solids(lamps, "lamp", Options(1, 6))).mesh
    assert np.array_equal(one.vertices, two[0].vertices) and np.array_equal(one.faces, two[0].faces)
    assert len(other.vertices) != len(one.vertices) or not np.array_equal(other.vertices, one.vertices)


def test_without_a_size_the_longest_side_is_one_and_without_a_unit() -> None:
    box = trimesh.creation.box((0.3, 0.96, 0.5))
    assert (
        longest_side(scale_to_longest_side(box.copy(), None)) == pytest.approx(1)
        and scale_to_longest_side(box.copy(), None).units is None
    )
    assert (
        longest_side(scale_to_longest_side(box.copy(), 0.08)) == pytest.approx(0.08)
        and scale_to_longest_side(box, 0.08).units == "m"
    )


def test_what_is_drawn_ahead_is_the_same_once_and_nothing_too_much() -> None:
    asked: list[int] = []

    def draw(number: int) -> np.ndarray:
        asked.append(number)
        return np.full(2, number, np.float32)

    with Prefetch(draw) as codes:
        got = [int(codes.get(k, more=k not in (1, 4))[0]) for k in range(5)]
    assert got == asked == [0, 1, 2, 3, 4]

    def failing(number: int) -> np.ndarray:
        raise CaptureError(f"draw {number}")

    with Prefetch(failing) as codes, pytest.raises(CaptureError, match="draw 0"):
        codes.get(0, more=True)


@pytest.mark.parametrize("kind", ["../evil", "a/b", "chair\nx", "k" * 300, "C:\\x"])
def test_whatever_a_kind_is_called_its_files_stay_in_their_folder(kind: str) -> None:
    assert (
        Path(file_stem(kind)).name == file_stem(kind)
        and len(file_stem(kind)) <= 60
        and file_stem(kind).isprintable()
    )


@pytest.mark.slow
def test_unusable_arguments_are_refused_in_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "o"
    assert "armchair" in refused("generate", "armchair", "-o", out) and "chair" in refused(
        "generate", "chiar", "-o", out
    )
    assert refused("generate", "bar chair", "-o", out).strip().endswith("did you mean chair?")
    assert "--categories" in refused("generate", "", "-o", out)
    assert "give 1 or more" in refused("generate", "chair", "-n", 0, "-o", out)
    said = refused("generate", "chair", "-n", 1_000_000, "-o", out)
    assert "hours" in said and "GB" in said
    assert "no generator called dream" in refused("generate", "chair", "--model", "dream", "-o", out)
    assert "no output folder" in refused("generate", "chair")
    assert "no category is given" in refused("generate", "-o", out)
    assert "not a model format" in refused("generate", "chair", "--format", "exe", "-o", out)
    assert "seed" in refused("generate", "chair", "--seed", -1, "-o", out)
    assert "prior knows no categories" in refused("generate", "../x", "--model", "prior", "-o", out)
    for size in ("1e30m", "0.0001mm"):
        assert "0.001 mm to 10 km" in refused("generate", "chair", "--size", size, "-o", out)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("mine")
    assert "holds other files" in refused("generate", "chair", "-o", tmp_path / "full")
    assert (tmp_path / "full/x").read_text() == "mine" and not out.exists()
    save_mesh(trimesh.creation.box(), tmp_path / "a.stl")
    assert "2 to" in refused("interpolate", tmp_path / "a.stl", tmp_path / "a.stl", "--steps", 1, "-o", out)
    assert "no path called" in refused(
        "interpolate", tmp_path / "a.stl", tmp_path / "a.stl", "--way", "x", "-o", out
    )
    (tmp_path / "bad.stl").write_bytes(b"solid nothing")
    refused("interpolate", tmp_path / "bad.stl", tmp_path / "a.stl", "-o", out)
    flat = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], process=False)
    flat.export(tmp_path / "flat.ply")
    assert "flat.ply cannot be used" in refused(
        "interpolate", tmp_path / "a.stl", tmp_path / "flat.ply", "-o", out
    )
    one = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False)
    one.export(tmp_path / "one.obj")
    assert "too few faces" in refused("interpolate", tmp_path / "a.stl", tmp_path / "one.obj", "-o", out)
    assert not out.exists()


def test_kinds_are_listed_and_found_by_the_words_of_people() -> None:
    code, said = lift3d("generate", "--kinds")
    assert code == 0 and {"chair", "tower", "integrated_circuit"} <= set(said.split())
    code, said = lift3d("generate", "--kinds", "--model", "prior")
    assert code == 2 and "prior knows no categories" in said
    names = ["chair", "bus", "integrated_circuit", "body_armor", "airplane", "plant"]
    for word, wanted in (
        ("Chairs", 0),
        ("buses", 1),
        ("integrated circuit", 2),
        ("body-armor", 3),
        ("body armour", 3),
        ("bus", 1),
    ):
        assert category_index(names, word) == wanted
    with pytest.raises(InputError, match="no category called 'chiar'.*chair"):
        category_index(names, "chiar")
    for word, meant in (
        ("office chair", "chair"),
        ("armchair", "chair"),
        ("school bus", "bus"),
        ("plane", "airplane"),
    ):
        with pytest.raises(InputError, match=f"did you mean {meant}"):
            category_index(names, word)


@pytest.mark.slow
def test_the_maps_compose_from_a_word_to_cells_and_back() -> None:
    word = LabelToLatent(index=3) >> LatentToVoxels()
    voxels = word(Label.certain("rock"), Context(seed=2))
    assert voxels.quantity == "occupancy" and voxels.values.min() >= 0 and voxels.values.max() <= 1
    ball = (
        np.linalg.norm(np.argwhere(np.ones((64,) * 3)) - [31.5, 31.5, 31.5], axis=1).reshape(64, 64, 64) < 29
    )
    there = Voxels(ball.astype(np.float32), canonical_affine(), "occupancy")
    again = (VoxelsToLatent() >> LatentToVoxels())(there)
    assert iou(again.values[1:-1, 1:-1, 1:-1] > 0.5, ball) > 0.8
    moved = np.diag([3.0, 3, 3, 1])
    far = (VoxelsToLatent() >> LatentToVoxels())(
        Voxels(there.values, moved @ canonical_affine(), "occupancy")
    )
    full = np.argwhere(far.values > 0.5) @ far.affine[:3, :3].T + far.affine[:3, 3]
    wanted = np.argwhere(ball) @ (moved @ canonical_affine())[:3, :3].T + (moved @ canonical_affine())[:3, 3]
    np.testing.assert_allclose(full.min(0), wanted.min(0), atol=0.2)
    np.testing.assert_allclose(full.max(0), wanted.max(0), atol=0.2)


def test_codes_of_other_autoencoders_are_refused() -> None:
    space = load_sampler("prior").space
    shape = load_sampler("prior").sample(0, (0,)).shape
    with pytest.raises(InputError, match="not one of the autoencoder"):
        LatentToVoxels()(Latent(np.zeros(shape, np.float32), space[::-1]))
    assert np.isfinite(LatentToVoxels()(Latent(np.zeros(shape, np.float32), space)).values).all()
