"""Training of depth on a few synthetic pictures: it learns, resumes, and frozen weights stay as they are."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image as Pil  # noqa: E402

from lift3d.corpus.scenes.depth_shards import encode_shard  # noqa: E402
from lift3d.corpus.scenes.scene_maker import DepthPicture  # noqa: E402
from lift3d.nets.dense.backbone import EfficientNetLite0  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.tasks import image_to_depth as module  # noqa: E402
from lift3d.train.tasks.image_to_depth import Config, ImageToDepthTask  # noqa: E402

CONFIG = Config(
    steps=6, batch=2, width=8, height=64, validate=3, save=3, warmup=1, held=4, precision="float32"
)


def picture(seed: int) -> DepthPicture:
    """A floor: brighter below, nearer below."""
    rng = np.random.default_rng(seed)
    y = np.linspace(0.1, 1, 96, dtype=np.float32)[:, None].repeat(128, 1)
    rgb = np.clip(
        255 * y[..., None] * rng.uniform(0.5, 1, 3) + rng.normal(0, 3, (96, 128, 3)), 0, 255
    ).astype(np.uint8)
    out = io.BytesIO()
    Pil.fromarray(rgb).save(out, "JPEG")
    return DepthPicture(out.getvalue(), rgb, (1 / y).astype(np.float32), 110.0, seed)


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageToDepthTask:
    """A task on eight pictures, with a random backbone."""
    torch.manual_seed(0)
    backbone = EfficientNetLite0()
    monkeypatch.setattr(module, "load_backbone", lambda: backbone)
    for split, seeds in (("train", range(8)), ("val", range(8, 12))):
        (tmp_path / f"{split}-00000.depth").write_bytes(encode_shard([picture(s) for s in seeds]))
    return ImageToDepthTask(tmp_path, CONFIG)


def test_the_loss_ignores_scale_and_shift_of_the_truth(task: ImageToDepthTask) -> None:
    net = task.module()
    batch = task.batch(0, 0, 1)
    with torch.no_grad():
        a = task.loss(net, batch, 0)
        b = task.loss(net, {**batch, "inverse": 3 * batch["inverse"] + 1}, 0)
    assert float(a["error"]) == pytest.approx(float(b["error"]), rel=1e-3)
    assert float(a["gradients"]) == pytest.approx(float(b["gradients"]), rel=1e-3)
    assert float(a["camera"]) != pytest.approx(float(b["camera"]), rel=1e-3), (
        "the offset depends on the shift"
    )


def test_processes_share_the_batch(task: ImageToDepthTask) -> None:
    whole = task.batch(3, 0, 1)["image"]
    parts = [task.batch(3, rank, 2)["image"] for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), whole)


@pytest.mark.slow
def test_a_run_learns_resumes_and_keeps_what_is_frozen(task: ImageToDepthTask, tmp_path: Path) -> None:
    def trainer(folder: str) -> Trainer:
        return Trainer(
            task, tmp_path / folder, Worker(0, 1, torch.device("cpu")), lambda s: None, lambda n, f: None
        )

    whole = trainer("a")
    before = {k: v.clone() for k, v in whole.module.state_dict().items()}
    last = whole.fit()
    assert 0 <= last["delta1"] <= 1 and last["abs_rel"] > 0
    after = whole.module.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before if ".depthwise." in k or ".stem." in k)
    assert any(
        not torch.equal(before[k], after[k]) for k in before if k.startswith("backbone.blocks.9.project")
    )
    trainer("b").fit(until=3)
    trainer("b").fit()
    resumed = trainer("b")
    assert resumed.step == 6
    for k, v in resumed.module.state_dict().items():
        assert torch.allclose(v, after[k], atol=1e-6)


def test_each_step_has_one_of_the_sizes(task: ImageToDepthTask) -> None:
    pictures = task.train.folder
    mixed = ImageToDepthTask(pictures, replace(CONFIG, height=96, smallest=64))
    shapes = [tuple(mixed.batch(step, 0, 1)["image"].shape[2:]) for step in range(12)]
    assert set(shapes) == {(64, 64), (96, 128)}
    assert shapes == [tuple(mixed.batch(step, 0, 1)["image"].shape[2:]) for step in range(12)]
    assert mixed.batch(0, 0, 1)["inverse"].shape[1:] == (shapes[0][0] // 2, shapes[0][1] // 2)
