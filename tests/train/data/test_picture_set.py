"""Pictures read by index equal those of the sequential stream; epochs are complete and deterministic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pyarrow")

from lift3d.corpus.pictures.shard_reader import read_shards  # noqa: E402
from lift3d.errors import InputError  # noqa: E402
from lift3d.geometry.metrics.iou import batch_iou  # noqa: E402
from lift3d.train.data.picture_set import PictureSet  # noqa: E402
from lift3d.train.data.sampling import sample_indices  # noqa: E402
from lift3d.train.tasks.image_to_mask import Config, ImageToMaskTask  # noqa: E402


@pytest.fixture(scope="module")
def pictures(small: tuple[Path, Path]) -> Path:
    return small[1]


@pytest.mark.slow
def test_pictures_by_index_equal_those_of_the_stream(pictures: Path) -> None:
    for split in ("train", "val"):
        held = PictureSet(pictures, split)
        streamed = list(read_shards(pictures, split))
        assert len(held) == len(streamed) > 0
        for i, sample in enumerate(streamed):
            assert (held.rgb(i) == sample["rgb"]).all() and (held.mask(i) == sample["mask"]).all()
            assert held.record(i)["key"] == sample["record"]["key"]


@pytest.mark.slow
def test_a_damaged_shard_is_refused(pictures: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(pictures, tmp_path / "p")
    shard = next((tmp_path / "p").glob("train-*.tar"))
    with open(shard, "r+b") as file:
        file.seek(0)
        file.write(b"../../etc/passwd\0")
    with pytest.raises(InputError, match="damaged"):
        PictureSet(tmp_path / "p", "train")


def test_every_epoch_has_every_sample_once_in_a_new_order() -> None:
    first = np.concatenate([sample_indices(12, step, 4, 7) for step in range(3)])
    second = np.concatenate([sample_indices(12, step, 4, 7) for step in range(3, 6)])
    assert sorted(first) == sorted(second) == list(range(12)) and list(first) != list(second)


@pytest.mark.slow
def test_a_batch_does_not_depend_on_the_number_of_processes(pictures: Path) -> None:
    task = ImageToMaskTask(pictures, Config(batch=6, side=64, held=6, width=8))
    whole = task.batch(5, 0, 1)
    parts = [task.batch(5, rank, 2) for rank in range(2)]
    for name in whole:
        assert torch.equal(whole[name][0::2], parts[0][name]) and torch.equal(
            whole[name][1::2], parts[1][name]
        )
    losses = task.loss(task.module(), whole, 0)
    assert losses["loss"].isfinite() and set(losses) == {"loss", "entropy", "dice"}
    with torch.no_grad():
        assert 0 <= task.validate(task.module().eval())["iou"] <= 1


def test_iou_of_masks() -> None:
    a = np.zeros((3, 4, 4), bool)
    b = a.copy()
    a[0, :2], b[0, 1:3] = True, True
    a[1] = True
    assert batch_iou(a, b) == pytest.approx([1 / 3, 0, 1])
