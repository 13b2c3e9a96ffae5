"""The grid lines of a plate that shows a picture: its exact size, its border, and the nodes that sample the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError
from lift3d.types import F64
from lift3d.units import format_length

MOST_NODES = 2_000_000
"""Nodes of a grid; a finer one is made coarser, so that the memory is bounded."""
FEWEST_NODES = 8
"""Nodes along the shorter side of the picture."""
FINEST, COARSEST = 20e-6, 10e-3
"""Limits of the distance between nodes, metres."""


@dataclass(frozen=True, eq=False)
class Layout:
    """x (C,) increasing and y (R,) decreasing: grid lines in metres from the left and the lower edge. rows, columns: the lines
    that sample the picture; the others belong to the border. detail: distance between the lines in the picture."""

    x: F64
    y: F64
    rows: slice
    columns: slice
    detail: float

    @property
    def picture_shape(self) -> tuple[int, int]:
        """(rows, columns) of the nodes in the picture."""
        return len(self.y[self.rows]), len(self.x[self.columns])

    def framed(self, values: F64, border: float) -> F64:
        """(R, C): the values (rows, columns) of the picture, and `border` around it."""
        out = np.full((len(self.y), len(self.x)), border)
        out[self.rows, self.columns] = values
        return out


def plan_layout(
    shape: tuple[int, int],
    width: float,
    border: float,
    detail: float,
    closed: bool = False,
    stretch: float = 1.0,
) -> Layout:
    """The layout of a plate of exactly `width` metres for a picture of `shape` (H, W) pixels, whose aspect ratio is kept.

    border: its width at all sides, or above and below only if `closed`: then the right edge joins the left one, and has no line
    of its own. detail: largest distance between lines; stretch: factor by which columns are farther apart on the front than on
    the back, where `width` is measured. Raises InputError for sizes that leave no picture.
    """
    if not FINEST <= detail <= COARSEST:
        raise InputError(
            f"a detail of {1000 * detail:g} mm is out of range",
            "give 0.02mm to 10mm; 0.2mm suits most printers",
        )
    inner = width if closed else width - 2 * border
    height = inner * shape[0] / shape[1]
    if inner < 0.1 * width:
        raise InputError(
            f"a border of {format_length(border)} leaves no room for the picture on a width of {format_length(width)}",
            "make it narrower",
        )
    wide, high = inner * stretch, height
    detail = max(detail, math.sqrt(wide * high / MOST_NODES))
    if border and border < 2 * detail:
        raise InputError(
            f"a border of {format_length(border)} is narrower than two samples of {1000 * detail:g} mm",
            "make it wider, or leave it out",
        )
    columns, rows = max(2, round(wide / detail) + (not closed)), max(2, round(high / detail) + 1)
    if min(rows, columns) < FEWEST_NODES:
        raise InputError(
            f"the picture would be {1000 * inner:.3g} mm x {1000 * height:.3g} mm, and {columns} x {rows} samples of "
            f"{1000 * detail:.3g} mm show nothing",
            "make it larger, or give a smaller detail",
        )
    x = np.asarray(border + inner * np.arange(columns) / (columns - 1), np.float64)
    if closed:
        x = np.asarray(np.arange(columns) * (inner / columns), np.float64)
    y = np.linspace(height + border, border, rows)
    if not border:
        return Layout(x, y, slice(None), slice(None), detail)
    step = high / (rows - 1)
    y = np.concatenate([[height + 2 * border, y[0] + step], y, [y[-1] - step, 0.0]])
    if closed:
        return Layout(x, y, slice(2, -2), slice(None), detail)
    step = inner / (columns - 1)
    pieces = max(1, math.ceil((border - step) / (0.02 * width)))  # short enough for a cylinder
    left = np.linspace(0.0, border - step, pieces + 1)
    x = np.concatenate([left, x, width - left[::-1]])
    return Layout(x, y, slice(2, -2), slice(pieces + 1, -pieces - 1), detail)
