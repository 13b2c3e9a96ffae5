"""Inputs and outputs are checked before any work begins; pictures in memory are read like files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.context import Context, silent
from lift3d.errors import CaptureError, InputError
from lift3d.pipelines.reconstruction.inputs import (
    NODES,
    check_output,
    grid_nodes,
    read_sources,
    require_enough,
    with_masks,
)
from lift3d.pipelines.reconstruction.options import Options
from lift3d.pipelines.reconstruction.scale import Marks, Scale
from lift3d.runtime.runner import Run
from lift3d.types import Image, Photos


def pixels(seed: int, height: int = 96, width: int = 128) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(4):
        Pil.fromarray(pixels(i)).save(photos / f"p{i}.png")
    return photos


def reading(sources: list[object], **options: object) -> tuple[Photos, Run, list[str]]:
    said: list[str] = []
    run = Run(Context(), silent, said.append, None)
    return read_sources(sources, Options(**options), run), run, said  # type: ignore[arg-type]


def test_arrays_pillow_images_and_files_are_the_same_photos(folder: Path) -> None:
    files = sorted(folder.iterdir())
    from_files, _, said = reading([str(folder)])
    from_arrays, _, _ = reading([pixels(i) for i in range(4)])
    from_pillow, _, _ = reading([Pil.open(path) for path in files])
    for a, b, c in zip(from_files.images, from_arrays.images, from_pillow.images, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)
        np.testing.assert_array_equal(a.pixels, c.pixels)
    assert said == ["Memory budget 3.0 GB: 4 photos are used at up to 128 pixels."]
    assert [image.name for image in from_arrays.images] == [
        "photo-001",
        "photo-002",
        "photo-003",
        "photo-004",
    ]


def test_the_key_of_a_run_depends_on_pixels_masks_and_names(folder: Path) -> None:
    def key(*pictures: object) -> str:
        return reading(list(pictures))[1].key

    mask = np.zeros((96, 128), bool)
    mask[20:60, 30:70] = True
    base = Image(pixels(0), "a")
    assert key(base) == key(Image(pixels(0), "a"))
    others = [
        Image(pixels(1), "a"),
        Image(pixels(0), "b"),
        Image(pixels(0), "a", mask),
        Image(pixels(0), "a", focal=99.0),
    ]
    assert len({key(base), *(key(other) for other in others)}) == 5


def test_transparency_and_given_masks_reach_the_photos() -> None:
    alpha = np.zeros((96, 128), np.uint8)
    alpha[10:50, 20:90] = 255
    (photo,) = reading([np.dstack([pixels(0), alpha])])[0].images
    assert photo.mask is not None
    np.testing.assert_array_equal(photo.mask, alpha > 0)
    (masked,) = with_masks([pixels(0)], [alpha])
    np.testing.assert_array_equal(masked.mask, alpha > 0)
    (again,) = reading([masked])[0].images
    np.testing.assert_array_equal(again.mask, alpha > 0)


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.zeros((96, 128, 3), np.float32), "float32"),
        (np.zeros((96, 128, 5), np.uint8), r"\(96, 128, 5\)"),
        (np.zeros((96,), np.uint8), r"\(96,\)"),
        (np.zeros((8, 8, 3), np.uint8), "too small"),
        (np.zeros((96, 128, 4), np.uint8), "transparent"),
    ],
)
def test_pictures_that_cannot_be_used_are_one_sentence(picture: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        reading([picture])


@pytest.mark.parametrize(
    ("mask", "reason"),
    [(np.zeros((96, 128)), "empty"), (np.ones((5, 5)), r"shape \(5, 5\)"), (np.ones((96, 128, 3)), "shape")],
)
def test_masks_that_cannot_be_used_are_one_sentence(mask: np.ndarray, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        with_masks([pixels(0)], [mask])
    with pytest.raises(InputError, match="0 masks for 1 photo"):
        with_masks([pixels(0)], [])


def test_mixtures_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one or the other"):
        reading([str(folder), pixels(0)])
    with pytest.raises(InputError, match="mask files"):
        reading([pixels(0)], masks=tmp_path)
    with pytest.raises(InputError, match="one video"):
        reading([tmp_path / "a.mp4", tmp_path / "b.mp4"])
    with pytest.raises(InputError, match="no photos"):
        reading([])
    with pytest.raises(InputError, match="no cameras at"):
        reading([str(folder)], cameras=tmp_path / "absent.json")


@pytest.mark.slow
def test_a_small_budget_makes_photos_smaller_and_says_so() -> None:
    photos, _, said = reading([pixels(i, 1200, 1600) for i in range(12)], memory=300 * 10**6)
    longest = max(image.width for image in photos.images)
    assert longest < 1600 and photos.memory_limited_size is not None
    assert said == [
        f"Memory budget 300 MB: 12 photos are used at up to {longest} pixels, reduced to fit the budget."
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("model.txt", "ends in .txt"), ("model", "no ending"), ("photos/p.glb", "among the photos")],
)
def test_outputs_that_cannot_be_written(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        check_output(folder.parent / name, [str(folder)])


def test_an_output_must_not_replace_a_photo(folder: Path) -> None:
    sentence = (
        "p0.png, which is written beside the output, would overwrite the photo p0.png, which it is made from"
    )
    for source in (folder / "p0.png", str(folder / "p*.png"), folder / ".." / folder.name / "p0.png"):
        with pytest.raises(InputError, match=sentence):
            check_output(folder / "p0.glb", [source])
    (folder.parent / "linked.png").hardlink_to(folder / "p0.png")
    with pytest.raises(InputError, match="linked.png.* would overwrite the photo p0.png"):
        check_output(folder.parent / "linked.glb", [folder / "p0.png"])
    check_output(folder.parent / "model.glb", [folder / "p0.png", pixels(0)])


def test_too_few_photos_are_told_how_many_are_needed() -> None:
    for count in (1, 2):
        with pytest.raises(CaptureError, match="20 to 60"):
            require_enough(count)
        with pytest.raises(CaptureError, match="--kind scene"):
            require_enough(count, scene=True)
    require_enough(3)


def test_the_photo_of_the_marks_must_be_there(folder: Path) -> None:
    marks = Marks("p9.png", (1, 1), (5, 5), 0.1)
    with pytest.raises(InputError, match="p9"):
        reading([str(folder)], scale=Scale(marks=marks))


def test_the_grid_shrinks_with_the_budget_between_its_bounds() -> None:
    photos = Photos((Image(pixels(0), "a"),))
    sizes = [grid_nodes(memory, photos) for memory in (10**8, 10**9, 2 * 10**9, 10**11)]
    assert sizes == sorted(sizes) and sizes[0] == NODES[0] and sizes[-1] == NODES[1]
