"""The Python API on small real inputs, as its documentation shows it."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import trimesh

import lift3d
from lift3d import api
from lift3d.errors import InputError, Lift3dError


@pytest.mark.slow
def test_the_examples_in_the_docstrings_run() -> None:
    found = doctest.testmod(api)
    assert found.attempted >= 6 and found.failed == 0


@pytest.mark.slow
def test_load_repair_check_save(tmp_path: Path) -> None:
    broken = trimesh.creation.icosphere(2)
    broken.update_faces(np.arange(len(broken.faces)) > 3)
    broken.export(tmp_path / "broken.stl")
    mesh = lift3d.load(tmp_path / "broken.stl")
    assert not lift3d.check(mesh).printable
    fixed = lift3d.repair(mesh)
    assert lift3d.check(fixed).printable and fixed.is_volume
    files = lift3d.save(fixed, tmp_path / "fixed.3mf")
    assert files == [tmp_path / "fixed.3mf"]
    assert lift3d.check(tmp_path / "fixed.3mf").printable
    (written,) = lift3d.convert(tmp_path / "fixed.3mf", tmp_path / "fixed.glb")
    assert lift3d.load(written).volume == pytest.approx(fixed.volume, rel=1e-5)


def test_every_mapping_can_be_created_and_listed() -> None:
    cards = lift3d.list_mappings()
    assert len({card.name for card in cards}) == len(cards) >= 20
    for card in cards:
        assert lift3d.create(card.name).card is card
    with pytest.raises(InputError, match="did you mean mesh_to_voxels"):
        lift3d.create("mesh_to_voxel")
    with pytest.raises(InputError, match="no option"):
        lift3d.create("voxels_to_mesh", colour="red")
    with pytest.raises(InputError, match="takes no weights"):
        lift3d.create("voxels_to_mesh", weights="runs/mine")


@pytest.mark.slow
def test_a_created_mapping_composes() -> None:
    chain = lift3d.create("mesh_to_voxels") >> lift3d.create("voxels_to_mesh")
    ball = chain(trimesh.creation.icosphere(3))
    assert ball.is_volume and ball.volume == pytest.approx(4 / 3 * np.pi, rel=0.05)


def test_the_networks_are_listed_with_size_and_licence() -> None:
    models = lift3d.list_models()
    assert {"image_to_voxels", "autoencoder", "flow"} <= {model.name for model in models}
    assert all(model.licence and 0 < model.bytes <= 16 << 20 for model in models)


@pytest.mark.parametrize(
    "call",
    [
        lambda: lift3d.reconstruct([]),
        lambda: lift3d.reconstruct("no/such/folder"),
        lambda: lift3d.reconstruct(np.zeros((9, 9, 3), np.uint8)),
        lambda: lift3d.reconstruct("photos", height="24"),
        lambda: lift3d.reconstruct("photos", height=-1.0),
        lambda: lift3d.reconstruct("photos", method="magic"),
        lambda: lift3d.load("no-such-file.stl"),
        lambda: lift3d.save(trimesh.creation.box(), "box.txt"),
        lambda: lift3d.repair(trimesh.Trimesh()),
        lambda: lift3d.complete(np.zeros((10, 3))),
        lambda: lift3d.check(trimesh.creation.box(), bed="large"),
        lambda: lift3d.create("no_such_mapping"),
    ],
)
def test_bad_input_is_one_error_with_advice(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Lift3dError) as raised:
        call()
    assert raised.value.cause and "\n" not in str(raised.value)


@pytest.mark.slow
def test_one_picture_in_memory_becomes_a_solid(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pixels = np.full((240, 240, 4), 255, np.uint8)
    y, x = np.mgrid[:240, :240]
    body = (np.abs(x - 120) < 60) & (np.abs(y - 130) < 80)
    pixels[..., :3] = np.stack([x, y, 255 - x], -1).astype(np.uint8)
    pixels[..., 3] = np.where(body, 255, 0)
    steps: list[str] = []
    result = lift3d.reconstruct(pixels, height="24cm", seed=0, progress=lambda step, done: steps.append(step))
    assert result.kind == "object" and lift3d.check(result.mesh).is_solid and result.mesh.units == "m"
    assert np.ptp(result.mesh.vertices[:, 2]) == pytest.approx(0.24, rel=1e-6)
    assert result.report["model"]["is_solid"] and len(result.views) == 1 and result.model_file is None
    assert {"photos", "shape", "surface", "texture"} <= set(steps)
    saved = result.save(tmp_path / "block.glb")
    assert saved == tmp_path / "block.glb"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["block.glb", "block.png", "block.report.json"]
    assert lift3d.check(tmp_path / "block.glb").is_solid


@pytest.mark.parametrize(
    "call",
    [
        lambda: lift3d.check(None),  # type: ignore[arg-type]
        lambda: lift3d.check(np.zeros((3, 3))),  # type: ignore[arg-type]
        lambda: lift3d.load(None),  # type: ignore[arg-type]
        lambda: lift3d.repair(trimesh.PointCloud(np.zeros((5, 3)))),  # type: ignore[arg-type]
        lambda: lift3d.check(trimesh.creation.box(), bed=5),  # type: ignore[arg-type]
        lambda: lift3d.complete(np.zeros((500, 6))),
        lambda: lift3d.complete(np.full((500, 6), np.nan)),
        lambda: lift3d.complete(np.array([["a"] * 6] * 200)),
        lambda: lift3d.reconstruct(np.zeros((96, 96, 3), np.uint8), seed=-1),
        lambda: lift3d.reconstruct(np.zeros((96, 96, 3), np.uint8), seed="a"),  # type: ignore[arg-type]
    ],
)
def test_values_of_a_wrong_type_are_one_error(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        call()


@pytest.mark.slow
def test_scenes_and_paths_serve_as_meshes(tmp_path: Path) -> None:
    scene = trimesh.Scene([trimesh.creation.box()])
    assert lift3d.check(scene).printable and lift3d.repair(scene).is_volume  # type: ignore[arg-type]
    lift3d.save(trimesh.creation.box(), tmp_path / "a.stl")
    assert lift3d.save(tmp_path / "a.stl", tmp_path / "b.ply") == [tmp_path / "b.ply"]
