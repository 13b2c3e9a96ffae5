"""Training of segmentation on two ellipsoids: it learns, resumes bit for bit, and its weights segment new volumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from made_volumes import ellipsoids, nifti_bytes, write_dataset  # noqa: E402

from lift3d.errors import InputError  # noqa: E402
from lift3d.inference.segmentation.segmenter import Segmenter  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.segmentation.cases import UNLABELLED  # noqa: E402
from lift3d.train.tasks.segmentation import Config, SegmentationTask  # noqa: E402
from lift3d.types.volumes import Volume  # noqa: E402

CONFIG = Config(
    steps=4,
    batch=2,
    width=4,
    validate=2,
    save=2,
    warmup=1,
    precision="float32",
    folds=3,
    names="3=front,7=back",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cases."""
    return write_dataset(tmp_path_factory.mktemp("seg") / "d", 6, ids=(3, 7))


def trainer(task: SegmentationTask, run: Path) -> Trainer:
    """A run in a folder."""
    return Trainer(task, run, Worker(0, 1, torch.device("cpu")), lambda s: None, lambda s, f: None)


def test_processes_share_the_batch(folder: Path) -> None:
    task = SegmentationTask(folder, CONFIG)
    whole, parts = task.batch(3, 0, 1), [task.batch(3, rank, 2) for rank in (0, 1)]
    for name in ("image", "classes"):
        assert torch.equal(torch.cat([part[name] for part in parts]), whole[name])
    assert whole["image"].shape == (2, 1, *task.plan.patch) and whole["classes"].max() <= 2


def test_folds_and_plan_identify_the_data(folder: Path) -> None:
    task, other = SegmentationTask(folder, CONFIG), SegmentationTask(folder, replace(CONFIG, fold=1))
    assert task.data() == SegmentationTask(folder, CONFIG).data()
    assert task.data()["cases"] != other.data()["cases"] and task.data()["sha256"] != other.data()["sha256"]
    stated = task.data()
    assert not set(stated["cases"]["train"]) & set(stated["cases"]["val"]) and stated["plan"]["names"] == [
        "front",
        "back",
    ]


@pytest.mark.slow
def test_a_resumed_run_equals_one_without_a_break(folder: Path, tmp_path: Path) -> None:
    whole = trainer(SegmentationTask(folder, CONFIG), tmp_path / "a")
    last = whole.fit()
    trainer(SegmentationTask(folder, CONFIG), tmp_path / "b").fit(2)
    resumed = trainer(SegmentationTask(folder, CONFIG), tmp_path / "b")
    assert resumed.step == 2
    again = resumed.fit()
    assert {k: v for k, v in last.items() if v == v} == {k: v for k, v in again.items() if v == v}
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name]), name


def test_cases_that_do_not_match_are_refused(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d", 3, ids=(3, 7))
    values, _ = ellipsoids(np.random.default_rng(1))
    moved = np.eye(4)
    moved[2, 3] = 7
    (folder / "images/case_01.nii.gz").unlink()
    (folder / "images/case_01.nii").write_bytes(nifti_bytes(values, moved))
    with pytest.raises(InputError, match="the labels of case_01 lie 7 mm from its volume"):
        SegmentationTask(folder, CONFIG)
    (folder / "images/case_01.nii").write_bytes(nifti_bytes(np.full_like(values, 5), np.eye(4)))
    with pytest.raises(InputError, match="case_01: all values of the volume are 5"):
        SegmentationTask(folder, CONFIG)


def test_wrong_options_are_refused() -> None:
    for options in ({"modality": "pet"}, {"width": 1}, {"memory": 0.0}, {"held": 0}):
        with pytest.raises(InputError):
            Config(**options)


def test_left_out_voxels_stay_left_out(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d", 3)
    (folder / "dataset.json").write_text('{"labels": {"background": 0, "a": 1, "ignore": 2}}')
    task = SegmentationTask(folder, replace(CONFIG, names=""))
    assert task.plan.ids == (1,)
    assert (task.cases["train"][0].classes == UNLABELLED).any() and task.cases["train"][
        0
    ].classes.max() == UNLABELLED
    assert all(np.isfinite(v) for v in trainer(task, tmp_path / "run").fit(1).values())


@pytest.mark.slow
def test_it_learns_and_segments(folder: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, steps=150, validate=75, save=150, rate=5e-3, warmup=5, average=0.9)
    last = trainer(SegmentationTask(folder, config), tmp_path / "run").fit()
    assert last["dice"] > 0.8
    values, truth = ellipsoids(np.random.default_rng(99), ids=(3, 7))
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])  # as LPS data have it
    flipped = Volume.of(np.ascontiguousarray(values[::-1, ::-1]), affine, source="new")
    segmenter = Segmenter.load(tmp_path / "run")
    assert segmenter.usual == last["expected"] > 0.1
    found = segmenter.segment(flipped)
    for number in (3, 7):
        own, mask = truth[::-1, ::-1] == number, found.labels.ids == number
        assert 2 * (own & mask).sum() / (own.sum() + mask.sum()) > 0.8, number
    assert found.labels.name(7) == "back"


def test_notes_state_plan_time_and_folds(folder: Path) -> None:
    notes = SegmentationTask(folder, CONFIG).notes()
    text = "\n".join(notes)
    assert "4 cases to train on, 2 are held back (fold 0 of 3)" in text and "3 front, 7 back" in text
    assert "GB of memory" in text and "h for 4 steps" in text
    assert "none is held back" in SegmentationTask(folder, replace(CONFIG, fold=-1)).notes()[0]
