"""`lift3d render`: what it writes is what was drawn, is read back, and appears whole or not at all."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from typer.testing import CliRunner

from lift3d.cli import app
from lift3d.geometry.camera.orbit import orbit_cameras
from lift3d.geometry.camera.projection import unproject
from lift3d.io.camera.cameras import read_known_cameras
from lift3d.io.camera.matching import match_cameras
from lift3d.io.image.photos import read_photos
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.pipelines.render import render

SMALL = ["--size", "64"]


@pytest.fixture(scope="module")
def ball(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "ball.glb"
    mesh = trimesh.creation.icosphere(3)
    mesh.visual.vertex_colors = [200, 120, 60, 255]
    mesh.units = "m"
    save_mesh(mesh, path)
    return path


def run(*words):
    return CliRunner().invoke(app, ["render", *map(str, words)])


def test_a_set_is_read_back_with_its_cameras_masks_and_depth(ball, tmp_path):
    out = tmp_path / "views"
    result = run(ball, "-o", out, "--views", 4, "--width", 80, "--height", 64)
    assert result.exit_code == 0, result.output
    photos = read_photos(out, masks=out / "masks")
    photos, cameras = match_cameras(photos, read_known_cameras(out / "transforms.json").cameras)
    document = json.loads((out / "transforms.json").read_text())
    assert len(cameras) == 4 and document["unit"] == "m"
    asked = orbit_cameras(np.asarray(load_mesh(ball).vertices), 4, 80, 64)
    for camera, wanted in zip(cameras, asked):
        np.testing.assert_allclose(camera.world_to_camera, wanted.world_to_camera, atol=1e-12)
        np.testing.assert_allclose(camera.K, wanted.K, atol=1e-9)
    for image, camera, frame in zip(photos.images, cameras, document["frames"]):
        depth = np.asarray(Image.open(out / frame["depth_file_path"]))
        assert depth.dtype == np.uint16 and depth.shape == (64, 80)
        z = (depth * document["depth_scale"]).astype(np.float32)
        np.testing.assert_array_equal(image.mask, z > 0)
        xyz = unproject(camera, z)[z > 0]
        assert np.abs(np.linalg.norm(xyz, axis=1) - 1).max() < 0.01
        normals = np.asarray(Image.open(out / frame["normal_file_path"]))[z > 0] / 127.5 - 1
        turned = normals * [1, -1, -1] @ camera.R
        np.testing.assert_allclose(turned, xyz, atol=0.06)
    again = tmp_path / "again"
    run(ball, "-o", again, "--views", 4, "--width", 80, "--height", 64)
    for path in sorted(out.rglob("*.*")):
        assert path.read_bytes() == (again / path.relative_to(out)).read_bytes()


def test_random_places_and_no_background(ball, tmp_path):
    out = tmp_path / "views"
    render(
        ball, out, views=5, size=48, elevation=(-20.0, 60.0), light="bare", background="transparent", seed=3
    )
    picture = np.asarray(Image.open(out / "002.png"))
    assert picture.shape == (48, 48, 4) and picture[0, 0, 3] == 0
    assert np.abs(picture[24, 24].astype(int) - [200, 120, 60, 255]).max() <= 1
    heights = [
        camera.centre[2] / np.linalg.norm(camera.centre)
        for camera in read_known_cameras(out).cameras.values()
    ]
    assert (
        len(set(heights)) == 5
        and min(heights) > np.sin(np.radians(-21))
        and max(heights) < np.sin(np.radians(61))
    )


def test_light_from_a_picture_of_the_surroundings(ball, tmp_path):
    """All light from above: the ball's top is bright, its underside dark."""
    sky = np.zeros((64, 128, 3), np.uint8)
    sky[:32] = 220
    Image.fromarray(sky).save(tmp_path / "sky.png")
    render(ball, tmp_path / "v", views=1, size=64, elevation=0.0, light=str(tmp_path / "sky.png"))
    picture = np.asarray(Image.open(tmp_path / "v" / "000.png")).astype(int)
    assert picture[8, 32, 0] > 165 and picture[55, 32, 0] < 110


