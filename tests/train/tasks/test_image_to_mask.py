"""Training of masks on synthetic pictures: it learns, resumes, and frozen weights stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.nets.dense.backbone import EfficientNetLite0  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.tasks import image_to_mask as module  # noqa: E402
from lift3d.train.tasks.image_to_mask import Config, ImageToMaskTask  # noqa: E402

CONFIG = Config(steps=4, batch=2, width=8, side=64, validate=2, save=2, warmup=1, held=6, precision="float32")


class Discs:
    """Pictures of bright discs on dark noise."""

    def __init__(self, folder: Path, split: str) -> None:
        self.first = 0 if split == "train" else 100

    def __len__(self) -> int:
        return 6

    def mask(self, i: int) -> np.ndarray:
        rng = np.random.default_rng(self.first + i)
        y, x = np.mgrid[:80, :80]
        return np.asarray(np.hypot(x - rng.uniform(30, 50), y - rng.uniform(30, 50)) < rng.uniform(12, 25))

    def rgb(self, i: int) -> np.ndarray:
        rng = np.random.default_rng(self.first + i)
        noise = rng.integers(0, 80, (80, 80, 3), np.uint8)
        return noise + self.mask(i)[..., None] * rng.integers(100, 170, 3).astype(np.uint8)

    def digest(self) -> str:
        return f"discs {self.first}"


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ImageToMaskTask:
    """A task on six pictures, with a random backbone."""
    torch.manual_seed(0)
    backbone = EfficientNetLite0()
    monkeypatch.setattr(module, "load_backbone", lambda: backbone)
    monkeypatch.setattr(module, "PictureSet", Discs)
    return ImageToMaskTask(tmp_path, CONFIG)


def test_processes_share_the_batch(task: ImageToMaskTask) -> None:
    whole = task.batch(3, 0, 1)
    parts = [task.batch(3, rank, 2) for rank in (0, 1)]
    for name in ("inputs", "mask"):
        assert torch.equal(torch.cat([part[name] for part in parts]), whole[name])


def test_a_perfect_answer_has_a_small_loss(task: ImageToMaskTask) -> None:
    batch = task.batch(0, 0, 1)

    class Known(torch.nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor = factor

        def forward(self, x: Any) -> Any:
            return (batch["mask"] * 2 - 1) * self.factor

    good, bad = (task.loss(Known(f), batch, 0) for f in (12.0, -12.0))
    assert float(good["loss"]) < 0.2 < float(bad["loss"]) and set(good) == {"loss", "entropy", "dice"}


def test_rendered_pictures_are_resized(task: ImageToMaskTask) -> None:
    scene = module.rendered(task.scenes["train"], 0, 40)
    assert scene.rgb.shape == (40, 40, 3) and scene.layers[0].shape == (40, 40)
    true = float(task.scenes["train"].pictures.mask(0).mean())
    assert float(scene.layers[0].mean()) == pytest.approx(true, abs=0.02)


@pytest.mark.slow
def test_a_run_learns_resumes_and_keeps_what_is_frozen(task: ImageToMaskTask, tmp_path: Path) -> None:
    def trainer(folder: str) -> Trainer:
        return Trainer(
            task, tmp_path / folder, Worker(0, 1, torch.device("cpu")), lambda s: None, lambda n, f: None
        )

    whole = trainer("a")
    before = {k: v.clone() for k, v in whole.module.state_dict().items()}
    last = whole.fit()
    assert {"iou", "threshold", "iou_none", "iou_click", "iou_box"} <= set(last) and 0 <= last["iou"] <= 1
    after = whole.module.state_dict()
    assert torch.equal(after["backbone.stem.conv.weight"], before["backbone.stem.conv.weight"])
    assert not torch.equal(after["head.weight"], before["head.weight"])
    half = trainer("b")
    half.fit(until=2)
    again = trainer("b")
    assert again.step == 2
    again.fit()
    for name, value in again.module.state_dict().items():
        assert torch.equal(value, after[name]), name
