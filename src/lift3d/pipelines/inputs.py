"""What goes into a reconstruction and where it goes out: checked before any work begins."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import CaptureError, InputError
from lift3d.runtime.runner import Run
from lift3d.units import format_memory

if TYPE_CHECKING:
    from lift3d.pipelines.options import Options
    from lift3d.types import Image, Photos

FEWEST = 3
BASE_MEMORY = 700 << 20
"""The interpreter, the libraries and their working space, in bytes."""
BYTES_PER_PIXEL = 36
"""A pixel of a photo while depth is measured: colours 3, grey pyramid 5, depth 4, normal 6, confidence 4, and the
maps a second time while they are checked against each other."""
BYTES_KEPT = 28
"""Of these, what is still held while the surface is made."""
BYTES_PER_NODE = 40
"""A node of the grid that the surface is made on."""
NODES = (2_000_000, 24_000_000)
"""Fewest and most nodes of that grid."""
PHOTO_SHARE = 12
"""`read_photos` lets 3 bytes a pixel fill a quarter of its budget: 12 bytes of budget for a pixel."""


def check_output(output: Path, sources: Sequence[str | Path]) -> None:
    """Refuse an output that cannot be written, or that would lie among the photos, before any work."""
    from lift3d.io.mesh.meshes import FORMATS

    if output.suffix.lower() not in FORMATS:
        what = f"ends in {output.suffix}" if output.suffix else "has no ending"
        raise InputError(
            f"the output {output.name} {what}, which is not a model format", f"use one of {' '.join(FORMATS)}"
        )
    if output.suffix.lower() == ".usdz":
        from lift3d.runtime.environment import require_extra

        require_extra("usdz", "writing USDZ")
    place = output.resolve().parent
    for source in map(Path, sources):
        folder = source if source.is_dir() else source.parent
        others = {output.with_suffix(".png").resolve(), output.resolve()}
        among = source.is_dir() and place == source.resolve()
        if among or source.resolve() in others:
            raise InputError(
                f"the output would lie in {folder}, among the photos, and its preview would be taken for one",
                "write it to another folder",
            )


def read_sources(sources: Sequence[str | Path], options: Options, run: Run) -> Photos:
    """Photos, or the chosen frames of one video, at a size that the memory budget allows."""
    from lift3d.io.image.photos import VIDEO_SUFFIXES, read_photos

    if not sources:
        raise InputError("no photos were given", "name a folder, a video, or photos")
    if options.cameras is not None and not options.cameras.exists():
        raise InputError(f"there are no cameras at {options.cameras}", "check the path")
    share = PHOTO_SHARE * max(options.memory - BASE_MEMORY, options.memory // 4) // BYTES_PER_PIXEL
    videos = [s for s in map(Path, sources) if s.suffix.lower() in VIDEO_SUFFIXES]
    if videos and len(sources) > 1:
        raise InputError("a video and something else were given", "give one video, or photos")
    with run.measured("photos"):
        context = dataclasses.replace(run.context, memory_budget=share)
        if videos:
            from lift3d.io.image.video import read_video

            photos = read_video(videos[0], options.frames, options.max_size, context)
        else:
            photos = read_photos([str(s) for s in sources], options.masks, options.max_size, context)
        measured = options.method == "measured" or options.kind == "scene" or options.cameras is not None
        if measured and options.method != "guessed":
            require_enough(len(photos), options.kind == "scene")
        if options.scale.marks is not None:
            from lift3d.pipelines.scale import photo_named

            photo_named([image.name for image in photos.images], options.scale.marks.photo)
    longest = max(max(image.width, image.height) for image in photos.images)
    why = ", smaller than asked to keep the budget" if photos.memory_limited_size is not None else ""
    budget = format_memory(options.memory)
    many = "1 photo is" if len(photos) == 1 else f"{len(photos)} photos are"
    run.say(f"Memory budget {budget}: {many} used at up to {longest} pixels{why}.")
    run.depends_on([_image_key(image) for image in photos.images], _file_key(options.cameras))
    return photos


def grid_nodes(memory: int, photos: Photos) -> int:
    """How many nodes the surface's grid may have beside these photos in a budget of `memory` bytes."""
    held = BASE_MEMORY + BYTES_KEPT * sum(image.width * image.height for image in photos.images)
    return min(max((memory - held) // BYTES_PER_NODE, NODES[0]), NODES[1])


def require_enough(count: int, scene: bool = False) -> None:
    """At least three photos: fewer get a sentence that says what is needed."""
    advice = "take 20 to 60 overlapping photos all around the thing, 10 to 15 degrees apart"
    if scene:
        advice += ", or leave --kind scene out: single things are guessed from fewer"
    if count == 1:
        raise CaptureError("there is one photo, and nothing can be measured from a single photo", advice)
    if count < FEWEST:
        raise CaptureError(f"there are only {count} photos, and depth needs at least {FEWEST}", advice)


def _image_key(image: Image) -> list[Any]:
    """What a photo means to the steps: its name, focal length, pixels and mask."""
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
