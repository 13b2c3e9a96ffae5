"""Rendered views on disk: NNN.png, depth/, normals/ and masks/ with the same names, and transforms.json with the cameras, as
`lift3d reconstruct --cameras` and trainers of radiance fields read them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.render.renderer import Rendering
from lift3d.io.camera.transforms import write_transforms
from lift3d.io.files.atomic import write_error
from lift3d.types import Camera, Image, Points, Views

MAX_WAITING = 16
"""Views that wait to be written while the next are rendered."""


def write_views(
    folder: Path,
    views: Iterable[Rendering],
    cameras: Sequence[Camera],
    max_depth: float,
    unit: str | None,
    transparent: bool,
) -> None:
    """Write the views of these cameras into a new folder, which appears when all are written.

    max_depth: an upper bound on the depth, in the model's unit; depth is stored in 16 bits as z = value * depth_scale, 0 for
    no surface. unit: "m" or None. transparent: store coverage as alpha. Raises InputError where the folder cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    part = folder.with_name(f".{folder.name}.{os.getpid()}.parts")
    scale = max_depth / 65535
    try:
        for name in ("depth", "normals", "masks"):
            (part / name).mkdir(parents=True)
        with ThreadPoolExecutor(2) as pool:
            jobs = []
            for number, view in enumerate(views):
                jobs.append(pool.submit(_write_view, part, f"{number:03d}.png", view, scale, transparent))
                if len(jobs) > MAX_WAITING:
                    jobs.pop(0).result()
            for job in jobs:
                job.result()
        _write_cameras(part / "transforms.json", cameras, unit, scale)
        if folder.exists():
            folder.rmdir()
        os.replace(part, folder)
    except OSError as error:
        raise write_error(error, folder) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_view(part: Path, name: str, view: Rendering, scale: float, transparent: bool) -> None:
    """Colour, depth, mask and normals of one view as PNG files of one name."""

    def save(pixels: NDArray[Any], path: Path) -> None:
        Pil.fromarray(pixels).save(path, compress_level=4)

    save(view.rgba if transparent else view.rgb, part / name)
    save(np.round(view.depth.z / scale).astype(np.uint16), part / "depth" / name)
    save(np.where(view.mask, 255, 0).astype(np.uint8), part / "masks" / name)
    normals = view.depth.normals
    if normals is not None:
        out = np.round((normals * np.array([1, -1, -1]) + 1) * 127.5)
        save(np.where(view.mask[..., None], out, 0).astype(np.uint8), part / "normals" / name)


def _write_cameras(path: Path, cameras: Sequence[Camera], unit: str | None, scale: float) -> None:
    """transforms.json by `write_transforms`, with the other images of each view and the meaning of their values."""
    names = [f"{number:03d}.png" for number in range(len(cameras))]
    blank = [Image(np.zeros((c.height, c.width, 3), np.uint8), n) for c, n in zip(cameras[:1], names)]
    images = tuple(replace(blank[0], name=name) for name in names)
    write_transforms(
        Views(images, tuple(cameras), Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32), unit), path
    )
    document = json.loads(path.read_text())
    frames = document.pop("frames")
    document["depth_scale"] = scale
    document["depth"] = (
        "16-bit grey: z along the optical axis = value * depth_scale, 0 where there is no surface"
    )
    document["normals"] = (
        "8-bit RGB: (value / 127.5 - 1) is the normal with x right, y up, z to the camera; 0 is none"
    )
    for frame, name in zip(frames, names):
        frame["depth_file_path"] = f"depth/{name}"
        frame["normal_file_path"] = f"normals/{name}"
        frame["mask_path"] = f"masks/{name}"
    document["frames"] = frames
    path.write_text(json.dumps(document, indent=1) + "\n")
