"""What a reader of a layout finds in a folder: pairs of files, intrinsics, poses and the unit of the depth."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lift3d.errors import InputError
from lift3d.io.image.photos import PHOTO_SUFFIXES, natural_key
from lift3d.types import F64

DEPTH_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".pgm", ".npy", ".exr"})
MAX_FRAMES = 50_000
COLOUR_FOLDERS = ("color", "colour", "rgb", "image", "images", "rgb_images")
DEPTH_FOLDERS = ("depth", "depths", "depth_images")


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera in pixels, pixel centres at integers + 0.5. width, height: of the pictures it was given for, or None if
    not stated. distortion: () or (k1, k2, p1, p2)."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int | None = None
    height: int | None = None
    distortion: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class FrameFiles:
    """The files of one frame. pose: 4x4 motion from the colour camera to the world, OpenCV axes, or None. colour, depth: its own
    intrinsics where the file gives them for each frame. confidence: an image that is 0 where the depth means nothing, or None."""

    name: str
    colour: Path
    depth: Path
    pose: F64 | None = None
    colour_camera: Intrinsics | None = None
    depth_camera: Intrinsics | None = None
    confidence: Path | None = None


@dataclass(frozen=True, eq=False)
class ScanFiles:
    """A folder of frames. layout: its name, for messages. steps: integer depth values per metre. colour_camera, depth_camera: of
    all frames, if stated; one of the two serves for both. depth_from_colour: 4x4. posed: whether poses were found.
    left_out: names of frames that cannot be used, and why."""

    layout: str
    frames: tuple[FrameFiles, ...]
    steps: float
    colour_camera: Intrinsics | None = None
    depth_camera: Intrinsics | None = None
    depth_from_colour: F64 | None = None
    posed: bool = False
    left_out: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


def pictures(folder: Path, suffixes: frozenset[str] = PHOTO_SUFFIXES) -> list[Path]:
    """The picture files in a folder in natural order. Raises InputError for too many."""
    if not folder.is_dir():
        return []
    found = [
        p
        for p in folder.iterdir()
        if p.suffix.lower() in suffixes and not p.name.startswith(".") and p.is_file()
    ]
    if len(found) > MAX_FRAMES:
        raise InputError(f"{folder} holds more than {MAX_FRAMES} frames", "give a part of them")
    return sorted(found, key=lambda p: (natural_key(p.name), p.name))


def sub_folder(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of the folders that exists, None if none does."""
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def frame_number(path: Path) -> str:
    """The first number in a name without leading zeros, or the stem: what colour and depth of one frame have in common."""
    match = re.search(r"\d+", path.stem)
    return (match[0].lstrip("0") or "0") if match else path.stem.casefold()


def paired(
    colour: list[Path], depth: list[Path], where: Path
) -> tuple[list[tuple[Path, Path]], list[tuple[str, str]]]:
    """(pairs of colour and depth files, left out): by equal stems, else by equal numbers, else in order.

    Raises InputError where fewer than half of the frames have both.
    """
    for key in (lambda p: p.stem.casefold(), frame_number):
        table = {key(p): p for p in depth}
        pairs = [(c, table[key(c)]) for c in colour if key(c) in table]
        if (
            len(table) == len(depth)
            and len({key(c) for c in colour}) == len(colour)
            and len(pairs) >= 0.5 * max(len(colour), len(depth))
        ):
            used = {c for c, _ in pairs}
            left = [(c.name, "it has no depth image of its name") for c in colour if c not in used]
            matched = {d for _, d in pairs}
            left += [(d.name, "it has no colour image of its name") for d in depth if d not in matched]
            return pairs, left
    if len(colour) == len(depth):
        return list(zip(colour, depth)), []
    raise InputError(
        f"{where} holds {len(colour)} colour and {len(depth)} depth images, and their names do not tell which belong together",
        "give colour and depth of a frame the same name",
    )


def motion(values: F64) -> F64 | None:
    """A pose (3, 4) or (4, 4) as a rigid motion; None if it is not finite or no rotation within 1e-2, such as all zeros."""
    out = np.eye(4)
    out[: values.shape[0]] = values
    r = out[:3, :3]
    if not np.isfinite(out).all() or np.abs(out[3] - [0, 0, 0, 1]).max() > 1e-6:
        return None
    if np.linalg.det(r) < 0.5 or np.abs(r @ r.T - np.eye(3)).max() > 1e-2 or np.abs(out[:3, 3]).max() > 1e6:
        return None
    u, _, vt = np.linalg.svd(r)
    out[:3, :3] = u @ vt
    return out
