"""What was made of a volume: the structures with their models, as a table, a report and a preview."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from lift3d.pipelines.medical.notice import NOTICE
from lift3d.types import Grid, Mesh

CAPTION = 30
"""Pixels of the line below a preview."""
COLUMNS = ("id", "name", "volume_ml", "voxels_ml", "area_mm2", "faces", "dropped_ml", "file")


@dataclass(frozen=True, eq=False)
class Structure:
    """A structure of a volume and its model.

    number, name: of the label, or 1 and the name of the threshold. mesh: closed, in metres, in the frame of the result.
    volume_ml, area_mm2: of the mesh. voxels_ml: of the voxels that it was made from. dropped_ml: parts that were left out, the
    largest first. certainty: of a segmentation, in [0, 1], or None. file: its name, where it was written."""

    number: int
    name: str
    mesh: Mesh
    volume_ml: float
    voxels_ml: float
    area_mm2: float
    dropped_ml: tuple[float, ...] = ()
    certainty: float | None = None
    file: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The row of the table as JSON values."""
        row: dict[str, Any] = {
            "id": self.number, "name": self.name, "volume_ml": round(self.volume_ml, 4),
            "voxels_ml": round(self.voxels_ml, 4), "area_mm2": round(self.area_mm2, 2), "faces": len(self.mesh.faces),
            "dropped_ml": [round(x, 4) for x in self.dropped_ml], "file": self.file,
        }  # fmt: skip
        return row if self.certainty is None else row | {"certainty": round(self.certainty, 4)}


@dataclass(frozen=True, eq=False)
class VolumeModels:
    """The models of a volume. structures: one for each label or threshold; frame: "LPS" or "RAS", of the coordinates; notes:
    sentences on how the source was read and what was left out; grid: of the source."""

    structures: tuple[Structure, ...]
    frame: str
    grid: Grid
    source: str
    notes: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def meshes(self) -> dict[str, Mesh]:
        """The models by name."""
        return {one.name: one.mesh for one in self.structures}

    def to_text(self) -> str:
        """The grid in one line."""
        shape, spacing = (
            " x ".join(f"{n:g}" for n in row) for row in (self.grid.shape, self.grid.spacing.round(4))
        )
        tilt = ", sheared (tilted gantry)" if self.grid.is_sheared else ""
        return f"{shape} voxels of {spacing} mm, {self.grid.orientation}{tilt}"

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "notice": NOTICE,
            "source": self.source,
            "grid": grid_facts(self.grid),
            "frame": f"{self.frame}, patient millimetres",
            **self.details,
            "structures": [one.to_dict() for one in self.structures],
            "notes": list(self.notes),
        }

    def table(self) -> str:
        """The structures as CSV, with the notice in its first line."""
        out = io.StringIO()
        out.write(f"# {NOTICE}\n")
        more = ("certainty",) if any(one.certainty is not None for one in self.structures) else ()
        writer = csv.DictWriter(out, [*COLUMNS, *more], extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for one in self.structures:
            row = one.to_dict()
            writer.writerow(row | {"dropped_ml": " ".join(f"{x:g}" for x in row["dropped_ml"])})
        return out.getvalue()


def grid_facts(grid: Grid) -> dict[str, Any]:
    """What a report says of a grid."""
    return {
        "shape": list(grid.shape),
        "spacing_mm": [round(float(x), 5) for x in grid.spacing],
        "plane_distances_mm": [round(float(x), 5) for x in grid.plane_distances],
        "orientation": grid.orientation,
        "sheared": grid.is_sheared,
        "affine_ras": np.round(grid.affine, 6).tolist(),
    }


def sheet(parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Pictures above each other, scaled to one width, with the notice below."""
    width = max(part.shape[1] for part in parts)
    rows = [
        Pil.fromarray(part).resize(
            (width, round(part.shape[0] * width / part.shape[1])), Pil.Resampling.LANCZOS
        )
        for part in parts
    ]
    out = Pil.new("RGB", (width, sum(row.height for row in rows) + CAPTION), (255, 255, 255))
    top = 0
    for row in rows:
        out.paste(row, (0, top))
        top += row.height
    draw = ImageDraw.Draw(out)
    font = ImageFont.load_default(size=15)
    draw.text((width / 2, top + CAPTION / 2), NOTICE, fill=(90, 90, 90), font=font, anchor="mm")
    return np.asarray(out)
