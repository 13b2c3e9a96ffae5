"""Models from one photo with the weights of the package: files of all kinds, and one sentence for each bad one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import lift3d
from PIL import Image as Pil

torch = pytest.importorskip("torch")

from lift3d.io.mesh.meshes import load_mesh  # noqa: E402
from lift3d.weights import MAX_FILE_SIZE, find, list_models, load_tensors  # noqa: E402
from lift3d.weights.pretrained import THRESHOLD  # noqa: E402


def ball(size: int = 220, at: tuple[float, float] = (0.5, 0.5), radius: float = 0.32) -> np.ndarray:
    """(size, size, 3) a shaded red ball before a calm grey wall."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size
    dx, dy = (x - at[0]) / radius, (y - at[1]) / radius
    z = np.sqrt(np.clip(1 - dx**2 - dy**2, 0, 1))
    light = np.clip(0.25 + 0.75 * (-0.4 * dx - 0.6 * dy + 0.7 * z), 0.05, 1)[..., None]
    wall = np.array([150, 152, 155]) + 10 * (y - 0.5)[..., None]
    return np.where((z > 0)[..., None], np.array([205, 60, 45]) * light, wall).clip(0, 255).astype(np.uint8)


def cut(size: int = 220) -> Pil.Image:
    """The ball with transparency."""
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size - 0.5
    alpha = (np.hypot(x, y) < 0.32) * 255
    return Pil.fromarray(np.dstack([ball(size), alpha]).astype(np.uint8))


@pytest.mark.slow
def test_a_cut_out_becomes_a_solid_that_stands(tmp_path: Path) -> None:
    cut().save(tmp_path / "ball.png")
    out = tmp_path / "out/ball.glb"
    code, said = lift3d("reconstruct", tmp_path / "ball.png", "-o", out, "--height", "8cm", "--uncertainty")
    assert code == 0 and "predicted" in said and "80 mm" in said, said
    report = json.loads((tmp_path / "out/ball.report.json").read_text())
    assert report["model"]["is_solid"] and report["model"]["unit"] == "m"
    assert (tmp_path / "out/ball.uncertainty.ply").exists()
    mesh = load_mesh(out)
    low = np.asarray(mesh.vertices)[:, 2]
    corners = mesh.vertices[mesh.faces]
    base = (np.abs(corners[..., 2] - low.min()) < 1e-7).all(1)
    assert abs(low.min()) < 1e-6 and mesh.area_faces[base].sum() > 2e-5  # it stands on a flat base of 20 mm^2
    extent = np.ptp(np.asarray(mesh.vertices), axis=0)
    assert extent[2] == pytest.approx(0.08, rel=1e-3) and extent.max() / extent.min() < 2.2  # about a ball
    again = tmp_path / "again/ball.glb"
    assert lift3d("reconstruct", tmp_path / "ball.png", "-o", again, "--height", "8cm")[0] == 0
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.slow
def test_files_of_all_kinds_give_a_model_or_a_sentence(tmp_path: Path) -> None:
    grey = np.asarray(Pil.fromarray(ball()).convert("L"))
    (tmp_path / "in").mkdir()
    kinds: dict[str, Pil.Image] = {
        "grey.png": Pil.fromarray(grey),
        "deep.png": Pil.fromarray(grey.astype(np.uint16) * 257),
        "press.jpg": Pil.fromarray(ball()).convert("CMYK"),
        "palette.gif.png": Pil.fromarray(ball()).convert("P"),
    }
    for name, picture in kinds.items():
        picture.save(tmp_path / "in" / name)
        code, said = lift3d("mask", tmp_path / "in" / name, "-o", tmp_path / "cut.png")
        assert code in (0, 2) and (code == 0 or said.count("\n") == 1), f"{name}: {said}"
    words = {
        "tiny.png": (Pil.new("RGB", (8, 8), "red"), ""),
        "wall.jpg": (Pil.new("RGB", (400, 300), (120, 120, 125)), "wall.jpg is all of one colour"),
    }
    for name, (picture, sentence) in words.items():
        picture.save(tmp_path / "in" / name)
        code, said = lift3d("reconstruct", tmp_path / "in" / name, "-o", tmp_path / "out/m.glb")
        assert code == 2 and sentence in said and said.count("\n") <= 4, said
    (tmp_path / "in/text.jpg").write_text("no picture at all")
    code, said = lift3d("reconstruct", tmp_path / "in/text.jpg", "-o", tmp_path / "out/m.glb")
    assert code == 2 and "text.jpg" in said and "Traceback" not in said
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_options_that_exclude_each_other_are_one_sentence(tmp_path: Path) -> None:
    cut().save(tmp_path / "ball.png")
    out = tmp_path / "out/m.glb"
    for words, sentence in (
        (("--kind", "scene"), "nothing can be measured from a single photo"),
        (("--method", "guessed", "--kind", "scene"), "a scene cannot be predicted"),
        (("--method", "dreamt"), "use one of auto, measured, predicted"),
        (("--weights", tmp_path / "none"), "there are no weights called"),
    ):
        code, said = lift3d("reconstruct", tmp_path / "ball.png", "-o", out, *words)
        assert code == 2 and sentence in said, said
    for i in range(9):
        cut(64).save(tmp_path / f"p{i}.png")
    many = [tmp_path / f"p{i}.png" for i in range(9)]
    code, said = lift3d("reconstruct", *many, "-o", out, "--method", "guessed")
    assert code == 2 and "a prediction uses at most 8" in said
    code, said = lift3d("reconstruct", tmp_path / "ball.png", "-o", out, "--cameras", tmp_path / "none.json")
    assert code == 2 and "there are no cameras at" in said, said
    (tmp_path / "words.txt").write_text("no weights")
    code, said = lift3d("reconstruct", tmp_path / "ball.png", "-o", out, "--weights", tmp_path / "words.txt")
    assert code == 2 and "is not a weights file" in said, said
    code, said = lift3d("mask", tmp_path, "-o", tmp_path / "cut.png")
    assert code == 2 and "is a folder" in said, said
    for output, sentence in (("cut.jpg", "is not a PNG"), ("ball.png", "would overwrite the photo ball.png")):
        code, said = lift3d("mask", tmp_path / "ball.png", "-o", tmp_path / output)
        assert code == 2 and sentence in said, said


