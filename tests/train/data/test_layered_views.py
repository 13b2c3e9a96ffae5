"""Samples of image_to_layers: surface and thickness agree with the voxels, and runs along rays are measured exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.corpus.dataset import Corpus  # noqa: E402
from lift3d.train.data.layered_views import SHEET, layered_sample, run_length  # noqa: E402
from lift3d.train.data.view_set import ViewSet, view_target  # noqa: E402


def test_a_run_ends_where_the_level_is_crossed() -> None:
    volume = np.zeros((16, 4, 4), np.uint8)
    volume[3:9] = 255
    volume[9] = 100  # crossed at 8 + (255 - 127.5) / 155
    volume[12:15] = 255  # behind a gap
    start = np.full((8, 8), 2.5, np.float32)
    start[0, 0], start[1, 1] = -1, 9.5
    out = run_length(volume, start)
    assert out[4, 4] == pytest.approx(8 + 127.5 / 155 - 2.5)
    assert out[0, 0] == 0
    assert out[1, 1] == pytest.approx(14.5 - 9.5), "a run that begins within a few voxels counts"
    volume[10:12] = 255
    assert run_length(volume, np.full((8, 8), 11.0, np.float32))[2, 2] == pytest.approx(14.5 - 11)
    solid = np.full((16, 4, 4), 255, np.uint8)
    assert run_length(solid, np.zeros((4, 4), np.float32))[0, 0] == pytest.approx(15.5), (
        "ends behind the grid"
    )


@pytest.mark.slow
def test_surface_and_thickness_agree_with_the_voxels(small: tuple[Path, Path]) -> None:
    views = ViewSet(small[1], Corpus(small[0]), "train")
    for i in range(0, len(views), 3):
        view = views.view(i)
        assert view is not None
        sample = layered_sample(views, view, 128)
        assert sample.image.shape == (4, 128, 128) and sample.nearness.shape == (64, 64)
        known, frame = sample.known, view.frame
        assert known.sum() > 50 and np.allclose((sample.normals**2).sum(0)[known], 1, atol=1e-5)
        assert np.abs(sample.nearness).max() <= sample.extent * 1.01
        assert sample.thickness[known].min() >= SHEET - 1e-6
        # the first full voxel of each ray lies at the visible surface
        full = view_target(view, views.levels(view.shape)) > 127
        first = np.where(full.any(0), full.argmax(0), -1)
        both = known & (first >= 0)
        surface = -sample.nearness[both] * frame.half_width / frame.half_depth
        assert float(np.median(np.abs((first[both] / 64 * 2 - 1) - surface))) < 0.06
        flipped = layered_sample(views, view, 128, True)
        assert np.array_equal(flipped.nearness, sample.nearness[:, ::-1])
        assert np.array_equal(flipped.normals[0], -sample.normals[0][:, ::-1])
