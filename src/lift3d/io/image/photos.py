"""Photos with their masks, read from a folder, a list of paths or a glob pattern."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import InputError, Lift3dError
from lift3d.io.files.read import read_bytes
from lift3d.io.image.decode import PHOTO_FORMATS, decode, size_for_budget
from lift3d.io.image.masks import decode_mask
from lift3d.io.image.value_range import common_limits
from lift3d.io.image.warnings import photo_warnings
from lift3d.types import Image, Photos, Segmentation

_PHOTO_ENDINGS = "jpg jpeg jpe jfif png tif tiff webp heic heif hif bmp ppm pgm mpo"
PHOTO_SUFFIXES = frozenset(f".{ending}" for ending in _PHOTO_ENDINGS.split())
_VIDEO_ENDINGS = "mp4 mov m4v avi mkv webm mts m2ts mpg mpeg 3gp wmv"
VIDEO_SUFFIXES = frozenset(f".{ending}" for ending in _VIDEO_ENDINGS.split())
_OTHER_ENDINGS = "dng cr2 cr3 crw nef nrw arw srf sr2 orf rw2 raf pef srw x3f 3fr iiq gif avif jxl jp2 j2k psd xcf exr hdr tga"
OTHER_SUFFIXES = frozenset(f".{ending}" for ending in _OTHER_ENDINGS.split())
"""Pictures that are not read: raw data of cameras and rare formats."""
MIN_READABLE = 3
"""Unreadable photos are skipped with a note when at least this many are readable; otherwise they are an error."""


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts photo2 before photo10."""
    parts = re.findall(r"\d+|\D+", name.casefold())
    return tuple((0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts)


def list_photos(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Paths of the photos in a folder (other and hidden files ignored), a glob pattern or a list.

    Folders and globs are in natural order. Raises InputError when there are none.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            return _in_folder(path)
        if path.exists():
            return [path]
        found = [Path(p) for p in glob.glob(os.fspath(source), recursive=True)]
        found = [p for p in found if p.is_file() and p.suffix.lower() in PHOTO_SUFFIXES]
        if not found:
            raise InputError(
                f"there are no photos at {source}",
                "check the path, or give a photo or a folder of photos",
            )
        return sorted(found, key=lambda p: (natural_key(str(p)), str(p)))
    files: list[Path] = []
    for item in source:
        files += list_photos(item)
    if not files:
        raise InputError("no photos were given", "give a photo, or a folder of photos")
    return list(dict.fromkeys(files))


def _in_folder(folder: Path) -> list[Path]:
    try:
        # the textures beside OBJ and PLY files that lift3d writes are not photos
        entries = [
            p for p in folder.iterdir() if not p.name.startswith(".") and ".texture" not in p.suffixes[:-1]
        ]
        photos = [p for p in entries if p.suffix.lower() in PHOTO_SUFFIXES and p.is_file()]
        if photos:
            return sorted(photos, key=lambda p: (natural_key(p.name), p.name))
        advice = "give a folder with JPEG, PNG, TIFF, WebP or HEIC files"
        if not entries:
            raise InputError(f"the folder {folder} is empty", advice)
        if any(p.suffix.lower() in VIDEO_SUFFIXES for p in entries):
            advice = "name the video file itself"
        inner = [
            p for p in entries if p.is_dir() and any(q.suffix.lower() in PHOTO_SUFFIXES for q in p.iterdir())
        ]
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be read ({error.strerror})", "check its permissions"
        ) from error
    other = sorted(p.name for p in entries if p.suffix.lower() in OTHER_SUFFIXES)
    if other and not inner:
        raise InputError(
            f"the folder {folder} holds no photos that lift3d reads, but {len(other)} of another format, such as {other[0]}",
            "save them as JPEG or PNG",
        )
    if inner:
        advice = f"did you mean {sorted(inner)[0]}?"
    raise InputError(f"there are no photos in the folder {folder}", advice)


def _find_masks(photos: list[Path], folder: Path) -> dict[Path, Path]:
    """The mask file of each photo, by name: name.png, name.jpg.png, name_mask.png, name.mask.png, mask_name.png.

    `folder` may also be the one mask of a single photo. Raises InputError when no photo has a mask.
    """
    if folder.is_file():
        if len(photos) == 1:
            return {photos[0]: folder}
        raise InputError(
            f"{folder} is one mask for {len(photos)} photos", "give the folder that holds a mask for each"
        )
    if not folder.is_dir():
        raise InputError(f"the masks folder {folder} does not exist", "check the path")
    by_stem: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file():
            by_stem.setdefault(path.stem.casefold(), path)
    found: dict[Path, Path] = {}
    for photo in photos:
        stem, name = photo.stem.casefold(), photo.name.casefold()
        for key in (
            name,
            f"{name}_mask",
            f"{stem}_mask",
            f"{stem}.mask",
            f"{stem}-mask",
            f"mask_{stem}",
            stem,
        ):
            mask = by_stem.get(key)
            if mask is not None and mask.resolve() != photo.resolve():
                found[photo] = mask
                break
    if not found:
        raise InputError(
            f"no file in {folder} is named like a photo",
            f"name the masks after the photos, for example {photos[0].stem}.png",
        )
    return found


@dataclass
class _Loaded:
    """The result of reading one file: `image` if it is usable, otherwise `error`."""

    path: Path
    name: str
    sha256: str | None = None
    image: Image | None = None
    error: Lift3dError | None = None
    full_size: tuple[int, int] | None = None
    mask_error: Lift3dError | None = None
    stretched: tuple[float, float] | None = None

    def record(self) -> dict[str, Any]:
        """The file's entry in the report."""
        size = self.full_size
        return {
            "name": self.name,
            "sha256": self.sha256,
            "width": size[0] if size else None,
            "height": size[1] if size else None,
            "status": "read" if self.image is not None else "unreadable",
            "reason": "" if self.error is None else str(self.error),
            "warnings": [] if self.image is None else list(self.image.warnings),
        }


def _load(
    path: Path,
    name: str,
    mask: Path | None,
    max_size: int | None,
    limits: tuple[float, float] | None = None,
) -> _Loaded:
    result = _Loaded(path, name)
    try:
        data = read_bytes(path)
        result.sha256 = hashlib.sha256(data).hexdigest()
        picture = decode(data, name, max_size, limits)
    except Lift3dError as error:
        result.error = error
        return result
    result.full_size, result.stretched = picture.full_size, picture.stretched
    cut, warnings = picture.mask, picture.warnings
    if mask is not None:
        height, width = picture.pixels.shape[:2]
        try:
            cut = decode_mask(
                read_bytes(mask), mask.name, (width, height), picture.full_size, picture.orientation
            )
        except Lift3dError as error:
            result.mask_error = error
        if cut is not None and cut.all():
            warnings += ("its mask marks the whole photo",)
    given = None if cut is None else Segmentation("alpha" if mask is None else "given", float(cut.mean()))
    result.image = Image(
        picture.pixels, name, cut, picture.focal, result.sha256, picture.full_size, given, picture.orientation,
        warnings, picture.gravity,
    )  # fmt: skip
    return result


def _with_common_range(
    results: list[_Loaded], masks: dict[Path, Path], max_size: int | None
) -> list[_Loaded]:
    """The photos, those whose values were stretched read again with one range, so that equal values stay equal."""
    each = [r.stretched for r in results if r.stretched is not None]
    limits = common_limits(each) if len(each) > 1 else None
    if limits is None:
        return results
    return [
        r if r.stretched is None else _load(r.path, r.name, masks.get(r.path), max_size, limits)
        for r in results
    ]


def _names(files: list[Path]) -> list[str]:
    """File names, or paths below the common folder when two files share a name."""
    names = [f.name for f in files]
    if len(set(names)) == len(names):
        return names
    common = os.path.commonpath([os.path.abspath(f.parent) for f in files])
    return [Path(os.path.relpath(os.path.abspath(f), common)).as_posix() for f in files]


def _sizes(files: list[Path]) -> list[tuple[int, int]]:
    """(width, height) of each file from its header; that of a common camera if the header cannot be read."""
    Pil.init()
    sizes = []
    for path in files:
        try:
            with open(path, "rb") as file, Pil.open(file, formats=list(PHOTO_FORMATS)) as head:
                sizes.append(head.size)
        except (OSError, ValueError, SyntaxError, Pil.DecompressionBombError):
            sizes.append((4032, 3024))
    return sizes


def read_photos(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    masks: str | os.PathLike[str] | None = None,
    max_size: int | None = None,
    context: Context | None = None,
) -> Photos:
    """Photos from a folder, list or glob: upright, sRGB, long side at most max_size, with masks if given.

    masks: a folder of masks named like the photos, or the mask of a single photo. A photo that cannot be used is skipped
    when three readable ones remain, and its reason is noted; otherwise the reason is raised as InputError. A mask that
    cannot be used is always an error. Photos are made smaller until all of them fit a quarter of the memory budget.
    Notes "inputs" (name, sha256, width, height, status and reason of each file) under "read_photos".
    """
    context = context if context is not None else Context()
    files = list_photos(source)
    names = _names(files)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitting = size_for_budget(_sizes(files), max_size, context.memory_budget // 4)
        found = _find_masks(files, Path(masks)) if masks is not None else {}
        results: list[_Loaded] = []
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            jobs = [pool.submit(_load, f, n, found.get(f), fitting) for f, n in zip(files, names)]
            try:
                for number, job in enumerate(jobs):
                    results.append(job.result())
                    context.progress("read photos", (number + 1) / len(jobs))
            finally:
                for job in jobs:
                    job.cancel()
        results = _with_common_range(results, found, fitting)
    context.note("read_photos", inputs=[r.record() for r in results], max_size=fitting)
    if fitting != max_size:
        context.note("read_photos", resized_to_fit_memory=fitting)
    for result in results:
        if result.mask_error is not None:
            raise result.mask_error
    images = tuple(r.image for r in results if r.image is not None)
    bad = [r.error for r in results if r.error is not None]
    if bad and len(images) < MIN_READABLE:
        if len(bad) == 1:
            raise bad[0]
        raise InputError(
            f"{len(bad)} of {len(results)} photos cannot be used; the first: {bad[0].cause}", bad[0].advice
        )
    if masks is not None:
        without = [i.name for i in images if i.mask is None]
        context.note("read_photos", masks=len(images) - len(without), without_mask=without)
    limited = fitting if fitting != max_size else None
    return Photos(images, memory_limited_size=limited, warnings=photo_warnings(images, bad))
