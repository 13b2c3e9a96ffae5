"""Pictures of a corpus: the same whatever the order, true to a direct render, in shards that survive a kill and strangers."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil
from scipy.ndimage import maximum_filter, minimum_filter
from typer.testing import CliRunner

from lift3d.cli import app
from lift3d.corpus.build import BuildOptions as Build
from lift3d.corpus.build import build
from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures import backgrounds
from lift3d.corpus.pictures import procedural as made_up
from lift3d.corpus.pictures.backgrounds import Backgrounds, Pick, write_backgrounds
from lift3d.corpus.pictures.framing import NEAREST, extreme_points, frame_camera
from lift3d.corpus.pictures.picture_maker import Picture, Studio, render_picture, separate_from_background
from lift3d.corpus.pictures.recipes import RECIPES, Recipe
from lift3d.corpus.pictures.sample_files import (
    decode_depth,
    decode_normals,
    decode_sample,
    encode_depth,
    encode_normals,
    encode_sample,
)
from lift3d.corpus.pictures.scenery import random_gradient, random_noise, random_occluder
from lift3d.corpus.pictures.sensor import motion_kernel, simulate_sensor
from lift3d.corpus.pictures.shard_plan import RenderOptions, plan_shards
from lift3d.corpus.pictures.shard_reader import read_shard, read_shards
from lift3d.corpus.pictures.shards import render_shards
from lift3d.errors import InputError
from lift3d.geometry.camera.projection import project
from lift3d.geometry.render.renderer import render as direct
from lift3d.io.mesh.meshes import save_mesh

pytest.importorskip("pyarrow")

pytestmark = pytest.mark.slow
OPTIONS = RenderOptions(views=3, size=32, extras=("depth", "normals"))


def quiet(*words: object) -> None:
    pass


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Eight shapes and a bank of twenty pictures of ground and sky."""
    root = tmp_path_factory.mktemp("pictures")
    shapes = {
        "ball": trimesh.creation.icosphere(3), "box": trimesh.creation.box((1, 2, 3)),
        "ring": trimesh.creation.torus(1, 0.3), "rod": trimesh.creation.cylinder(0.2, 2),
        "cone": trimesh.creation.cone(1, 2), "can": trimesh.creation.cylinder(0.6, 1),
        "pill": trimesh.creation.capsule(1, 0.5), "dome": trimesh.creation.annulus(0.5, 1, 1),
    }  # fmt: skip
    for name, mesh in shapes.items():
        (root / "models" / name).mkdir(parents=True)
        save_mesh(mesh, root / "models" / name / f"{name}.stl")
    made = build(root / "corpus", Build(folder=root / "models", processes=1), quiet, quiet)
    bank(root)
    return Corpus(made.folder)


