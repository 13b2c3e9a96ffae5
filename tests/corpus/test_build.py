"""Corpora of small folders: built, read, shown, built again after a kill, and refused where they cannot be."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from typer.testing import CliRunner

from lift3d.cli import app
from lift3d.corpus.build import BuildOptions, build
from lift3d.corpus.dataset import Corpus
from lift3d.corpus.sources.folder import SYNSETS, Folder, detect_layout, parse_path
from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.io.mesh.meshes import load_mesh, load_parts, save_mesh

pytest.importorskip("pyarrow")

pytestmark = pytest.mark.slow
SHAPES = {
    "chair/a.stl": trimesh.creation.box((1, 1, 2)),
    "chair/b.obj": trimesh.creation.box((1, 2, 2)),
    "ball/one.glb": trimesh.creation.icosphere(3),
    "ball/again.ply": trimesh.creation.icosphere(3),
    "ring.3mf": trimesh.creation.torus(1, 0.3),
}


def folder_of(root: Path, shapes: dict[str, trimesh.Trimesh]) -> Path:
    for path, mesh in shapes.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        save_mesh(mesh, root / path)
    return root


def lift3d(*words: object):
    return CliRunner().invoke(app, [str(w) for w in words])


def one(target: Path, source: Path, **more) -> Corpus:
    return build(target, BuildOptions(folder=source, processes=1, **more), lambda s: None, lambda n, f: None)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    source = folder_of(tmp_path_factory.mktemp("models") / "mine", SHAPES)
    (source / "chair/broken.obj").write_text("v 1 2\nf 1 2 3\n")
    (source / "flat.stl").write_bytes(b"")
    return one(tmp_path_factory.mktemp("corpus") / "c", source, licence="CC0-1.0", author="me")


def test_a_built_corpus_can_be_read(corpus: Corpus) -> None:
    assert corpus.keys == ["mine/ball/again.ply", "mine/chair/a.stl", "mine/chair/b.obj", "mine/ring.3mf"]
    assert corpus.column("category") == ["ball", "chair", "chair", "unknown"]
    assert set(corpus.column("licence")) == {"CC0-1.0"} and set(corpus.column("author")) == {"me"}
    assert json.loads(corpus.row(0)["same"]) == ["mine/ball/one.glb"]
    for i in range(len(corpus)):
        mesh = corpus.mesh(i)
        assert inspect_solid(mesh).is_solid
        cells = corpus.inside(i)
        assert cells.sum() * (1.1 / 64) ** 3 == pytest.approx(mesh.volume, rel=0.06)
        assert np.ptp(mesh.vertices, 0).max() == pytest.approx(1) and mesh.vertices[
            :, 2
        ].min() == pytest.approx(0, abs=1e-6)
        assert (corpus.surface_voxels(i).any(2) >= cells.any(2)).all()
        assert (corpus.inside_or_surface(i) == (cells | corpus.surface_voxels(i))).all() and len(
            corpus.surface(i)
        ) == 4096
    distance = corpus.voxels(0, 16, "signed_distance").values
    assert distance.min() == pytest.approx(-0.5, abs=0.07) and distance.max() > 0.2
    assert corpus.voxels(0, 128).values.mean() == pytest.approx(corpus.voxels(0).values.mean(), rel=0.02)


def test_the_card_names_what_could_not_be_used(corpus: Corpus) -> None:
    card = corpus.card
    assert card["tried"] == 7 and card["shapes"] == 4 and card["repeats"] == 1
    bad = {row["key"]: row["why"] for row in card["unusable"]}
    assert set(bad) == {"mine/chair/broken.obj", "mine/flat.stl"} and "is empty" in bad["mine/flat.stl"]
    text = (corpus.folder / "README.md").read_text()
    assert "A corpus of 4 shapes" in text and "mine/flat.stl" in text
    assert (corpus.folder / "ATTRIBUTION.csv").read_text().count("CC0-1.0") == 4
    assert Pil.open(corpus.folder / "sheets/chair.png").width > 100
    assert not (corpus.folder / ".building").exists()


def test_each_family_lies_in_one_split(corpus: Corpus) -> None:
    splits: dict[str, set[str]] = {}
    for family, split in zip(corpus.column("family"), corpus.column("split")):
        splits.setdefault(family, set()).add(split)
    assert all(len(found) == 1 for found in splits.values())
    assert len(corpus.where(category="chair")) == 2 and len(corpus.where(category=["ball", "chair"])) == 3


def test_show_and_its_sheet(corpus: Corpus, tmp_path: Path) -> None:
    shown = lift3d("corpus", "show", corpus.folder, "-o", tmp_path / "all.png")
    assert shown.exit_code == 0, shown.output
    assert "chair" in shown.stdout and "CC0-1.0" in shown.stdout and "left out  2 files" in shown.stdout
    assert Pil.open(tmp_path / "all.png").width > 1000


@pytest.mark.slow
def test_built_again_it_is_the_same_to_the_byte(corpus: Corpus, tmp_path: Path) -> None:
    source = folder_of(tmp_path / "mine", SHAPES)
    (source / "chair/broken.obj").write_text("v 1 2\nf 1 2 3\n")
    (source / "flat.stl").write_bytes(b"")
    again = build(
        tmp_path / "d",
        BuildOptions(folder=source, processes=2, licence="CC0-1.0", author="me"),
        print,
        lambda n, f: None,
    )
    assert tree(again.folder) == tree(corpus.folder)
    said: list[str] = []
    options = BuildOptions(folder=source, licence="CC0-1.0", author="me")
    build(again.folder, options, said.append, lambda n, f: None)
    assert "is complete" in said[-1]
    with pytest.raises(InputError, match="other options"):
        one(again.folder, source, limit=2, licence="CC0-1.0", author="me")


@pytest.mark.slow
def test_killed_and_started_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    boxes = {f"box/{i:03d}.stl": trimesh.creation.box(rng.uniform(0.2, 1, 3)) for i in range(60)}
    source = folder_of(tmp_path / "boxes", boxes)
    whole = one(tmp_path / "full_mask", source)
    target = tmp_path / "killed"
    words = [sys.executable, "-m", "lift3d", "corpus", "build", target, "--from", source, "--processes", "1"]
    run = subprocess.Popen([str(w) for w in words], stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 120
    while not list(target.glob(".building/*/*.npz")) and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    done = len(list(target.glob(".building/*/*.npz")))
    assert done >= 1 and not (target / "corpus.json").exists()
    refused = lift3d("corpus", "show", target)
    assert refused.exit_code == 2 and "unfinished" in refused.stderr
    again = one(target, source)
    assert tree(again.folder) == tree(whole.folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["build", "{t}/c", "--only", "nothing"], "there is no source called nothing"),
        (["build", "{t}/c", "--from", "{t}/none"], "is not a folder"),
        (["build", "{t}/c", "--from", "{t}/empty"], "holds no meshes"),
        (["build", "{t}/full", "--from", "{t}/full"], "not empty"),
        (["build", "{t}/new/c", "--from", "{t}/new"], "would lie inside"),
        (["build", "{t}/file", "--from", "{t}/bad"], "is a file"),
        (["build", "{t}/c", "--from", "{t}/bad"], "none of 2 models could be used"),
        (["build", "{t}/c", "--from", "{t}/bad", "--limit", "0"], "leaves no models"),
        (["build", "{t}/c", "--from", "{t}/bad", "--up", "x"], "is not an axis"),
        (["build", "{t}/c", "--only", "ufoai-data", "--debs", "{t}/empty"], "holds no ufoai-data_"),
        (["build", "{t}/c", "--only", "ufoai-data", "--debs", "{t}/none"], "is not a folder"),
        (["build", "{t}/file/c", "--from", "{t}/bad"], "cannot be written"),
        (["show", "{t}/empty"], "holds no corpus"),
        (["show", "{t}/empty", "-o", "{t}/x.jpg"], "because it is a PNG"),
        (["show", "{t}/empty", "-o", "{t}/none/x.png"], "there is no folder"),
    ],
)  # fmt: skip
def test_invalid_commands_end_in_one_sentence(words: list[str], said: str, tmp_path: Path) -> None:
    for name in ("empty", "full", "new", "bad"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "full/x.txt").write_text("x")
    (tmp_path / "bad/a.stl").write_bytes(b"solid")
    (tmp_path / "bad/b.off").write_text("OFF\n5 5 0\n1 2 3\n")
    result = lift3d("corpus", *[w.format(t=tmp_path) for w in words])
    assert result.exit_code == 2, result.output
    assert said in result.stderr and result.stderr.count("lift3d: ") == 1 and "Traceback" not in result.stderr
    assert not (tmp_path / "c").exists()


def test_a_damaged_corpus_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    import shutil

    for name, change, said in [
        ("corpus.json", b"{", "damaged"),
        ("corpus.json", b'{"version": 99}', "version 99"),
        ("cells.bin", b"123", "wrong size"),
    ]:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(corpus.folder, copy)
        (copy / name).write_bytes(change)
        with pytest.raises(InputError, match=said):
            Corpus(copy)


def test_layouts_of_collections() -> None:
    shapenet = ["03001627/1a2b/models/model_normalized.obj", "02691156/ff/models/model_normalized.obj"]
    assert (
        detect_layout(shapenet) == "ShapeNetCore"
        and detect_layout(["02691156/ff/model.obj"]) == "ShapeNetCore"
    )
    assert parse_path(shapenet[0], "ShapeNetCore") == ("chair", "1a2b", None)
    assert detect_layout(["night_stand/train/night_stand_0001.off"]) == "ModelNet"
    assert parse_path("m/night_stand/test/night_stand_0201.off", "ModelNet") == (
        "night_stand",
        "night_stand_0201",
        "test",
    )
    uid = "0123456789abcdef" * 2
    assert detect_layout([f"glbs/000-023/{uid}.glb"]) == "Objaverse"
    assert parse_path(f"glbs/000-023/{uid}.glb", "Objaverse") == (None, uid, None)
    assert (
        detect_layout(["a/b.stl", "c.stl"]) == "folder"
        and parse_path("Old Chairs/x.stl", "folder")[0] == "old_chairs"
    )
    assert len(SYNSETS) == 55


def test_shapenet_lies_y_up_and_modelnet_is_off(tmp_path: Path) -> None:
    (tmp_path / "03001627/1a/models").mkdir(parents=True)
    save_mesh(trimesh.creation.box((1, 3, 2)), tmp_path / "03001627/1a/models/model_normalized.obj")
    source = Folder(tmp_path)
    (entry,) = source.entries()
    assert np.ptp(source.load(entry)[0].vertices, 0) == pytest.approx([1, 2, 3])
    off = tmp_path / "x.off"
    off.write_text("OFF4 2 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n3 0 1 2\n")
    assert len(load_mesh(off).faces) == 3 and len(load_parts(off).parts) == 1
    for bad in (
        "",
        "OFF",
        "OFF\n3 1 0\n1 2 3\n",
        "OFF\n1 1 0\n1 2 3\n3 0 0 7\n",
        "OFF\n99999999999 1 0\n",
        "OFF\n1 1 0\nx y z\n3 0 0 0\n",
    ):
        off.write_text(bad)
        with pytest.raises(InputError):
            load_mesh(off)


def test_objaverse_names_come_from_its_list(tmp_path: Path) -> None:
    uid = "0123456789abcdef" * 2
    (tmp_path / "glbs/000-001").mkdir(parents=True)
    save_mesh(trimesh.creation.box(), tmp_path / f"glbs/000-001/{uid}.glb")
    (tmp_path / "lvis-annotations.json.gz").write_bytes(
        gzip.compress(json.dumps({"Tea Cup": [uid]}).encode())
    )
    (entry,) = Folder(tmp_path).entries()
    assert entry.category == "tea_cup" and entry.family == uid
    (tmp_path / "lvis-annotations.json.gz").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="not a list of models"):
        Folder(tmp_path).entries()


@pytest.mark.slow
def test_modelnet_keeps_its_own_test_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for split, count in (("train", 25), ("test", 5)):
        (tmp_path / "m/box" / split).mkdir(parents=True)
        for i in range(count):
            box = trimesh.creation.box(rng.uniform(0.2, 1, 3))
            rows = [f"{len(box.vertices)} {len(box.faces)} 0", *(" ".join(map(str, v)) for v in box.vertices)]
            rows += ["3 " + " ".join(map(str, f)) for f in box.faces]
            (tmp_path / f"m/box/{split}/box_{i:04d}.off").write_text("OFF\n" + "\n".join(rows) + "\n")
    corpus = one(tmp_path / "c", tmp_path / "m")
    for key, split in zip(corpus.keys, corpus.column("split")):
        assert (split == "test") == ("/test/" in key), key
    assert len(corpus.where(split="val")) > 0


def test_misspelt_values_are_refused(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="choose from chair"):
        corpus.where(category="chiar")
    with pytest.raises(InputError, match="choose from key, source"):
        corpus.where(colour="red")
    with pytest.raises(InputError, match="from 0 to 3"):
        corpus.inside(4)
    assert corpus.row(1)["name"] == "chair/a" and "licence" in corpus.columns


@pytest.mark.slow
def test_models_that_are_left_out_are_listed_with_the_reason(tmp_path: Path) -> None:
    source = folder_of(
        tmp_path / "m",
        {"a.stl": trimesh.creation.icosphere(2), "sign.stl": trimesh.creation.box((1, 1, 0.001))},
    )
    (source / "odd\nname.glb").symlink_to("nowhere.glb")
    corpus = one(tmp_path / "c", source)
    assert [row["key"] for row in corpus.card["left_out"]] == ["m/sign.stl"]
    text = (corpus.folder / "README.md").read_text()
    assert "`m/odd name.glb`: " in text and "Errno" not in text and "it is flat" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    folder_of(tmp_path / "m", {"b/a.stl": trimesh.creation.box()})
    (tmp_path / "m/b").chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        one(tmp_path / "c", tmp_path / "m")
    (tmp_path / "m/b").chmod(0o700)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are found through /proc")
def test_no_process_outlives_a_killed_build(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    boxes = {f"box/{i:03d}.stl": trimesh.creation.box(rng.uniform(0.2, 1, 3)) for i in range(60)}
    source, target = folder_of(tmp_path / "boxes", boxes), tmp_path / "c"
    words = [sys.executable, "-m", "lift3d", "corpus", "build", target, "--from", source, "--processes", "2"]
    run = subprocess.Popen([str(w) for w in words], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not list(target.glob(".building/*/*.npz")) and time.monotonic() < until:
        time.sleep(0.02)
    children = _children(run.pid)
    assert children
    run.kill()  # the parent alone
    run.wait()
    until = time.monotonic() + 20
    while any(map(_works, children)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(_works, children))


def _children(pid: int) -> list[int]:
    return [
        int(x)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for x in (task / "children").read_text().split()
    ]


def _works(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
