"""Cameras matched to photos by file name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lift3d.errors import InputError
from lift3d.geometry.camera.projection import resize_camera
from lift3d.types import Camera, Photos


def match_cameras(photos: Photos, cameras: Mapping[str, Camera]) -> tuple[Photos, tuple[Camera, ...]]:
    """The photos that have a camera, and their cameras scaled to the photos' sizes.

    Names are compared as whole paths, then as file names, then as file names without suffix. A camera of another size is
    scaled when the aspect ratios agree within 1 %. Raises InputError when fewer than two photos match, or when the aspect
    ratios differ.
    """
    tables: list[dict[str, list[Camera]]] = [{}, {}, {}]
    for name, camera in cameras.items():
        for table, key in zip(tables, name_keys(name)):
            table.setdefault(key, []).append(camera)
    images, matched = [], []
    for image in photos.images:
        for table, key in zip(tables, name_keys(image.name)):
            if len(table.get(key, ())) == 1:
                images.append(image)
                matched.append(_at_size(table[key][0], image.width, image.height, image.name))
                break
    if len(images) < 2:
        example = next(iter(cameras), "none")
        first = photos.images[0].name if photos.images else "none"
        raise InputError(
            f"the cameras belong to other photos: {len(images)} of {len(photos)} photos have one "
            f"(a camera is named {example!r}, a photo {first!r})",
            "give the camera file that was computed from these photos",
        )
    return replace(photos, images=tuple(images)), tuple(matched)


def name_keys(name: str) -> tuple[str, str, str]:
    """Keys to match a photo by: the path, the file name, the file name without suffix; the last two in lower case."""
    clean = normalise_name(name)
    last = clean.rsplit("/", 1)[-1].casefold()
    stem, dot, ending = last.rpartition(".")
    return clean, last, stem if dot and len(ending) <= 5 else last


def _at_size(camera: Camera, width: int, height: int, name: str) -> Camera:
    """The camera scaled to a photo of width x height pixels; InputError when the aspect ratios differ."""
    if (camera.width, camera.height) == (width, height):
        return camera
    slack = max(0.01, 1.5 / min(width, height, camera.width, camera.height))
    if abs(camera.width * height / (camera.height * width) - 1) > slack:
        raise InputError(
            f"the camera of {name} is for {camera.width}x{camera.height} pixels, but it has {width}x{height}",
            "give the photos that the cameras were computed from, neither cropped nor rotated",
        )
    return resize_camera(camera, width, height)


def normalise_name(name: str) -> str:
    """A photo's path with forward slashes and without a leading "./"."""
    return name.replace("\\", "/").removeprefix("./")