def bank(root: Path) -> dict[str, object]:
    """Pictures of a package that does not exist, written into root / corpus."""
    rng, folder = np.random.default_rng(0), root / "package"
    (folder / "share").mkdir(parents=True, exist_ok=True)
    for i in range(24):
        pixels = rng.integers(0, 255, (8, 8, 3), np.uint8)
        kind = "sky" if i % 3 == 0 else "ground"
        word = "abcdefghijklmnopqrstuvwxyz"[i]
        Pil.fromarray(pixels).resize((220, 240)).save(folder / "share" / f"{kind}-{word * 3}.png")
    Pil.fromarray(pixels).save(folder / "share/ground-small.png")
    Pil.fromarray(np.full((256, 256, 3), 90, np.uint8)).save(folder / "share/ground-flat.png")
    Pil.fromarray(np.full((256, 256, 4), 90, np.uint8)).save(folder / "share/ground-clear.png")
    (folder / "share/ground-damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    shutil.copy(folder / "share/ground-bbb.png", folder / "share/ground-copy.png")
    return write_backgrounds({"made": [folder]}, root / "corpus")


@pytest.fixture(autouse=True, scope="module")
def made_package() -> object:
    picks = (Pick("ground", r"share/ground-[^/]*\.png"), Pick("sky", r"share/sky-[^/]*\.png"))
    backgrounds.PICKS["made"] = picks
    yield
    del backgrounds.PICKS["made"]


def test_unsuitable_backgrounds_are_left_out(corpus: Corpus, tmp_path: Path) -> None:
    held = Backgrounds(corpus.folder)
    names = [row["name"] for row in held.rows]
    assert len(held) == 24 and names == sorted(names)
    assert not any(word in name for name in names for word in ("small", "flat", "clear", "damaged", "copy"))
    assert held[0].shape == (256, 256, 3) and held[0].dtype == np.uint8
    for split in ("train", "val", "test"):
        assert {held.rows[i]["split"] for i in held.select(split)} <= {split}
    assert sum(len(held.select(split)) for split in ("train", "val", "test")) == 24
    (tmp_path / "corpus").mkdir()
    said = bank(tmp_path)
    assert said["pictures"] == 24
    for name in (backgrounds.BACKGROUNDS, backgrounds.LISTING):
        assert (tmp_path / "corpus" / name).read_bytes() == (corpus.folder / name).read_bytes()
    assert write_backgrounds({"unknown": [tmp_path]}, tmp_path) == {} and len(Backgrounds(tmp_path)) == 0


def test_damaged_backgrounds_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    for text in ("[", "{}", "[{}]", '[{"offset": 0, "bytes": 99, "kind": "sky"}]', "[1]", "null"):
        (tmp_path / backgrounds.LISTING).write_text(text)
        (tmp_path / backgrounds.BACKGROUNDS).write_bytes(b"x")
        try:
            assert len(Backgrounds(tmp_path)) == 0
        except InputError as error:
            assert "build the corpus again" in str(error)


@pytest.mark.parametrize("name", RECIPES)
def test_pictures_do_not_depend_on_the_order(corpus: Corpus, name: str) -> None:
    studio = Studio(corpus, name, 48)
    first = [studio.picture(i, view) for i in (0, 3) for view in (0, 5, 1)]
    other = Studio(corpus, name, 48)
    again = [other.picture(i, view) for i, view in ((3, 1), (0, 5), (3, 0), (0, 0), (0, 1), (3, 5))]
    for a, b in zip(first, (again[3], again[1], again[4], again[2], again[5], again[0]), strict=True):
        assert a.jpeg == b.jpeg and a.record == b.record
        assert (a.depth == b.depth).all() and (a.mask == b.mask).all()
    assert (render_picture(corpus, 3, 1, size=48, recipe=name).rgb == again[0].rgb).all()
    assert len({shot.jpeg for shot in first}) == len(first)
    assert render_picture(corpus, 3, 1, seed=1, size=48, recipe=name).jpeg != again[0].jpeg or name == "clean"


@pytest.mark.parametrize("name", RECIPES)
def test_ground_truth_of_a_picture_is_exact(corpus: Corpus, name: str) -> None:
    studio = Studio(corpus, name, 64)
    for i in range(len(corpus)):
        shot = studio.picture(i, i)
        same = direct(corpus.parts(i), shot.camera, 1)
        assert (shot.full_mask == same.mask).all()
        np.testing.assert_array_equal(shot.depth, same.depth.z)
        np.testing.assert_array_equal(shot.normals, same.depth.normals)
        assert not (shot.mask & ~shot.full_mask).any()
        assert shot.record["pixels"] == shot.full_mask.sum()
        hidden = 1 - shot.mask.sum() / shot.full_mask.sum()
        assert (
            hidden == pytest.approx(shot.record.get("hidden", 0), abs=1e-3) and hidden <= RECIPES[name].hidden
        )
        assert (np.array(Pil.open(io.BytesIO(shot.jpeg))) == shot.rgb).all()


def test_the_camera_sees_the_surface_where_the_mask_is(corpus: Corpus) -> None:
    studio = Studio(corpus, "natural", 96)
    for i in range(len(corpus)):
        shot = studio.picture(i, 1)
        uv, z = project(shot.camera, corpus.surface(i).xyz)
        assert (z > 0).all() and (uv > 0).all() and (uv < 96).all()
        at = np.floor(uv).astype(int)
        grown = maximum_filter(shot.full_mask, 3)  # samples are rounded to the corpus' grid: a pixel of slack
        assert grown[at[:, 1], at[:, 0]].all()
        near = minimum_filter(np.where(shot.full_mask, shot.depth, np.inf), 3)
        assert (z > near[at[:, 1], at[:, 0]] - 0.02).all()  # nothing lies before what is seen


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 40), st.sampled_from(sorted(RECIPES)))
def test_objects_are_framed_as_sampled(seed: int, view: int, name: str) -> None:
    points = np.random.default_rng(seed).normal(size=(300, 3)) * (0.3, 0.1, 0.2) + (0, 0, 0.4)
    recipe = RECIPES[name]
    camera, drawn = frame_camera(extreme_points(points), recipe, 100, seed, "key", view)
    uv, z = project(camera, points)
    low, high = uv.min(0), uv.max(0)
    large, wanted = (high - low).max(), 100 * drawn["fill"]
    assert z.min() > NEAREST - 0.02 and large < wanted + 2.5
    assert large > wanted - 2.5 or z.min() < NEAREST + 0.02  # as near as it may be
    assert (
        recipe.elevation[0] <= drawn["elevation"] <= recipe.elevation[1] and abs(drawn["roll"]) <= recipe.roll
    )
    assert 2 * np.degrees(np.arctan(50 / camera.fx)) == pytest.approx(drawn["field"], abs=1e-3)
    if drawn["fill"] < 0.98:
        assert (low > -2.5).all() and (high < 102.5).all()
    if recipe.off == 0:
        np.testing.assert_allclose((low + high) / 2, 50, atol=1.5)