@pytest.mark.slow
def test_one_mask_for_one_photo_and_warnings_are_shown(tmp_path: Path) -> None:
    Pil.fromarray(ball()).save(tmp_path / "ball.png")
    Pil.fromarray(np.asarray(cut())[..., 3]).save(tmp_path / "white.png")
    out = tmp_path / "out/m.glb"
    code, said = lift3d("reconstruct", tmp_path / "ball.png", "-o", out, "--masks", tmp_path / "white.png")
    assert code == 0 and "predicted" in said, said
    blue = np.where(np.asarray(cut())[..., 3:] > 0, [[[20, 60, 200]]], 0)
    alpha = np.zeros((220, 220, 1)) + 255 * (np.abs(np.mgrid[-110:110, -110:110]).sum(0) < 30)[..., None]
    Pil.fromarray(np.dstack([blue, alpha]).astype(np.uint8)).save(tmp_path / "other.png")
    code, said = lift3d("reconstruct", tmp_path / "ball.png", tmp_path / "other.png", "-o", out)
    words = " ".join(said.split())
    assert code == 0 and "unlike the first photo" in words and "colours are not used" in words, said


def test_a_blurred_photo_keeps_its_colours_and_loses_its_features() -> None:
    from lift3d.pipelines.reconstruction.single_view import blur_features
    from lift3d.types import Image

    y, x = np.mgrid[0:300, 0:260]
    mask = np.hypot(x - 130, y - 150) < 100
    pixels = np.where(((x // 4 + y // 4) % 2 == 0)[..., None], [200, 40, 60], [100, 140, 60])
    pixels[~mask] = 255  # what lies behind must not bleed in
    out = blur_features(Image(pixels.astype(np.uint8), "m", mask=mask)).pixels[mask].astype(float)
    assert np.abs(out.mean(0) - [150, 90, 60]).max() < 3 and out.std(0).max() < 6


def test_a_mask_that_is_given_is_kept(tmp_path: Path) -> None:
    cut().save(tmp_path / "ball.png")
    code, said = lift3d("mask", tmp_path / "ball.png", "-o", tmp_path / "cut.png", "--only")
    assert code == 0 and "taken from its transparency" in said, said
    alpha = np.asarray(cut())[..., 3]
    assert (np.asarray(Pil.open(tmp_path / "cut.png")) == alpha).all()


def test_the_package_holds_its_weights_with_their_cards() -> None:
    held = {cfg.name: cfg for cfg in list_models()}
    assert set(held) == {
        "autoencoder",
        "embedding",
        "embedding_backbone",
        "embedding_to_label",
        "embedding_to_label_free",
        "flow",
        "gan",
        "image_to_depth",
        "image_to_layers",
        "image_to_mask",
        "image_to_voxels",
        "points_to_voxels",
        "segmentation_hippocampus",
        "voxels_to_label",
    }
    for name, cfg in held.items():
        assert cfg.bytes <= 16_000_000 < MAX_FILE_SIZE
        for key in (
            "task",
            "config",
            "parameters",
            "sha256",
            "licence",
            "data",
            "command",
            "metrics",
            "baselines",
        ):
            assert getattr(cfg, key), f"{name} {key}"
        assert cfg.mapping is not None and name in (
            cfg.mapping,
            f"{cfg.mapping}_free",
            f"{cfg.mapping}_backbone",
            f"{cfg.mapping}_hippocampus",
        )
        has_threshold = name in ("image_to_mask", "image_to_voxels", "autoencoder", "points_to_voxels")
        assert has_threshold or cfg.threshold == THRESHOLD
        tensors = load_tensors(name, cfg.mapping)  # also checks the sha256
        assert sum(t.numel() for t in tensors.values()) == cfg.parameters
        assert all(bool(torch.isfinite(t).all()) for t in tensors.values())
    assert find("image-to-voxels").name == "image_to_voxels"
    code, said = lift3d("models")
    assert code == 0 and "image_to_mask" in said and "Apache-2.0" in said
