"""Cameras matched to photos by file name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lift3d.errors import InputError
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.camera.turn import QUARTER_TURNS, rotate_camera
from lift3d.types import Camera, Image, Photos

UPRIGHT, STORED = "upright", "stored"
"""Pictures that cameras can be of, see `layouts`."""
UNMIRRORED = {2: 1, 4: 3, 5: 6, 7: 8}
"""EXIF orientation of a mirrored picture -> that of its reflection."""


def match_cameras(
    photos: Photos, cameras: Mapping[str, Camera], layout: str = UPRIGHT
) -> tuple[Photos, tuple[Camera, ...]]:
    """The photos that have a camera, and their cameras scaled to the photos' sizes.

    Names are compared as whole paths, then as file names, then as file names without suffix. A camera of another size is
    scaled when the aspect ratios agree within 1 %. Cameras of stored pictures are rotated with their photos, see `layouts`;
    layout: which picture a camera is of where its size does not decide it. Raises InputError when fewer than two photos match,
    or when the aspect ratios differ.
    """
    pairs = _pairs(photos, cameras)
    if len(pairs) < 2:
        example = next(iter(cameras), "none")
        first = photos.images[0].name if photos.images else "none"
        raise InputError(
            f"the cameras belong to other photos: {len(pairs)} of {len(photos)} photos have one "
            f"(a camera is named {example!r}, a photo {first!r})",
            "give the camera file that was computed from these photos",
        )
    placed = [_placed(image, camera, layout) for image, camera in pairs]
    return replace(photos, images=tuple(i for i, _ in placed)), tuple(c for _, c in placed)


def layouts(photos: Photos, cameras: Mapping[str, Camera]) -> tuple[str, ...]:
    """Which pictures the cameras can be of: of the upright ones, or of the ones that the files store without regard to their
    EXIF orientation, as COLMAP reads them. One of UPRIGHT and STORED where sizes decide it, else both, STORED first.

    A quarter turn shows in the sizes unless the picture is square, half turns and reflections do not. Photos whose sizes
    decide it speak for the others.
    """
    turned = [(image, camera) for image, camera in _pairs(photos, cameras) if image.orientation != 1]
    decided = {found for image, camera in turned if (found := _layout_by_size(image, camera)) is not None}
    if not turned:
        return (UPRIGHT,)
    if len(decided) == 1 or all(_layout_by_size(image, camera) is not None for image, camera in turned):
        return (next(iter(decided)),)
    return (STORED, UPRIGHT)


def _pairs(photos: Photos, cameras: Mapping[str, Camera]) -> list[tuple[Image, Camera]]:
    """The photos that have a camera, with it."""
    tables: list[dict[str, list[Camera]]] = [{}, {}, {}]
    for name, camera in cameras.items():
        for table, key in zip(tables, name_keys(name)):
            table.setdefault(key, []).append(camera)
    found = []
    for image in photos.images:
        for table, key in zip(tables, name_keys(image.name)):
            if len(table.get(key, ())) == 1:
                found.append((image, table[key][0]))
                break
    return found


def _layout_by_size(image: Image, camera: Camera) -> str | None:
    """The picture of which the camera's size is, None where the sizes of both pictures fit, or neither."""
    if image.orientation < 5:
        return UPRIGHT if image.orientation == 1 else None
    width, height = image.original_size or (image.width, image.height)
    upright, stored = (width, height), (height, width)
    size = (camera.width, camera.height)
    if upright != stored and size in (upright, stored):
        return UPRIGHT if size == upright else STORED
    fits = [_fits(camera, *upright), _fits(camera, *stored)]
    return {(True, False): UPRIGHT, (False, True): STORED}.get((fits[0], fits[1]))


def _placed(image: Image, camera: Camera, layout: str) -> tuple[Image, Camera]:
    """The photo and its camera at the photo's size.

    A mirrored photo (EXIF orientations 2, 4, 5 and 7) whose camera is of the stored picture is mirrored back: no camera sees
    a reflected picture.
    """
    if image.orientation == 1 or (_layout_by_size(image, camera) or layout) == UPRIGHT:
        return image, _at_size(camera, image.width, image.height, image)
    stored = (image.height, image.width) if image.orientation >= 5 else (image.width, image.height)
    turns = QUARTER_TURNS[UNMIRRORED.get(image.orientation, image.orientation)]
    if image.orientation in UNMIRRORED:
        mask = None if image.mask is None else np.ascontiguousarray(image.mask[:, ::-1])
        pixels = np.ascontiguousarray(image.pixels[:, ::-1])
        image = replace(image, pixels=pixels, mask=mask, gravity=None)
    return image, rotate_camera(_at_size(camera, *stored, image), turns)


def name_keys(name: str) -> tuple[str, str, str]:
    """Keys to match a photo by: the path, the file name, the file name without suffix; the last two in lower case."""
    clean = normalise_name(name)
    last = clean.rsplit("/", 1)[-1].casefold()
    stem, dot, ending = last.rpartition(".")
    return clean, last, stem if dot and len(ending) <= 5 else last


def _fits(camera: Camera, width: int, height: int) -> bool:
    """Whether the aspect ratios agree within 1 %, or within a pixel and a half."""
    slack = max(0.01, 1.5 / min(width, height, camera.width, camera.height))
    return abs(camera.width * height / (camera.height * width) - 1) <= slack


def _at_size(camera: Camera, width: int, height: int, image: Image) -> Camera:
    """The camera scaled to width x height pixels of the photo `image`; InputError when the aspect ratios differ."""
    if (camera.width, camera.height) == (width, height):
        return camera
    if not _fits(camera, width, height):
        full = image.original_size or (image.width, image.height)
        turned = (
            f" after its EXIF orientation {image.orientation} is applied" if image.orientation != 1 else ""
        )
        raise InputError(
            f"the camera of {image.name} is for {camera.width}x{camera.height} pixels, but it has {full[0]}x{full[1]}{turned}",
            "give the photos that the cameras were computed from, neither cropped nor rotated",
        )
    return resize_camera(camera, width, height)


def normalise_name(name: str) -> str:
    """A photo's path with forward slashes and without a leading "./"."""
    return name.replace("\\", "/").removeprefix("./")