def test_views_of_a_group_share_their_light(corpus: Corpus) -> None:
    """Exposure: neither black nor burnt, on average; clean pictures have a white ground."""
    for name in RECIPES:
        studio = Studio(corpus, name, 48)
        for i in range(4):
            shot = studio.picture(i, 2)
            mean = shot.rgb[shot.mask].mean()
            assert 15 < mean < 250
            if name == "clean":
                assert (shot.rgb[0] > 245).all()


def test_a_corpus_without_pictures_has_procedural_backgrounds(corpus: Corpus, tmp_path: Path) -> None:
    bare = shutil.copytree(corpus.folder, tmp_path / "bare")
    for name in (backgrounds.BACKGROUNDS, backgrounds.LISTING):
        (bare / name).unlink()
    studio = Studio(Corpus(bare), "natural", 32)
    kinds = {studio.picture(0, view).record["background"] for view in range(30)}
    assert kinds <= {"plain", "gradient", "noise", "made up"} and "made up" in kinds
    grounds = {studio.picture(1, view).record.get("ground") for view in range(20)}
    assert grounds == {None, "made up"}


@pytest.mark.slow
def test_procedural_textures_are_smooth_and_repeat_without_a_seam() -> None:
    def saturation(rgb: np.ndarray) -> float:
        rgb = rgb.astype(float)
        return float(((rgb.max(-1) - rgb.min(-1)) / np.maximum(rgb.max(-1), 1)).mean())

    scenes = [made_up.random_scene(np.random.default_rng(seed)) for seed in range(40)]
    assert all(s.shape == (256, 256, 3) and s.dtype == np.uint8 for s in scenes)
    assert np.mean([saturation(s) for s in scenes]) < 0.4
    assert (made_up.random_scene(np.random.default_rng(3)) == scenes[3]).all()
    for kind in made_up.TEXTURES:
        for seed in range(4):
            t = kind(np.random.default_rng(seed)).astype(float)
            for way in (t, t.transpose(1, 0, 2)):
                steps = np.abs(np.diff(way, axis=0)).mean((1, 2))
                assert (
                    np.abs(way[0] - way[-1]).mean() <= 1.6 * steps.max()
                )  # as a step, or a joint, within it


def test_objects_differ_from_their_background() -> None:
    cover = np.zeros((40, 40), np.float32)
    cover[10:30, 12:28] = 1
    for level in (0.03, 0.2, 0.6, 0.9):
        for other in (0.8, 1.0, 1.25, 2.0):
            thing, back = (
                np.full((40, 40, 3), level, np.float32),
                np.full((40, 40, 3), level * other, np.float32),
            )
            changed = separate_from_background(thing, cover, back)
            ratio = (level + 0.01) / (changed[0, 0, 0] + 0.01)
            assert max(ratio, 1 / ratio) > 1.2
            assert other != 2.0 or (changed == back).all()
    assert (separate_from_background(thing, np.zeros_like(cover), back) == back).all()


