"""Training of image_to_layers on a small corpus: it learns, resumes, and frozen weights stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.nets.dense.back_unet import BackUNet  # noqa: E402
from lift3d.nets.dense.backbone import EfficientNetLite0  # noqa: E402
from lift3d.nets.dense.depth_unet import DepthUNet  # noqa: E402
from lift3d.nets.dense.layered_depth_unet import LayeredDepth, LayeredDepthUNet  # noqa: E402
from lift3d.train.data.layered_views import LayeredSample  # noqa: E402
from lift3d.train.data.view_set import further_views  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.init_from_depth import copy_decoder  # noqa: E402
from lift3d.train.tasks import cutout_task  # noqa: E402
from lift3d.train.tasks.image_to_layers import (  # noqa: E402
    Config,
    ImageToLayersTask,
    collate,
    errors,
)

CONFIG = Config(steps=4, batch=2, width=8, side=64, validate=2, save=2, warmup=1, held=4, precision="float32")


@pytest.fixture
def task(small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> ImageToLayersTask:
    torch.manual_seed(0)
    backbone = EfficientNetLite0()
    monkeypatch.setattr(cutout_task, "load_backbone", lambda: backbone)
    return ImageToLayersTask(small[1], small[0], CONFIG)


def ball() -> LayeredSample:
    """A ball seen from far away."""
    line = (np.arange(32) + 0.5) / 16 - 1
    square = 0.64 - line[None] ** 2 - line[:, None] ** 2
    known = square > 0.01
    near = np.where(known, np.sqrt(np.maximum(square, 0)), 0).astype(np.float32)
    normals = (
        np.stack([np.broadcast_to(line[None], near.shape), np.broadcast_to(line[:, None], near.shape), -near])
        / 0.8
    )
    image = np.zeros((4, 64, 64), np.float32)
    return LayeredSample(image, near, 2 * near, (normals * known).astype(np.float32), known, 0.8)


def truth_of(sample: LayeredSample, shift: float = 0.0, factor: float = 1.0) -> LayeredDepth:
    thickness = np.log(np.maximum(sample.thickness, 1e-3) * factor).astype(np.float32)
    return LayeredDepth(
        torch.from_numpy(sample.nearness + np.float32(shift))[None, None],
        torch.from_numpy(thickness)[None, None],
        torch.from_numpy(sample.normals)[None],
        torch.tensor([np.log(sample.extent)]),
    )


def test_errors_forgive_a_shift_in_depth_and_measure_volume() -> None:
    sample = ball()
    right = errors(truth_of(sample, 0.2), 0, sample)
    assert right["near"] == right["thick"] == 1 and right["cosine"] == pytest.approx(1, abs=1e-3)
    assert right["volume"] == pytest.approx(1, abs=1e-3) and right["surface"] < 1e-6
    double = errors(truth_of(sample, 0, 2.0), 0, sample)
    assert double["volume"] == pytest.approx(2, abs=1e-3) and double["thick"] == 0


def test_the_true_answer_has_no_loss(task: ImageToLayersTask) -> None:
    sample = ball()

    class Known(torch.nn.Module):
        def __init__(self, shift: float) -> None:
            super().__init__()
            self.found = truth_of(sample, shift)

        def forward(self, x: torch.Tensor) -> LayeredDepth:
            return self.found

    batch = collate([sample])
    good, moved = (task.loss(Known(shift), batch, 0) for shift in (0.0, 0.5))
    assert float(good["loss"]) < 1e-3
    assert float(moved["surface"]) == pytest.approx(0, abs=1e-5) and float(moved["loss"]) == pytest.approx(
        0.15, abs=1e-3
    )


@pytest.mark.slow
def test_it_learns_resumes_and_keeps_the_frozen_weights(task: ImageToLayersTask, tmp_path: Path) -> None:
    def trainer(folder: str) -> Trainer:
        return Trainer(
            task, tmp_path / folder, Worker(0, 1, torch.device("cpu")), lambda s: None, lambda n, f: None
        )

    whole = trainer("a")
    before = {k: v.clone() for k, v in whole.module.state_dict().items()}
    last = whole.fit()
    assert {"near", "thick", "right", "cosine", "volume", "log_extent"} <= set(last) and 0 <= last[
        "right"
    ] <= 1
    after = whole.module.state_dict()
    assert torch.equal(after["backbone.stem.conv.weight"], before["backbone.stem.conv.weight"])
    assert not torch.equal(after["head.weight"], before["head.weight"])
    trainer("b").fit(until=2)
    again = trainer("b")
    assert again.step == 2
    again.fit()
    for name, value in again.module.state_dict().items():
        assert torch.equal(value, after[name]), name


@pytest.mark.slow
def test_further_pictures_are_trained_on(small: tuple[Path, Path], task: ImageToLayersTask) -> None:
    more = ImageToLayersTask(small[1], small[0], replace(CONFIG, more=f"{small[0]}:{small[1]}"))
    assert len(more.sets) == 4 and more.sets[0].pictures.digest() == more.sets[1].pictures.digest()
    first, again = (
        more.train_sample(1, np.random.default_rng(0)),
        more.train_sample(1 + len(more.sets[0]), np.random.default_rng(0)),
    )
    assert np.array_equal(first.nearness, again.nearness)
    assert set(more.data()) == {"train", "train_1", "train_2", "train_3", "val"}
    with pytest.raises(InputError, match="is not CORPUS:PICTURES"):
        further_views("folder")


def test_the_decoder_starts_with_that_of_the_depth_network() -> None:
    torch.manual_seed(0)
    depth, net = DepthUNet(8), LayeredDepthUNet(8)
    copy_decoder(net, depth.state_dict())
    own, given = net.state_dict(), depth.state_dict()
    assert torch.equal(own["decoder.1.second.weight"], given["decoder.1.second.weight"])
    assert torch.equal(own["decoder.1.first.weight"][:, :-1], given["decoder.1.first.weight"])
    assert not own["decoder.1.first.weight"][:, -1].any() and not own["head.weight"][:2].any()
    with torch.no_grad():
        picture = torch.randn(1, 3, 64, 64)
        found = net.eval()(torch.cat([picture, torch.rand(1, 1, 64, 64)], 1))
        assert torch.allclose(found.normals, depth.eval()(picture).normals, atol=1e-4), (
            "the mask has no effect yet"
        )
    back = BackUNet(8)
    copy_decoder(back, depth.state_dict())
    assert not back.state_dict()["head.weight"].any()


def test_the_size_of_the_maps_is_half_that_of_the_picture() -> None:
    torch.manual_seed(0)
    net = LayeredDepthUNet(8).eval()
    with torch.no_grad():
        found = net(torch.zeros(2, 4, 64, 96))
    assert (
        found.nearness.shape == (2, 1, 32, 48)
        and found.normals.shape == (2, 3, 32, 48)
        and found.extent.shape == (2,)
    )
    assert torch.allclose(found.normals.square().sum(1), torch.ones(2, 32, 48), atol=1e-5)
