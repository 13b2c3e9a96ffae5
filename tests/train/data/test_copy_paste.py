"""Copy-paste augmentation: the mask is the visible part of the object, whatever the background."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from scipy import ndimage

from lift3d.corpus.pictures.photographs import (
    CUTOUTS,
    PHOTOGRAPHS,
    PICKS,
    Photographs,
    _cutout,
    _photograph,
    _split,
)
from lift3d.errors import InputError
from lift3d.train.data.copy_paste import CopyPaste


class Red:
    """Pictures of a red box on a black background."""

    def __init__(self, mask: np.ndarray) -> None:
        self.held = mask

    def __len__(self) -> int:
        return 3

    def mask(self, i: int) -> np.ndarray:
        return self.held

    def rgb(self, i: int) -> np.ndarray:
        return np.where(self.held[..., None], np.array([255, 0, 0]), 0).astype(np.uint8)


def box() -> np.ndarray:
    mask = np.zeros((64, 64), bool)
    mask[20:50, 15:40] = True
    return mask


def blue(**more: object) -> Any:
    return SimpleNamespace(photographs=[np.full((300, 400, 3), [0, 0, 255], np.uint8)], cutouts=[], **more)


def test_the_object_is_at_its_mask() -> None:
    scenes = CopyPaste(Red(box()), blue())
    places, found = set(), 0
    for seed in range(60):
        scene = scenes.scene(0, np.random.default_rng(seed), 64)
        assert scene is not None and scene.rgb.shape == (64, 64, 3) and scene.rgb.dtype == np.uint8
        where = scene.layers[scene.main] > 0.5
        inner = ndimage.binary_erosion(where, iterations=2)
        if inner.any():
            found += 1
            red = scene.rgb[inner].astype(int)
            assert (red[:, 0] > 60).mean() > 0.95 and (red[:, 0] >= red[:, 2]).mean() > 0.95
            places.add(tuple(np.argwhere(where).min(0)))
    assert found > 50 and len(places) > 30


@pytest.mark.parametrize("equal", [False, True])
def test_every_pixel_belongs_to_at_most_one_object(equal: bool) -> None:
    scenes = CopyPaste(Red(box()), blue())
    counts = set()
    for seed in range(30):
        scene = scenes.scene(0, np.random.default_rng(seed), 64, equal)
        assert scene is not None and 0 <= scene.main < len(scene.layers)
        layers = np.stack(scene.layers)
        assert layers.min() >= 0 and layers.sum(0).max() <= 1 + 1e-6
        counts.add(len(layers))
    assert len(counts) > 2


def test_the_other_objects_are_smaller_unless_only_a_prompt_tells() -> None:
    scenes = CopyPaste(Red(box()), blue())
    larger = {False: 0, True: 0}
    for equal in larger:
        for seed in range(60):
            scene = scenes.scene(0, np.random.default_rng(seed), 64, equal)
            assert scene is not None
            areas = [float(layer.sum()) for layer in scene.layers]
            larger[equal] += int(np.argmax(areas) != scene.main)
    assert larger[True] > larger[False] and larger[False] < 12


def test_equal_seeds_give_equal_scenes() -> None:
    scenes = CopyPaste(Red(box()), blue())
    first, second = (scenes.scene(1, np.random.default_rng(4), 64) for _ in range(2))
    assert first is not None and second is not None and np.array_equal(first.rgb, second.rgb)
    assert all(np.array_equal(a, b) for a, b in zip(first.layers, second.layers))


def test_a_picture_without_an_object_gives_no_scene() -> None:
    assert CopyPaste(Red(np.zeros((64, 64), bool))).scene(0, np.random.default_rng(0), 64) is None


def _noise(rng: np.random.Generator, size: tuple[int, int], bands: int = 3) -> Pil.Image:
    return Pil.fromarray(rng.integers(0, 255, (size[1], size[0], bands), dtype=np.uint8))


def _own(folder: Path, count: int = 30) -> Path:
    rng = np.random.default_rng(0)
    for kind in (PHOTOGRAPHS, CUTOUTS):
        (folder / kind).mkdir(parents=True)
    for k in range(count):
        name = f"{chr(97 + k % 26)}{chr(97 + k // 26)}thing"
        _noise(rng, (260, 240)).save(folder / PHOTOGRAPHS / f"{name}.jpg")
        cut = np.zeros((120, 140, 4), np.uint8)
        cut[10:110, 5:130] = rng.integers(1, 255, (100, 125, 4), dtype=np.uint8)
        cut[10:110, 5:130, 3] = 255
        Pil.fromarray(cut).save(folder / CUTOUTS / f"{name}.png")
    return folder


def test_a_folder_of_photographs_is_split_by_name(tmp_path: Path) -> None:
    folder = _own(tmp_path)
    (folder / PHOTOGRAPHS / "notes.txt").write_text("not a picture")
    (folder / PHOTOGRAPHS / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    held = {split: Photographs(folder, split) for split in ("train", "val")}
    assert sum(len(h.photographs) for h in held.values()) == 30
    assert sum(len(h.cutouts) for h in held.values()) == 30
    assert held["train"].digest() == Photographs(folder, "train").digest() != held["val"].digest()
    assert {picture.size for picture in held["train"].cutouts} == {(125, 100)}


def test_a_folder_without_photographs_is_diagnosed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no photographs") as caught:
        Photographs(tmp_path, "train")
    assert "lift3d corpus photographs" in caught.value.advice


def test_which_pictures_become_photographs_and_cutouts(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def data(picture: Pil.Image) -> bytes:
        path = tmp_path / "one.png"
        picture.save(path)
        return path.read_bytes()

    large = _photograph(data(_noise(rng, (1700, 1000))), "large")
    assert large is not None and large.size == (1306, 768)
    assert _photograph(data(Pil.new("RGB", (400, 400), (9, 9, 9))), "flat") is None
    assert _photograph(data(_noise(rng, (400, 150))), "narrow") is None
    assert _photograph(b"no picture", "text") is None
    assert _cutout(data(_noise(rng, (200, 200))), "opaque") is None
    assert _cutout(b"", "nothing") is None
    assert _split("photographs/castle-1-abc123.jpg") == _split("photographs/castle-2-def456.jpg")
    assert len({pick.package for pick in PICKS}) == len(PICKS)