def test_backgrounds_keep_to_the_split(corpus: Corpus) -> None:
    bank, studio = Backgrounds(corpus.folder), Studio(corpus, "natural", 32)
    split = {row["name"]: row["split"] for row in bank.rows}
    used = 0
    for i in range(len(corpus)):
        for view in range(6):
            said = studio.picture(i, view).record
            for name in (said["background"], said.get("ground", "")):
                used += name in split
                assert split.get(name, said["split"]) == said["split"]
    assert used > 5


def test_sensor_parameters_are_as_stated() -> None:
    light = np.full((64, 64, 3), 0.2, np.float32)
    none = Recipe("none", blur=(0, 0), motion=(0, 0), read=0, shot=0, exposure=0, balance=0, jpeg=(95, 95))
    rgb, data, done = simulate_sensor(light, none, np.random.default_rng(0))
    assert done == {"stops": 0.0, "jpeg": 95} and np.ptp(rgb) == 0 and abs(int(rgb[0, 0, 0]) - 124) <= 1
    assert Pil.open(io.BytesIO(data)).size == (64, 64)
    grainy = Recipe("g", blur=(0, 0), motion=(0, 0), read=0.05, shot=0, exposure=0, balance=0, jpeg=(95, 95))
    for seed in range(8):
        rgb, _, done = simulate_sensor(light, grainy, np.random.default_rng(seed))
        linear = ((rgb / 255 + 0.055) / 1.055) ** 2.4
        assert linear.std() == pytest.approx(done["noise"][0], rel=0.3, abs=0.003)
    for length, turn in ((1, 0.3), (5.5, 2.0), (9, 1.57)):
        kernel = motion_kernel(length, turn)
        y, x = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
        assert kernel.sum() == pytest.approx(1, abs=1e-6)
        assert (kernel * x).sum() == pytest.approx(0, abs=1e-5) and (kernel * y).sum() == pytest.approx(
            0, abs=1e-5
        )
        along = (x * np.cos(turn) + y * np.sin(turn)) ** 2
        assert (kernel * along).sum() == pytest.approx(
            length**2 / 12 + 1 / 6, abs=0.12
        )  # bilinear spreads by 1/6


def test_procedural_pieces_are_valid_images() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 5:35] = True
    for seed in range(20):
        rng = np.random.default_rng(seed)
        for made in (random_gradient(40, rng), random_noise(40, rng)):
            assert made.shape == (40, 40, 3) and made.dtype == np.uint8
        cover = random_occluder(mask, rng)
        assert cover.shape == (40, 40) and cover.min() >= 0 and cover.max() == 1


def sample(corpus: Corpus) -> Picture:
    return render_picture(corpus, 1, 4, size=40)


def test_a_sample_is_restored_from_its_files(corpus: Corpus) -> None:
    shot = sample(corpus)
    back = decode_sample("k", encode_sample(shot, ("depth", "normals")))
    assert (back["rgb"] == shot.rgb).all()
    assert (back["mask"] == shot.mask).all() and (back["full_mask"] == shot.full_mask).all()
    np.testing.assert_allclose(back["depth"], shot.depth, atol=2e-5)
    angle = (back["normals"] * shot.normals).sum(-1)[shot.full_mask]
    assert angle.min() > np.cos(np.radians(0.8))
    np.testing.assert_array_equal(back["camera"].world_to_camera, shot.camera.world_to_camera)
    assert back["camera"].fx == shot.camera.fx and back["record"]["key"] == shot.record["key"]
    assert set(decode_sample("k", encode_sample(shot, ()))) == {
        "key",
        "rgb",
        "mask",
        "full_mask",
        "camera",
        "record",
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 50), st.floats(0, 20))
def test_depth_and_normals_survive_their_codes(seed: int, near: float, deep: float) -> None:
    rng = np.random.default_rng(seed)
    whole = rng.random((9, 9)) < 0.7
    z = np.where(whole, near + deep * rng.random((9, 9)), 0).astype(np.float32)
    codes, (low, high) = encode_depth(z, whole)
    np.testing.assert_allclose(decode_depth(codes, low, high), z, atol=(high - low) / 65534 + 4e-6)
    n = rng.normal(size=(9, 9, 3))
    n = np.where(whole[..., None], n / np.linalg.norm(n, axis=-1, keepdims=True), 0).astype(np.float32)
    back = decode_normals(encode_normals(n, whole))
    assert (back[~whole] == 0).all() and ((back * n).sum(-1)[whole] > np.cos(np.radians(0.8))).all()


