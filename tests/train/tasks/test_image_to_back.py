"""Training of image_to_back: samples agree with the shape, scores are known, an untrained network is the blurred front."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.nets.dense.back_unet import BackUNet  # noqa: E402
from lift3d.nets.dense.backbone import EfficientNetLite0  # noqa: E402
from lift3d.train.data.back_views import BackSample, back_sample  # noqa: E402
from lift3d.train.data.view_set import ViewSet  # noqa: E402
from lift3d.train.distributed import Worker  # noqa: E402
from lift3d.train.engine import Trainer  # noqa: E402
from lift3d.train.tasks import cutout_task  # noqa: E402
from lift3d.train.tasks.image_to_back import Config, ImageToBackTask, psnr, scores  # noqa: E402

CONFIG = Config(steps=4, batch=2, width=8, side=64, validate=2, save=2, warmup=1, held=4, precision="float32")


def known_sample() -> BackSample:
    """Front grey, far side bright."""
    image = np.zeros((4, 64, 64), np.float32)
    image[:, 16:48, 16:48] = np.array([0.2, 0.2, 0.2, 1])[:, None, None]
    known = np.zeros((32, 32), bool)
    known[8:24, 8:24] = True
    back, albedo = np.full((3, 32, 32), 0.6, np.float32), np.full((3, 32, 32), 0.2, np.float32)
    return BackSample(image, back * known, albedo * known, known)


def test_scores_of_known_colours() -> None:
    sample = known_sample()
    found = scores(sample.back, sample.albedo, sample)
    assert found["psnr"] == found["albedo"] == pytest.approx(60)
    expected = -10 * np.log10((0.4**2) / 4)
    assert found["psnr_front"] == pytest.approx(expected, abs=1e-3) and found["psnr_mean"] == pytest.approx(
        expected, abs=1e-3
    )
    assert found["albedo_front"] > 55
    assert psnr(sample.back + 2, sample.back, sample.known) == pytest.approx(
        -10 * np.log10(0.04), abs=1e-3
    ), "clipped"


def test_an_untrained_network_gives_the_front() -> None:
    sample = known_sample()
    with torch.no_grad():
        found = BackUNet(8).eval()(torch.from_numpy(sample.image)[None])
    assert found.back.shape == found.albedo.shape == (1, 3, 32, 32)
    inner = found.back[0].numpy()[:, 13:19, 13:19]
    assert np.allclose(inner, 0.2, atol=1e-5) and np.allclose(
        found.albedo[0].numpy()[:, 13:19, 13:19], 0.2, atol=1e-5
    )


@pytest.mark.slow
def test_samples_show_the_far_side(small: tuple[Path, Path]) -> None:
    views = ViewSet(small[1], Corpus(small[0]), "train")
    for i in range(0, len(views), 5):
        view = views.view(i)
        assert view is not None
        sample = back_sample(views, view, 128)
        assert sample.known.sum() > 50 and np.abs(sample.back).max() <= 1 and np.isfinite(sample.back).all()
        assert not sample.back[:, ~sample.known].any()
        flipped = back_sample(views, view, 128, True)
        assert np.array_equal(flipped.back, sample.back[..., ::-1])
        assert np.array_equal(flipped.known, sample.known[:, ::-1])


@pytest.mark.slow
def test_it_learns_resumes_and_is_evaluated(
    small: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    backbone = EfficientNetLite0()
    monkeypatch.setattr(cutout_task, "load_backbone", lambda: backbone)
    task = ImageToBackTask(small[1], small[0], CONFIG)

    def trainer(folder: str) -> Trainer:
        return Trainer(
            task, tmp_path / folder, Worker(0, 1, torch.device("cpu")), lambda s: None, lambda n, f: None
        )

    whole = trainer("a")
    last = whole.fit()
    assert {"psnr", "psnr_front", "psnr_mean", "albedo", "albedo_front"} <= set(last)
    trainer("b").fit(until=2)
    again = trainer("b")
    again.fit()
    for name, value in again.module.state_dict().items():
        assert torch.equal(value, whole.module.state_dict()[name]), name
    from lift3d.evaluate.image_to_back import evaluate_image_to_back
    from lift3d.evaluate.interface import Request

    request = Request("image-to-back", small[0], small[1], str(tmp_path / "a"), split="val", limit=3)
    assert evaluate_image_to_back(request).lines[0].startswith("3 pictures")
