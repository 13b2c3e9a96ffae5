"""The table of segmentation on cases that were not trained on, and its scores against slow forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from made_volumes import write_dataset  # noqa: E402

from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate.baselines.mean_labels import mean_label_map, mean_labels  # noqa: E402
from lift3d.evaluate.interface import Request  # noqa: E402
from lift3d.evaluate.run import evaluate  # noqa: E402
from lift3d.evaluate.scores.labels import dice, dice_and_hd95  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.tasks.segmentation import Config, SegmentationTask  # noqa: E402
from lift3d.types.volumes import Grid, Labels  # noqa: E402


def test_scores_of_boxes() -> None:
    grid = Grid((20, 20, 20), np.diag([2.0, 1.0, 0.5, 1.0]))
    a, b = np.zeros((20, 20, 20), bool), np.zeros((20, 20, 20), bool)
    a[4:10, 4:12, 4:12], b[7:13, 4:12, 4:12] = True, True
    assert dice(a, b) == 0.5 and dice(a, a) == 1
    found = dice_and_hd95(a, b, grid)
    assert found[0] == 0.5 and found[1] == pytest.approx(6, abs=1)
    assert dice_and_hd95(a, a, grid) == (1, 0)
    empty = np.zeros_like(a)
    assert dice(a, empty) == 0 and dice_and_hd95(empty, a, grid)[1] == pytest.approx(
        np.hypot(40, np.hypot(20, 10))
    )
    assert np.isnan(dice(empty, empty)) and np.isnan(dice_and_hd95(empty, empty, grid)).all()


def test_the_mean_label_map_of_one_case_is_the_case() -> None:
    ids = np.zeros((24, 48, 12), np.uint8)
    ids[4:12, 10:30, 3:9], ids[14:20, 10:30, 3:9] = 4, 9
    for signs in ((1, 1, 1), (-1, 1, -1)):
        labels = Labels.of(ids, np.diag([*signs, 1.0]).astype(float))
        mean = mean_label_map([labels], (4, 9))
        assert np.allclose(mean.sum(0), 1)
        found = mean_labels(mean, (4, 9), labels)
        assert (found.ids == ids).mean() > 0.98 and set(np.unique(found.ids)) == {0, 4, 9}


@pytest.mark.slow
def test_the_table_leaves_out_training_cases(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "d", 6)
    config = Config(steps=1, batch=1, width=4, validate=1, save=1, precision="float32", folds=3)
    task = SegmentationTask(folder, config)
    Trainer(
        task, tmp_path / "run", Worker(0, 1, torch.device("cpu")), lambda s: None, lambda s, f: None
    ).fit()
    request = Request("segmentation", folder, folder, str(tmp_path / "run"), output=tmp_path / "out")
    done = evaluate(request, 1)
    held = task.data()["cases"]["val"]
    assert sorted(done.table["by_case"]) == held and done.table["cases"] == 2
    assert (
        done.table["mean_label_map"]["label 1"]["dice"] > 0.5
        and (tmp_path / "out/segmentation.json").is_file()
    )
    assert len(done.lines) >= 3
    other = write_dataset(tmp_path / "e", 8, seed=5)
    assert evaluate(Request("segmentation", other, other, str(tmp_path / "run")), 1).table["cases"] == 4
    alone = write_dataset(tmp_path / "f", 6)
    for name in held:
        for part in ("images", "labels"):
            (alone / part / f"{name}.nii.gz").unlink()
    with pytest.raises(InputError, match="trained on all cases"):
        evaluate(Request("segmentation", alone, alone, str(tmp_path / "run")), 1)