@pytest.mark.slow
def test_shards_hold_all_and_go_on_after_a_kill(corpus: Corpus, tmp_path: Path) -> None:
    small = RenderOptions(views=3, size=32, extras=("depth", "normals"), shard=30_000)
    done = render_shards(corpus, tmp_path / "a", small, quiet, quiet, 1)
    assert done["pictures"] == 24 == sum(done["splits"].values()) and len(done["shards"]) > 2
    held = list(read_shards(tmp_path / "a"))
    assert len({s["key"] for s in held}) == 24
    assert {(s["record"]["key"], s["record"]["view"]) for s in held} == {
        (k, v) for k in corpus.keys for v in range(3)
    }
    for s in read_shards(tmp_path / "a", "train"):
        assert s["record"]["split"] == "train" and s["depth"].shape == (32, 32)
    assert not (tmp_path / "a/.rendering").exists()

    def stop(name: str, fraction: float) -> None:
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_shards(corpus, tmp_path / "b", small, quiet, stop, 1)
    with pytest.raises(InputError, match="unfinished"):
        list(read_shards(tmp_path / "b"))
    begun = sorted((tmp_path / "b").glob("*.tar"))
    assert begun and len(begun) < len(done["shards"])
    times = [file.stat().st_mtime_ns for file in begun]
    with pytest.raises(InputError, match="other options"):
        render_shards(corpus, tmp_path / "b", OPTIONS, quiet, quiet, 1)
    render_shards(corpus, tmp_path / "b", small, quiet, quiet, 1)
    assert times == [file.stat().st_mtime_ns for file in begun]
    files = sorted(file.name for file in (tmp_path / "a").iterdir())
    assert files == sorted(file.name for file in (tmp_path / "b").iterdir())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    said: list[str] = []
    render_shards(corpus, tmp_path / "b", small, said.append, quiet, 1)
    assert "nothing to do" in said[0]


@pytest.mark.slow
def test_several_processes_write_the_same_bytes(corpus: Corpus, tmp_path: Path) -> None:
    small = RenderOptions(views=2, size=32, shard=30_000)
    one = render_shards(corpus, tmp_path / "a", small, quiet, quiet, 1)
    seen: list[float] = []
    two = render_shards(corpus, tmp_path / "b", small, quiet, lambda name, x: seen.append(x), 2)
    assert one == two and seen == sorted(seen) and seen[-1] == 1


def test_any_prefix_is_a_random_sample_by_hash(corpus: Corpus) -> None:
    whole = [i for shard in plan_shards(corpus, RenderOptions(views=1, shard=1)) for i in shard.shapes]
    assert sorted(whole) == list(range(len(corpus)))
    few = [i for shard in plan_shards(corpus, RenderOptions(limit=3)) for i in shard.shapes]
    assert len(few) == 3
    other = [
        i for shard in plan_shards(corpus, RenderOptions(views=1, seed=1, shard=1)) for i in shard.shapes
    ]
    assert other != whole and sorted(other) == sorted(whole)
    for shard in plan_shards(corpus, RenderOptions(split="train")):
        assert {corpus.row(i)["split"] for i in shard.shapes} == {"train"}


def test_the_command_line_renders(corpus: Corpus, tmp_path: Path) -> None:
    words = [
        "corpus",
        "render",
        corpus.folder,
        "-o",
        tmp_path / "out",
        "--views",
        2,
        "--size",
        32,
        "--limit",
        2,
    ]
    done = CliRunner().invoke(app, [str(w) for w in [*words, "--with", "depth, normals", "--recipe", "hard"]])
    assert done.exit_code == 0 and "pictures  4 of 2 shapes" in done.stdout
    assert len(list(read_shards(tmp_path / "out"))) == 4
    text = (tmp_path / "out/ATTRIBUTION.csv").read_text()
    assert text.count("shape,") == 2
    wrong = {"--recipe x": "no recipe called x", "--split x": "no split called x", "--with x": "cannot have the extra x",
             "--size 4": "size 4 is out of range", "--views 0": "leaves no pictures", "--seed -1": "negative",
             "--views 1000000": "give 1 to 1000"}  # fmt: skip
    for option, sentence in wrong.items():
        bad = CliRunner().invoke(app, [str(w) for w in [*words[:4], tmp_path / "new", *option.split()]])
        assert bad.exit_code == 2 and sentence in bad.output.replace("\n", " ")
        assert not (tmp_path / "new").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("mine")
    bad = CliRunner().invoke(app, [str(w) for w in [*words[:4], tmp_path / "full"]])
    assert bad.exit_code == 2 and "holds no pictures" in bad.output.replace("\n", " ")


