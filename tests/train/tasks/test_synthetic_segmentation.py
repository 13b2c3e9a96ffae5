"""Training on pictures synthesised from label maps: batches, mirroring with exchanged sides, resume, and the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from made_volumes import nifti_bytes, write_dataset  # noqa: E402

from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate.interface import Request  # noqa: E402
from lift3d.evaluate.synthetic_segmentation import evaluate_synthetic_segmentation  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.segmentation import augmentation as aug  # noqa: E402
from lift3d.train.segmentation.groups import head_groups  # noqa: E402
from lift3d.train.tasks.synthetic_segmentation import Config, SyntheticSegmentationTask  # noqa: E402

CONFIG = Config(
    steps=4,
    batch=2,
    width=4,
    widest=8,
    validate=2,
    save=2,
    warmup=1,
    precision="float32",
    folds=2,
    memory=0.02,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four maps of 1 mm in LIA order: skin around white matter of two sides, with a hippocampus on each."""
    root = tmp_path_factory.mktemp("heads")
    affine = np.array([[-1.0, 0, 0, 16], [0, 0, 1, -20], [0, -1, 0, 18], [0, 0, 0, 1]])
    for k in range(4):
        ids = np.zeros((32, 36, 40), np.int16)  # left, inferior, anterior
        ids[3:29, 4:32, 4:36] = 511
        ids[6:16, 7:29, 8:32], ids[16:26, 7:29, 8:32] = 41, 2  # small i is to the right
        ids[8:12, 12:18, 10 + k : 20 + k], ids[20:24, 12:18, 10 + k : 20 + k] = 53, 17
        (root / f"head_{k}.nii").write_bytes(nifti_bytes(ids, affine))
    return root


def names_at(classes: torch.Tensor) -> dict[str, float]:
    """Mean position to the right of each structure that occurs."""
    names = ["none", *head_groups()]
    return {names[k]: float(np.argwhere(classes.numpy() == k)[:, 0].mean()) for k in np.unique(classes)}


def test_left_is_left_in_every_sample(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aug, "P_ROTATE", 0)
    task = SyntheticSegmentationTask(folder, CONFIG)
    assert task.plan.modality == "any" and task.plan.mirror == () and task.plan.spacing == (2, 2, 2)
    for seed in range(12):
        image, classes = task.sample(task.maps["train"][0], np.random.default_rng(seed))
        assert image.shape[1:] == classes.shape == task.plan.patch
        where = names_at(classes)
        assert where["left cerebral white matter"] < where["right cerebral white matter"]
        if {"left hippocampus", "right hippocampus"} <= set(where):
            assert where["left hippocampus"] < where["right hippocampus"]


def test_processes_share_the_batch(folder: Path) -> None:
    task = SyntheticSegmentationTask(folder, CONFIG)
    whole, parts = task.batch(3, 0, 1), [task.batch(3, rank, 2) for rank in (0, 1)]
    for name in ("image", "classes"):
        assert torch.equal(torch.cat([part[name] for part in parts]), whole[name])


def test_folders_without_heads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains no label maps"):
        SyntheticSegmentationTask(tmp_path, CONFIG)
    with pytest.raises(InputError, match="no label maps of whole heads"):
        SyntheticSegmentationTask(write_dataset(tmp_path / "d", 3), CONFIG)
    for options in ({"width": 2}, {"width": 64, "widest": 32}, {"spacing": 0.1}, {"memory": 0.0}):
        with pytest.raises(InputError):
            Config(**options)


@pytest.mark.slow
def test_a_resumed_run_equals_one_without_a_break(folder: Path, tmp_path: Path) -> None:
    def trainer(run: str) -> Trainer:
        task = SyntheticSegmentationTask(folder, replace(CONFIG, batch=1))
        return Trainer(
            task, tmp_path / run, Worker(0, 1, torch.device("cpu")), lambda s: None, lambda s, f: None
        )

    whole = trainer("a")
    last = whole.fit()
    trainer("b").fit(2)
    resumed = trainer("b")
    assert resumed.fit() == last and 0 <= last["worst"] <= last["dice"] <= 1
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name]), name
    done = evaluate_synthetic_segmentation(
        Request("synthetic-segmentation", folder, folder, str(tmp_path / "a"), limit=1)
    )
    assert done.table["maps"] == 1 and done.table["pictures"] == 3 and 0 <= done.table["dice"] <= 1
    assert done.table["mean_label_map"] > 0.5
