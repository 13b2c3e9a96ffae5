"""`mask`: the object of a photo, in memory or written with a transparent background."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.image.prompt_maps import Prompts
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.pipelines.mask import UNCERTAIN, mask, write_cutout
from lift3d.types import Image, Segmentation


@pytest.fixture
def rgba() -> np.ndarray:
    """(70, 90, 4): noise, opaque in a rectangle of 30 x 20 pixels."""
    picture = np.random.default_rng(0).integers(0, 255, (70, 90, 4), np.uint8)
    picture[..., 3] = 0
    picture[20:50, 30:50, 3] = 255
    return picture


def test_transparency_is_taken_as_the_mask(rgba: np.ndarray, tmp_path: Path) -> None:
    image = mask(rgba)
    assert image.mask is not None and image.segmentation is not None
    np.testing.assert_array_equal(image.mask, rgba[..., 3] > 0)
    np.testing.assert_array_equal(image.pixels[image.mask], rgba[..., :3][image.mask])
    assert image.segmentation.area_fraction == pytest.approx(600 / 6300)
    assert list(tmp_path.iterdir()) == [], "nothing is written without an output"


def test_the_cut_out_and_the_mask_alone(rgba: np.ndarray, tmp_path: Path) -> None:
    Pil.fromarray(rgba).save(tmp_path / "photo.png")
    mask(tmp_path / "photo.png", tmp_path / "cut.png")
    cut = np.asarray(Pil.open(tmp_path / "cut.png"))
    np.testing.assert_array_equal(cut[..., 3], rgba[..., 3])
    np.testing.assert_array_equal(cut[cut[..., 3] > 0], rgba[rgba[..., 3] > 0])
    mask(Pil.fromarray(rgba), tmp_path / "mask.png", mask_only=True)
    np.testing.assert_array_equal(np.asarray(Pil.open(tmp_path / "mask.png")), rgba[..., 3])


def test_a_photo_without_transparency_is_segmented_by_the_network(
    rgba: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, Image]] = []

    def apply(self: ImageToMask, source: Image, context: Context) -> Image:
        seen.append((self.weights, source))
        return source

    monkeypatch.setattr(ImageToMask, "apply", apply)
    mask(rgba[..., :3], weights="runs/mine")
    ((weights, source),) = seen
    assert weights == "runs/mine" and source.mask is None
    np.testing.assert_array_equal(source.pixels, rgba[..., :3])


def test_prompts_reach_the_network_in_pixels_of_the_photo(
    rgba: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Prompts] = []

    def apply(self: ImageToMask, source: Image, context: Context) -> Image:
        seen.append(self.prompts)
        return source

    monkeypatch.setattr(ImageToMask, "apply", apply)
    mask(rgba[..., :3], at=(12, 30), not_at="1,2", box=(0, 5, 40, 60))
    assert seen == [Prompts(((12, 30),), ((1, 2),), (0, 5, 40, 60))]
    with pytest.raises(InputError, match="outside"):
        mask(rgba[..., :3], at="90,30")


def test_prompts_have_no_effect_on_transparent_pictures(rgba: np.ndarray) -> None:
    image = mask(rgba, at=(1, 1))
    np.testing.assert_array_equal(image.mask, rgba[..., 3] > 0)
    assert any("no effect" in warning for warning in image.warnings)


def test_fractions_of_opacity_are_kept(rgba: np.ndarray, tmp_path: Path) -> None:
    alpha = np.linspace(0, 255, 70 * 90).astype(np.uint8).reshape(70, 90)
    image = Image(rgba[..., :3].copy(), mask=alpha > 127, alpha=alpha)
    write_cutout(image, tmp_path / "cut.png")
    write_cutout(image, tmp_path / "mask.png", mask_only=True)
    np.testing.assert_array_equal(np.asarray(Pil.open(tmp_path / "cut.png"))[..., 3], alpha)
    np.testing.assert_array_equal(np.asarray(Pil.open(tmp_path / "mask.png")), alpha)


def test_outputs_that_cannot_be_used(rgba: np.ndarray, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Pil.fromarray(rgba).save(photo)
    before = photo.read_bytes()
    with pytest.raises(InputError, match="not a PNG"):
        mask(photo, tmp_path / "cut.jpg")
    with pytest.raises(InputError, match="overwrite the photo"):
        mask(photo, photo)
    with pytest.raises(InputError, match="is a folder"):
        mask(tmp_path, tmp_path / "cut.png")
    assert photo.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["photo.png"]


def test_a_cut_out_replaces_an_old_one_whole(rgba: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(b"old")
    write_cutout(Image(rgba[..., :3].copy(), mask=rgba[..., 3] > 0), path)
    assert Pil.open(path).mode == "RGBA" and [p.name for p in tmp_path.iterdir()] == ["cut.png"]


@pytest.mark.parametrize(("certainty", "doubt"), [(0.5, True), (0.9, False)])
def test_a_doubtful_outline_is_a_warning(
    rgba: np.ndarray, monkeypatch: pytest.MonkeyPatch, certainty: float, doubt: bool
) -> None:
    def apply(self: ImageToMask, source: Image, context: Context) -> Image:
        inside = np.zeros((70, 90), bool)
        inside[10:30, 10:30] = True
        return replace(source, mask=inside, segmentation=Segmentation("network", 0.06, certainty=certainty))

    monkeypatch.setattr(ImageToMask, "apply", apply)
    assert (UNCERTAIN in mask(rgba[..., :3]).warnings) == doubt