def test_pictures_stay_out_of_the_corpus_and_errors_name_the_folder(corpus: Corpus, tmp_path: Path) -> None:
    before = sorted(corpus.folder.rglob("*"))
    for inside in (corpus.folder, corpus.folder / "in", corpus.folder / ".." / corpus.folder.name / "a/b"):
        with pytest.raises(InputError, match="lies in the corpus"):
            render_shards(corpus, inside, OPTIONS, quiet, quiet, 1)
    assert sorted(corpus.folder.rglob("*")) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file/out: a part of this path is a file") as caught:
        render_shards(corpus, tmp_path / "file/out", OPTIONS, quiet, quiet, 1)
    assert "plan.json" not in str(caught.value)


def test_views_of_a_shape_go_to_several_shards_and_progress_moves(corpus: Corpus, tmp_path: Path) -> None:
    small, seen = RenderOptions(views=7, size=32, shard=13_000, limit=2), list[float]()
    shards = plan_shards(corpus, small)
    assert all(1 <= shard.pictures <= 3 for shard in shards)
    asked = [(i, v) for shard in shards for i in shard.shapes for v in range(*shard.views)]
    assert len(asked) == len(set(asked)) == 14
    done = render_shards(corpus, tmp_path / "a", small, quiet, lambda name, x: seen.append(x), 1)
    np.testing.assert_allclose(seen, (np.arange(14) + 1) / 14)
    assert done["shapes"] == 2 == sum(done["categories"].values()) and done["pictures"] == 14
    whole = render_shards(corpus, tmp_path / "b", RenderOptions(views=7, size=32, limit=2), quiet, quiet, 1)
    assert whole["pictures"] == 14
    rgb = [{s["key"]: s["rgb"].tobytes() for s in read_shards(tmp_path / name)} for name in "ab"]
    assert rgb[0] == rgb[1]
    assert (tmp_path / "a/ATTRIBUTION.csv").read_text() == (tmp_path / "b/ATTRIBUTION.csv").read_text()


