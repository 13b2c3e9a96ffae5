"""From the frames of a depth camera to a measured model: rgbd_to_cameras >> rgbd_to_mesh >> images_to_texture.

The last steps, scale, solid, texture and checks, are those of `multi_view`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lift3d.errors import CaptureError, InputError
from lift3d.io.rgbd.depth_image import is_depth_picture
from lift3d.io.rgbd.scan import find_scan, read_scan
from lift3d.pipelines.reconstruction.finish import Model
from lift3d.pipelines.reconstruction.inputs import BASE_MEMORY, BYTES_PER_NODE, NODES, paths_of
from lift3d.pipelines.reconstruction.multi_view import model_from_surface
from lift3d.pipelines.reconstruction.options import MEASURED_TEXTURE, Options
from lift3d.runtime.runner import Run
from lift3d.types import RgbdScan, Surface
from lift3d.units import format_memory

BYTES_PER_TEXEL = 60
"""Bytes of the texture step for each pixel of a view."""
VIEWS = (12, 120)
"""Least and largest number of views that the surface keeps for its texture."""


def scan_folder(sources: Sequence[Any], options: Options) -> Path | None:
    """The folder if the sources are one folder of colour and depth frames, None if they are photos or a video.

    Raises InputError for depth images given as photos, for options that have no meaning for frames with depth, and for a depth
    unit without depth.
    """
    paths = [path.expanduser() for path in paths_of(sources)]
    if len(paths) == 1 and len(sources) == 1 and paths[0].is_dir() and find_scan(paths[0]) is not None:
        for given, option in (
            (options.cameras, "--cameras"),
            (options.masks, "--masks"),
            (options.turntable, "--turntable"),
            (options.prompts or None, "--at or --box"),
        ):
            if given is not None:
                raise InputError(
                    f"{paths[0]} holds frames with depth, for which {option} has no meaning",
                    f"leave out {option}",
                )
        if options.method == "predicted":
            raise InputError(
                f"{paths[0]} holds measured depth, and --method predicted was given", "leave out --method"
            )
        return paths[0]
    first = next(
        (p for p in paths if p.suffix.lower() in (".png", ".tif", ".tiff", ".pgm") and p.is_file()), None
    )
    if first is not None and is_depth_picture(first):
        raise InputError(
            f"{first.name} is a depth image, not a photo",
            "give the photo; or, for a scan, a folder of colour and depth frames (docs/rgbd.md)",
        )
    if options.depth_unit is not None:
        raise InputError("--depth-unit was given, and the source holds no depth images", "leave it out")
    if options.fill_holes:
        raise InputError("--fill-holes was given, and the source holds no depth images", "leave it out")
    return None


def measure_scan(folder: Path, options: Options, run: Run) -> Model:
    """The textured model of a scan, upright, in metres."""
    with run.measured("photos"):
        scan = read_scan(folder, options.max_size, options.depth_unit, run.context)
    for warning in scan.warnings:
        run.warn(warning)
    left = sum(not s.placed for s in scan.status)
    run.say(
        f"Memory budget {format_memory(options.memory)}: {len(scan)} frames with depth"
        + (f", {left} left out" if left else "")
        + (", with poses." if scan.posed else "; their poses will be estimated.")
    )
    run.depends_on(scan.key)
    from lift3d.maps.images_to_texture import ImagesToTexture
    from lift3d.maps.mesh_to_solid import MeshToSolid
    from lift3d.maps.rgbd_to_cameras import RgbdToCameras
    from lift3d.maps.rgbd_to_mesh import RgbdToMesh

    total = len(scan.status)
    placed: RgbdScan = run.step("cameras", RgbdToCameras(), scan)
    run.context.note("reconstruct", photos=total, placed=len(placed))
    _require_placed(placed, total, options, run)
    surface: Surface = run.step("surface", _surface_mapping(RgbdToMesh, placed, options), placed)
    if len(surface.mesh.faces) == 0:
        raise CaptureError(
            "no surface could be reconstructed from the frames", "scan more slowly, with more overlap"
        )
    texture = ImagesToTexture(size=options.texture or MEASURED_TEXTURE)
    return model_from_surface(surface, MeshToSolid(), texture, total, len(placed), options, run)


def _surface_mapping(make: Any, scan: RgbdScan, options: Options) -> Any:
    """rgbd_to_mesh with as many views as the memory budget allows to be used for the texture."""
    image = scan.frames[0].image
    views = min(
        max(int(0.5 * options.memory / (BYTES_PER_TEXEL * image.width * image.height)), VIEWS[0]), VIEWS[1]
    )
    nodes = min(max((options.memory - BASE_MEMORY) // BYTES_PER_NODE, NODES[0]), NODES[1])
    mapping = make(options.kind, views=views, nodes=nodes, fill_holes=options.fill_holes)
    return mapping if options.faces is None else replace(mapping, faces=options.faces)


def _require_placed(placed: RgbdScan, total: int, options: Options, run: Run) -> None:
    """Warn of frames that were left out; raise CaptureError where they are the most."""
    missing = total - len(placed)
    if missing:
        run.warn(f"{missing} of {total} frames could not be placed; the report says why.")
    if 2 * len(placed) < total and not options.force:
        reasons = [s.reason for s in placed.status if not s.placed]
        common = max(set(reasons), key=reasons.count)
        raise CaptureError(
            f"only {len(placed)} of {total} frames could be placed; the most frequent reason: {common}",
            "move the camera slowly over surfaces with structure, so that frames overlap, or write it anyway with --force",
        )
