"""Plain backdrops are masked in the pipeline, where nobody gave masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.context import Context
from lift3d.pipelines.reconstruction.backdrop import mask_plain_backdrops
from lift3d.pipelines.reconstruction.options import Options
from lift3d.runtime.runner import Run
from lift3d.types import Image, Photos


def photo(plain: bool, name: str) -> Image:
    rng = np.random.default_rng(len(name))
    rgb = rng.integers(0, 255, (90, 120, 3)).astype(np.uint8)
    if plain:
        rgb[:, :] = 240
        rgb[30:70, 40:80] = rng.integers(0, 150, (40, 40, 3))
    return Image(rgb, name)


def test_most_photos_decide() -> None:
    said: list[str] = []
    run = Run(Context(seed=0), lambda step, done: None, said.append, None)
    photos = Photos(tuple(photo(True, f"{i}.jpg") for i in range(5)))
    masked = mask_plain_backdrops(photos, Options(), run)
    assert all(
        image.mask is not None and image.mask[50, 60] and not image.mask[5, 5] for image in masked.images
    )
    assert all(
        image.segmentation is not None and image.segmentation.source == "backdrop" for image in masked.images
    )
    assert "5 of 5 photos" in said[0]
    mixed = Photos(tuple(photo(i < 2, f"{i}.jpg") for i in range(5)))
    assert mask_plain_backdrops(mixed, Options(), run) is mixed
    assert mask_plain_backdrops(photos, replace(Options(), kind="scene"), run) is photos
    assert mask_plain_backdrops(masked, Options(), run) is masked
