"""Inputs and outputs of a reconstruction, checked before any work begins."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import CaptureError, InputError
from lift3d.runtime.runner import Run
from lift3d.units import format_memory

if TYPE_CHECKING:
    from lift3d.pipelines.reconstruction.options import Options
    from lift3d.types import Image, Photos

Source = "str | os.PathLike[str] | Picture"
"""A photo: a file, a folder, a glob pattern, a video, or a picture in memory."""
MIN_MEASURED = 3
"""Photos from which depth can be measured."""
BASE_MEMORY = 700 << 20
"""Bytes of the interpreter, the libraries and their working memory."""
BYTES_PER_PIXEL = 36
"""Bytes for each pixel of a photo during stereo: colours 3, grey pyramid 5, depth 4, normals 6, confidence 4, and the maps
once more during the cross-check."""
BYTES_KEPT = 28
"""Bytes for each pixel that are still in memory while the surface is extracted."""
BYTES_PER_NODE = 40
"""Bytes for each node of the grid on which the surface is extracted."""
NODES = (2_000_000, 24_000_000)
"""Minimum and maximum number of nodes of that grid."""
BUDGET_PER_PIXEL = 12
"""Bytes of budget for each pixel in `read_photos`, which fills a quarter of its budget with 3 bytes a pixel."""


def check_output(output: Path, sources: Sequence[Any]) -> None:
    """Raise InputError for an output that cannot be written or that would lie among the photos."""
    from lift3d.io.mesh.meshes import FORMATS

    if output.suffix.lower() not in FORMATS:
        what = f"ends in {output.suffix}" if output.suffix else "has no ending"
        raise InputError(
            f"the output {output.name} {what}, which is not a model format", f"use one of {' '.join(FORMATS)}"
        )
    if output.suffix.lower() == ".usdz":
        from lift3d.runtime.environment import require_extra

        require_extra("usdz", "writing USDZ")
    from lift3d.pipelines.arguments import require_other_file

    parent = output.resolve().parent
    for source in paths_of(sources):
        if source.is_dir() and parent == source.resolve():
            raise InputError(
                f"the output would lie in {source}, among the photos, and its preview would be mistaken for one",
                "write it to another folder",
            )
        for path in (
            [source] if source.exists() else [Path(p) for p in glob.glob(str(source), recursive=True)]
        ):
            require_other_file(path, output, _beside(output), "photo")


def _beside(output: Path) -> list[Path]:
    """What may be written beside a model: preview, report, uncertainty of a prediction."""
    endings = (".png", ".report.json", ".uncertainty.ply")
    return [output.with_name(f"{output.stem}{ending}") for ending in endings]


def paths_of(sources: Sequence[Any]) -> list[Path]:
    """The sources that are paths."""
    return [Path(source) for source in sources if isinstance(source, str | os.PathLike)]


def read_sources(sources: Sequence[Any], options: Options, run: Run) -> Photos:
    """The photos, or frames of one video, reduced to a size that the memory budget allows.

    sources: paths (see `Source`) or pictures in memory, not both. Raises InputError or CaptureError.
    """
    if not sources:
        raise InputError("no photos were given", "name a folder, a video, or photos")
    if options.cameras is not None and not options.cameras.exists():
        raise InputError(f"there are no cameras at {options.cameras}", "check the path")
    with run.measured("photos"):
        photos = _read(sources, options, run)
        measured = options.method == "measured" or options.kind == "scene" or options.cameras is not None
        if measured and options.method != "predicted":
            require_enough(len(photos), options.kind == "scene")
        if options.scale.marks is not None:
            from lift3d.pipelines.reconstruction.scale import photo_named

            photo_named([image.name for image in photos.images], options.scale.marks.photo)
    for warning in photos.warnings:
        run.warn(warning)
    longest = max(max(image.width, image.height) for image in photos.images)
    reduced = ", reduced to fit the budget" if photos.memory_limited_size is not None else ""
    count = "1 photo is" if len(photos) == 1 else f"{len(photos)} photos are"
    budget = format_memory(options.memory)
    run.say(f"Memory budget {budget}: {count} used at up to {longest} pixels{reduced}.")
    run.depends_on([_image_key(image) for image in photos.images], _file_key(options.cameras))
    return photos


def _read(sources: Sequence[Any], options: Options, run: Run) -> Photos:
    from lift3d.io.image.photos import VIDEO_SUFFIXES, read_photos

    budget = BUDGET_PER_PIXEL * max(options.memory - BASE_MEMORY, options.memory // 4) // BYTES_PER_PIXEL
    context = dataclasses.replace(run.context, memory_budget=budget)
    paths = paths_of(sources)
    if paths and len(paths) < len(sources):
        raise InputError("files and pictures in memory were given together", "give one or the other")
    if not paths:
        from lift3d.io.image.in_memory import photos_in_memory

        if options.masks is not None:
            raise InputError(
                "mask files were given for pictures in memory",
                "give RGBA pictures or lift3d.types.Image with masks",
            )
        return photos_in_memory(sources, None, options.max_size, context)
    videos = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
    if videos and len(sources) > 1:
        raise InputError("a video and something else were given", "give one video, or photos")
    if videos:
        from lift3d.io.image.video import read_video

        return read_video(videos[0], options.frames, options.max_size, context)
    return read_photos([str(path) for path in paths], options.masks, options.max_size, context)


def with_masks(pictures: Sequence[Any], masks: Sequence[Any]) -> list[Image]:
    """Pictures in memory as images with masks (H, W), nonzero on the object; raises InputError where they do not fit."""
    from lift3d.io.image.in_memory import photos_in_memory

    if paths_of(pictures):
        raise InputError("mask arrays were given for photo files", "give the folder of the mask files")
    return list(photos_in_memory(pictures, masks).images)


def grid_nodes(memory: int, photos: Photos) -> int:
    """The number of nodes that the surface grid may have, if these photos are in memory too, in a budget of `memory` bytes."""
    used = BASE_MEMORY + BYTES_KEPT * sum(image.width * image.height for image in photos.images)
    return min(max((memory - used) // BYTES_PER_NODE, NODES[0]), NODES[1])


def require_enough(count: int, scene: bool = False) -> None:
    """Raise CaptureError for fewer than three photos."""
    advice = "take 20 to 60 overlapping photos all around the object, 10 to 15 degrees apart"
    if scene:
        advice += ", or leave out --kind scene: a single object is predicted from fewer photos"
    if count == 1:
        raise CaptureError("there is one photo, and nothing can be measured from a single photo", advice)
    if count < MIN_MEASURED:
        raise CaptureError(f"there are only {count} photos, and depth needs at least {MIN_MEASURED}", advice)


def _image_key(image: Image) -> list[Any]:
    """The part of a cache key that depends on a photo: its name, focal length, pixels and mask."""
    digest = hashlib.sha256(image.pixels.tobytes())
    if image.mask is not None:
        digest.update(image.mask.tobytes())
    return [image.name, image.focal, image.pixels.shape, image.mask is not None, digest.hexdigest()]


def _file_key(path: Path | None) -> list[tuple[str, str]]:
    """Names and checksums of a file or of the files in a folder."""
    from lift3d.io.files.checksum import file_sha256

    if path is None or not path.exists():
        return []
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return [(p.name, file_sha256(p)) for p in files]