@pytest.mark.parametrize("name", ["turn.gif", "turn.mp4"])
def test_films_have_their_frames(ball, tmp_path, name):
    if name.endswith("mp4"):
        av = pytest.importorskip("av", reason="the video extra is not installed")
    result = run(ball, "-o", tmp_path / name, "--views", 6, *SMALL)
    assert result.exit_code == 0, result.output
    assert [p.name for p in tmp_path.iterdir()] == [name]
    if name.endswith("gif"):
        film = Image.open(tmp_path / name)
        assert (film.n_frames, film.size) == (6, (64, 64))
        assert np.asarray(film.convert("RGB"))[32, 32, 0] > 100
    else:
        with av.open(str(tmp_path / name)) as film:
            frames = [f.to_ndarray(format="rgb24") for f in film.decode(video=0)]
        assert len(frames) == 6 and frames[0].shape == (64, 64, 3) and (frames[3][0, 0] > 245).all()


def test_mp4_without_the_extra_says_so(ball, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    result = run(ball, "-o", tmp_path / "turn.mp4", *SMALL)
    assert result.exit_code == 2 and "lift3d[video]" in result.output and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, said",
    [
        (["--views", 0], "1 to 10000"),
        (["--size", 9], "16 to 4096"),
        (["--width", 5000], "16 to 4096"),
        (["--elevation", "95"], "-90 to 90"),
        (["--elevation", "nan"], "-90 to 90"),
        (["--elevation", "high"], "angles"),
        (["--light", "moon"], "studio"),
        (["--background", "no colour"], "colour"),
    ],
)
def test_bad_wishes_are_one_sentence(ball, tmp_path, words, said):
    result = run(ball, "-o", tmp_path / "views", *words)
    assert result.exit_code == 2 and said in result.output and result.output.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_bad_files_and_places_are_one_sentence(ball, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("keep")
    (tmp_path / "broken.glb").write_bytes(b"glTF\0\0")
    Image.new("RGB", (64, 64)).save(tmp_path / "square.png")
    cases = [
        (ball, "-o", tmp_path / "taken"),
        (ball, "-o", tmp_path / "picture.png"),
        (tmp_path / "broken.glb", "-o", tmp_path / "a"),
        (tmp_path / "none.glb", "-o", tmp_path / "b"),
        (ball, "-o", tmp_path / "c", "--light", tmp_path / "square.png"),
        (ball, "-o", tmp_path / "d.gif", "--background", "transparent"),
        (ball, "-o", tmp_path / "e.gif", "--seed", 1),
    ]
    before = sorted(p.name for p in tmp_path.iterdir())
    for case in cases:
        result = run(*case)
        assert result.exit_code == 2 and result.output.startswith("lift3d: "), result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_what_cannot_be_rendered_is_refused_in_one_sentence(ball, tmp_path):
    flat, file = tmp_path / "flat.obj", tmp_path / "file"
    flat.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 1 2\nf 2 2 3\n")
    file.write_text("mine")
    for words, said in (
        ((ball, "-o", tmp_path / "a", "--seed", -1), "the seed -1 is negative: give 0 or more"),
        ((ball, "-o", tmp_path / "a", "--up", "x"), "--up takes y or z"),
        ((flat, "-o", tmp_path / "a"), "flat.obj has no faces with an area"),
        ((tmp_path, "-o", tmp_path / "a"), "is a folder"),
        ((ball, "-o", file), "file is a file"),
    ):
        result = run(*words)
        assert result.exit_code == 2 and said in result.output.replace("\n", " "), result.output
    assert file.read_text() == "mine" and not (tmp_path / "a").exists()


def test_one_view_is_singular_and_y_up_stands(tmp_path):
    tall = trimesh.creation.box((1, 4, 1))
    tall.export(tmp_path / "tall.obj")
    for up, upright in (("y", True), ("z", False)):
        out = tmp_path / up
        result = run(tmp_path / "tall.obj", "-o", out, "--views", 1, "--elevation", 0, "--up", up, *SMALL)
        assert "1 view of" in result.output
        mask = np.asarray(Image.open(out / "masks" / "000.png")) > 0
        assert (np.ptp(np.nonzero(mask)[0]) > 2 * np.ptp(np.nonzero(mask)[1])) == upright


def test_what_shows_nothing_is_said_and_films_have_even_sides(tmp_path: Path) -> None:
    save_mesh(trimesh.creation.box((0.001, 0.001, 100)), tmp_path / "needle.ply")
    said = render(tmp_path / "needle.ply", tmp_path / "views", views=2, size=32).to_text()
    assert "2 of them show nothing" in said and "--size" in said
    save_mesh(trimesh.creation.icosphere(1), tmp_path / "ball.ply")
    said = render(tmp_path / "ball.ply", tmp_path / "turn.gif", views=2, size=33).to_text()
    assert "2 frames of 32x32" in said and "show nothing" not in said