def tar_with(*members: tarfile.TarInfo | tuple[str, bytes], kind: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def linked() -> tarfile.TarInfo:
    member = tarfile.TarInfo("0123456789abcdef-0000.json")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return member


KEY = "0123456789abcdef-0000"


@pytest.mark.parametrize(
    "data",
    [
        b"no tar at all", b"x" * 512, b"x" * 5000, tar_with(linked()), tar_with(("../../x", b"1")), tar_with(("x.json", b"{}")),
        tar_with((f"{KEY}.json", b"{}"), (f"{KEY}.json", b"{}")), tar_with((f"{KEY}.json", b"{}")),
        tar_with((f"{KEY}.json", b"[" * 100_000)), tar_with((f"{KEY}.rgb.jpg", b"x" * 700))[:900],
        tar_with((f"{KEY}.json", b"{}" * 99), kind=tarfile.GNU_FORMAT)[:300],
    ],
)  # fmt: skip
def test_hostile_shards_end_in_one_sentence(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "train-00000.tar").write_bytes(data)
    with pytest.raises(InputError, match="shard"):
        list(read_shard(tmp_path / "train-00000.tar"))


def test_damaged_shards_end_in_pictures_or_one_sentence(corpus: Corpus, tmp_path: Path) -> None:
    render_shards(
        corpus,
        tmp_path / "a",
        RenderOptions(views=1, size=24, extras=("depth", "normals"), limit=2),
        quiet,
        quiet,
        1,
    )
    file = next((tmp_path / "a").glob("*.tar"))
    good, rng, refused = file.read_bytes(), np.random.default_rng(0), 0
    for _ in range(150):
        data = bytearray(good)
        for at in rng.integers(0, len(data), 6):
            data[at] = rng.integers(256)
        file.write_bytes(bytes(data))
        try:
            assert all(s["rgb"].shape == (24, 24, 3) for s in read_shard(file))
        except InputError:
            refused += 1
    assert refused > 20
    claimed = bytearray(good)
    claimed[124:136] = b"77777777777\0"
    claimed[148:156] = b"%06o\0 " % (sum(claimed[:148]) + 256 + sum(claimed[156:512]))
    file.write_bytes(bytes(claimed))
    with pytest.raises(InputError, match="too large"):
        list(read_shard(file))


def test_a_listing_that_leads_outside_is_refused(tmp_path: Path) -> None:
    for card in (
        {"version": 1, "shards": [{"file": "../x.tar", "split": "train"}]},
        {"version": 9, "shards": []},
        [],
        {},
    ):
        (tmp_path / "shards.json").write_text(json.dumps(card))
        with pytest.raises(InputError, match="damaged"):
            list(read_shards(tmp_path))
    (tmp_path / "shards.json").unlink()
    with pytest.raises(InputError, match="holds no pictures"):
        list(read_shards(tmp_path))
    with pytest.raises(InputError, match="no split called x"):
        list(read_shards(tmp_path, "x"))


@pytest.mark.parametrize(("i", "view", "size", "seed"), [(-1, 0, 32, 0), (99, 0, 32, 0), (0, -1, 32, 0), (0, 0, 8, 0),
                                                         (0, 0, 9999, 0), (0, 0, 32, -1)])  # fmt: skip
def test_impossible_views_and_sizes_are_refused(
    corpus: Corpus, i: int, view: int, size: int, seed: int
) -> None:
    with pytest.raises(InputError):
        render_picture(corpus, i, view, seed, size)


def test_the_documentation_states_the_ranges() -> None:
    page = (Path(__file__).parents[3] / "docs/pictures.md").read_text("utf-8")
    cells = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:5]] for line in page.splitlines()
             if line.count("|") == 5}  # fmt: skip

    def some(chance: float, rest: str) -> str:
        return f"{100 * chance:g} %{rest}" if chance else "never"

    documented = [RECIPES[name] for name in ("clean", "natural", "hard")]
    for column, r in enumerate(documented):
        told = {name: row[column] for name, row in cells.items()}
        low, high = (f"{a:g} to {b:g}°" for a, b in (r.elevation, r.usual))
        assert told["elevation"] == f"{low}, {100 * r.often:g} % in {high}"
        assert told["field of view"] == "{:g} to {:g}°".format(*r.field)
        assert told["roll"] == f"at most {r.roll:g}°"
        assert told["longer side of the object in the frame"].startswith("{:g} to {:g}".format(*r.fill))
        made = f"plain {100 * r.plain:g} %, gradient {100 * r.gradient:g} %, noise {100 * r.noise:g} %, else a picture"
        assert told["background"] == ("white" if r.white else made)
        assert told["floor with the object's shadow"] == some(r.ground, "")
        assert told["occluders"] == some(r.occluded, f", hiding at most {r.hidden:g}")
        assert told["lens blur (sigma, pixels of 128)"] == some(r.blur[0], f", up to {r.blur[1]:g}")
        assert told["motion blur (pixels of 128)"] == some(r.motion[0], f", up to {r.motion[1]:g}")
        assert told["read noise (fraction of white)"] == (f"up to {r.read:g}" if r.read else "none")
        assert not r.exposure or told["exposure"].endswith(f"±{r.exposure:g} stops")
        assert told["JPEG quality"] == " to ".join(str(q) for q in dict.fromkeys(r.jpeg))
    close, natural = RECIPES["close"], RECIPES["natural"]
    same = "elevation usual often field roll blur motion read exposure jpeg"
    assert all(getattr(close, name) == getattr(natural, name) for name in same.split())
    assert "{:g} to {:g} of the frame".format(*close.fill) in page and close.ground == 0
    assert f"occluders in {100 * close.occluded:g} % of the images" in page
    assert f"every {close.lights_each} views" in page
