"""Writing the solids of lithophanes and reliefs, with a picture of what they show."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import SolidError
from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.geometry.mesh.solidity import require_solid
from lift3d.geometry.relief.layout import Layout
from lift3d.geometry.relief.surfaces import GridSolid, fault
from lift3d.io.files.staging import staging
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.pipelines.print_check import BED
from lift3d.pipelines.write_model import preview_path
from lift3d.types import F64, Mesh
from lift3d.units import set_unit

INSPECTED_FACES = 60_000
"""Largest number of faces for which the file as read back is inspected face by face; for others `surfaces.fault` proves that the
triangles of the file are those of a solid."""
OVERSAMPLING, SMALLEST, LARGEST = 3, 1024, 6000
"""Pixels of a photo for each sample along the width, and the limits of its longer side in pixels."""


def photo_size(width: float, detail: float) -> int:
    """Longer side in pixels to which a photo is reduced for a plate of this width and distance between samples, metres."""
    return int(np.clip(OVERSAMPLING * width / max(detail, 1e-9), SMALLEST, LARGEST))


def mesh_of(solid: GridSolid) -> Mesh:
    """The mesh of a solid, in metres."""
    return set_unit(Mesh(solid.vertices, solid.faces, process=False), "m")


def write_grid_model(solid: GridSolid, mesh: Mesh, output: Path, picture: NDArray[np.uint8]) -> None:
    """Write the model, and `picture` (H, W) or (H, W, 3) beside it as NAME.png. The file is read back; raises SolidError
    unless it holds a solid."""
    with staging(output) as folder:
        save_mesh(mesh, folder / output.name)
        read = load_mesh(folder / output.name)
        if len(mesh.faces) <= INSPECTED_FACES:
            require_solid(read)
        wrong = fault(solid, np.asarray(read.vertices)[np.asarray(read.faces)])
        if wrong:
            raise SolidError(f"{output.name} would not be solid: {wrong}", "use another format")
        Pil.fromarray(picture).save(preview_path(folder / output.name))


def size_warnings(layout: Layout, thickness: float, detail: float, curve: float = 0.0) -> list[str]:
    """Sentences on a model that is larger than a usual printer, and on a grid coarser than requested, from its layout before it
    is made. thickness: the greatest one, metres; curve: degrees by which it is bent."""
    size = sorted(1000 * s for s in _extent(layout, thickness, curve))
    found = []
    if any(a > b for a, b in zip(size, sorted(BED))):
        text = " x ".join(f"{s:.4g}" for s in size[::-1])
        bed = " x ".join(f"{s:g}" for s in BED)
        found.append(f"The model is {text} mm in size, larger than a usual printer ({bed} mm).")
    if layout.detail > 1.01 * detail:
        found.append(
            f"Samples are {1000 * layout.detail:.3g} mm apart and not {1000 * detail:.3g} mm, to keep the file in bounds."
        )
    return found


def _extent(layout: Layout, thickness: float, curve: float) -> tuple[float, float, float]:
    """Sides in metres of a plate that is bent around its back."""
    wide, high = float(layout.x[-1] - layout.x[0]), float(layout.y[0] - layout.y[-1])
    if curve <= 0:
        return wide, thickness, high
    angle = math.radians(min(curve, 360.0))
    outer = wide / angle + thickness
    across = 2 * outer * math.sin(min(angle, math.pi) / 2)
    deep = (
        outer - (outer - thickness) * math.cos(angle / 2)
        if angle < math.pi
        else outer * (1 - math.cos(angle / 2))
    )
    return across, deep, high


def evenly_framed(heights: F64, samples: int, border: float) -> F64:
    """(H, W): heights with a frame of some samples around them."""
    return np.pad(heights, samples, constant_values=border) if samples else heights


def relief_shading(heights: F64, spacing: float) -> NDArray[np.uint8]:
    """(H, W) uint8 picture of heights (H, W) lit from the upper left; spacing: distance between samples in the same unit."""
    down, right = np.gradient(heights, spacing)
    normal = np.stack([-right, down, np.ones_like(heights)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = np.array([-0.6, 0.6, 0.53])
    shade = 0.12 + 0.88 * np.clip(normal @ light / np.linalg.norm(light), 0, 1)
    return linear_to_srgb8(np.asarray(shade, np.float32))
