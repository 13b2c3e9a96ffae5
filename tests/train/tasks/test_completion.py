"""Training of completion: consistent pairs, partial scans as specified, a falling loss, and the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy import ndimage
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from lift3d.cli import app  # noqa: E402
from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.geometry.voxels.canonical_frame import RESOLUTION, canonical_grid  # noqa: E402
from lift3d.io.mesh.meshes import save_mesh  # noqa: E402
from lift3d.train.data.partial_scans import FACING, LEAVE, _visible, break_samples, cut_mask, open_samples  # noqa: E402
from lift3d.train.data.shape_set import ShapeSet  # noqa: E402
from lift3d.train.tasks.completion import CompletionTask, Config, training_pair  # noqa: E402

TINY = Config(
    steps=8, batch=4, width=8, layers=1, held=4, warmup=2, rate=3e-3, precision="float32", validate=8
)


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.slow
def test_the_known_voxels_lie_on_the_surface_of_the_whole(small: tuple[Path, Path], moved: bool) -> None:
    shapes = ShapeSet(Corpus(small[0]), "train")
    for i in range(min(6, len(shapes))):
        known, full = training_pair(shapes, i, np.random.default_rng(i), None, moved)
        assert known.shape == (5, 64, 64, 64) and full.shape == (64, 64, 64)
        solid = full > 127
        ball = np.ones((3, 3, 3))
        edge = ndimage.binary_dilation(solid, ball) & ~ndimage.binary_erosion(solid, ball)
        assert edge[known[0] > 0].mean() > 0.95
        # half a cell behind the surface it is full, half a cell before it empty: normals point outwards
        at = np.argwhere(known[0] > 0)
        normal = known[1:4, at[:, 0], at[:, 1], at[:, 2]].T
        normal = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        behind, before = (
            ndimage.map_coordinates(full.astype(float), (at + s * normal).T, order=1) for s in (-1.5, 1.5)
        )
        assert (behind > before).mean() > 0.9


def test_a_cut_keeps_the_specified_fraction() -> None:
    rng = np.random.default_rng(0)
    p = rng.normal(size=(2000, 3))
    shares = [cut_mask(p, np.random.default_rng(k)).mean() for k in range(60)]
    assert 0.29 < min(shares) < 0.4 and 0.75 < max(shares) < 0.86


def test_visible_samples_agree_with_a_slow_twin() -> None:
    rng = np.random.default_rng(0)
    filled = ndimage.binary_dilation(rng.random((20, 20, 20)) < 0.004, iterations=2)
    p, n = rng.uniform(2, 17, (200, 3)), rng.normal(size=(200, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    eye = np.array([35.0, -12, 28])
    said = _visible(p, n, filled, eye, LEAVE, FACING)
    for k in range(200):
        look = (eye - p[k]) / np.linalg.norm(eye - p[k])
        way = p[k] + LEAVE * n[k] + 0.5 * np.arange(int(2 * np.linalg.norm(eye - p[k])) + 1)[:, None] * look
        cell = np.rint(way).astype(int)
        outside = ((cell < 0) | (cell >= 20)).any(1)
        cell = cell[: int(outside.argmax()) if outside.any() else len(cell)]
        assert said[k] == (look @ n[k] >= FACING and not filled[tuple(cell.T)].any())


def test_a_view_contains_the_near_side_alone(small: tuple[Path, Path]) -> None:
    corpus = Corpus(small[0])
    p, n = open_samples(corpus, 0)
    first, step = canonical_grid(RESOLUTION)
    eye = np.array([0.0, -5, 2])
    seen = _visible((p - first) / step, n, corpus.inside_or_surface(0), (eye - first) / step, LEAVE, FACING)
    assert 0.15 < seen.mean() < 0.6 and ((eye - p[seen]) * n[seen]).sum(1).min() > 0


@pytest.mark.parametrize("kind", ["cut", "view", "holes"])
def test_partial_scans_are_smaller_and_reproducible(small: tuple[Path, Path], kind: str) -> None:
    corpus = Corpus(small[0])
    p, n = open_samples(corpus, 1)
    for seed in range(4):
        q, m = break_samples(p, n, corpus.inside_or_surface(1), np.random.default_rng(seed), kind)
        assert 200 <= len(q) < len(p) and np.allclose(np.linalg.norm(m, axis=1), 1)
        again = break_samples(p, n, corpus.inside_or_surface(1), np.random.default_rng(seed), kind)
        assert np.array_equal(q, again[0]) and np.array_equal(m, again[1])


def test_samples_do_not_depend_on_the_number_of_processes(small: tuple[Path, Path]) -> None:
    task = CompletionTask(small[0], TINY)
    one = task.batch(3, 0, 1)
    halves = [task.batch(3, rank, 2) for rank in (0, 1)]
    assert torch.equal(one["known"][::2], halves[0]["known"]) and torch.equal(
        one["full"][1::2], halves[1]["full"]
    )


@pytest.mark.slow
def test_the_loss_falls(small: tuple[Path, Path]) -> None:
    task = CompletionTask(small[0], TINY)
    torch.manual_seed(0)
    net, batch = task.module(), task.batch(0, 0, 1)
    optimiser = torch.optim.AdamW(net.parameters(), 5e-3)
    values = []
    for step in range(12):
        loss = task.loss(net, batch, step)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(float(loss))
    assert values[-1] < 0.8 * values[0]
    with torch.no_grad():
        told = task.validate(net.eval())
    assert 0 <= told["iou"] <= 1 and {"threshold", "entropy", "iou_cut"} <= set(told)


def test_invalid_options_are_refused() -> None:
    for wrong in ({"width": 4}, {"width": 9}, {"layers": -1}):
        with pytest.raises(InputError):
            Config(**wrong)


@pytest.mark.slow
def test_train_evaluate_and_complete(
    small: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what an untrained network says is noise, whose surface is large
    monkeypatch.setattr("lift3d.evaluate.points_to_voxels.RESOLUTION", 32)
    monkeypatch.setattr("lift3d.evaluate.baselines.completion.RESOLUTION", 24)
    monkeypatch.setattr("lift3d.evaluate.sheets.completion.ROWS_PER_GROUP", 1)

    def lift3d(*words: object) -> tuple[int, str]:
        done = CliRunner().invoke(app, [str(w) for w in words])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    options = ["steps=2", "batch=2", "width=8", "layers=1", "held=2", "validate=2", "warmup=1"]
    sets = [word for option in options for word in ("--set", option)]
    run = tmp_path / "run"
    code, said = lift3d("train", "completion", "--data", small[0], "-o", run, *sets)
    assert code == 0 and "best.safetensors" in said, said
    words = ("--data", small[0], "--weights", run, "--split", "val", "--limit", 1)
    code, said = lift3d("evaluate", "completion", *words, "-o", tmp_path / "table")
    assert code == 0, said
    for row in ("the part, closed", "mirrored and closed", "nearest training shape", "network"):
        assert row in said
    table = json.loads((tmp_path / "table/completion.json").read_text())
    assert set(table["ratio"]) == {"cut", "view"} and (tmp_path / "table/completion.png").is_file()
    box = trimesh.creation.box((2, 1, 1))
    v, f, _ = trimesh.intersections.slice_faces_plane(box.vertices, box.faces, [-1, 0, 0], [0.4, 0, 0])
    save_mesh(trimesh.Trimesh(v, f, process=False), tmp_path / "half.ply")
    code, said = lift3d(
        "complete", tmp_path / "half.ply", "-o", tmp_path / "whole.glb", "--weights", run, "--resolution", 32
    )
    assert code == 0 and "is predicted" in said, said
    report = json.loads((tmp_path / "whole.report.json").read_text())
    assert report["is_solid"] and 0 < report["known_fraction"] <= 1
