"""Samples of image_to_voxels: voxels agree with the picture, and poses rotate them upright."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.geometry.metrics.iou import batch_iou_torch  # noqa: E402
from lift3d.nets.views_to_volume import GRID_SIZE, resample_upright  # noqa: E402
from lift3d.train.data.sampling import collate
from lift3d.train.data.view_set import ViewSet, corrupt_mask, symmetry_axis, view_target  # noqa: E402
from lift3d.train.tasks.image_to_voxels import Config, ImageToVoxelsTask, make_sample, mirror_sample

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def solids(small: tuple[Path, Path]) -> ViewSet:
    return ViewSet(small[1], Corpus(small[0]), "train")


def test_voxels_are_full_where_the_object_is_visible(solids: ViewSet) -> None:
    for i in range(0, len(solids), 3):
        view = solids.view(i)
        assert view is not None
        cells = view_target(view, solids.levels(view.shape)) > 127
        seen = cells.any(0)
        c = view.frame.crop
        line = (np.arange(GRID_SIZE) + 0.5) / GRID_SIZE * 2 * c.half - c.half
        x, y = np.floor(line + c.x).astype(int), np.floor(line + c.y).astype(int)
        h, w = view.mask.shape
        inside = ((y >= 0) & (y < h))[:, None] & ((x >= 0) & (x < w))[None]
        shown = np.where(inside, view.mask[np.clip(y, 0, h - 1)][:, np.clip(x, 0, w - 1)], False)
        assert (seen & shown).sum() / (seen | shown).sum() > 0.85
        depths = np.flatnonzero(cells.any((1, 2)))
        assert depths[0] <= 4 and depths[-1] >= GRID_SIZE - 5  # the whole depth is used


def test_the_true_pose_rotates_the_true_voxels_upright(solids: ViewSet) -> None:
    for i in (1, 6, 11):
        view = solids.view(i)
        assert view is not None
        sample = make_sample(solids, view, [], 1, GRID_SIZE)
        mirrored = mirror_sample(sample, symmetry_axis(solids.corpus.inside(view.shape)))
        batch = collate([sample, mirrored])
        share = batch["cells"].float() / 255
        said = resample_upright(
            share, batch["pose"], batch["to_cells"], batch["far"], batch["depth"].exp(), 32
        )[:, 0]
        assert (batch_iou_torch(said > 0.5, batch["upright"] > 127) > 0.85).all()


def test_corrupted_masks_are_valid_masks() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 12:28] = True
    seen = [corrupt_mask(mask, np.random.default_rng(i)) for i in range(60)]
    assert all(m.dtype == bool and m.shape == mask.shape and m.any() for m in seen)
    share = [float((m & mask).sum() / (m | mask).sum()) for m in seen]
    assert min(share) > 0.3 and sum(x < 1 for x in share) > 15 and sum(x == 1 for x in share) > 15
    assert not corrupt_mask(np.zeros((8, 8), bool), np.random.default_rng(3)).any()


@pytest.mark.parametrize(("kind", "critic"), [("views", 0.0), ("views", 0.01), ("plain", 0.0)])
def test_a_step_of_each_network_learns_and_is_reproducible(
    small: tuple[Path, Path], kind: str, critic: float
) -> None:
    from lift3d.train.distributed import join_workers
    from lift3d.train.engine import Trainer

    config = Config(
        steps=2, batch=2, width=8, layers=1, kind=kind, critic=critic, held=3, validate=2, warmup=1
    )
    told = []
    for name in ("a", "b"):
        with join_workers("cpu") as where:
            task = ImageToVoxelsTask(small[1], small[0], config)
            folder = small[1].parent / f"run-{kind}-{critic}-{name}"
            told.append(Trainer(task, folder, where, lambda s: None, lambda n, f: None).fit())
    assert told[0] == told[1] and np.isfinite(list(told[0].values())).all()
    assert 0 <= told[0]["iou"] <= 1 and 0 <= told[0]["up_error"] <= 180
