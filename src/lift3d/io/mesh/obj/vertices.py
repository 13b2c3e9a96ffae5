"""Lines of numbers of an OBJ file, and what the numbers after x, y and z of a vertex mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.io.mesh.text import brightest
from lift3d.types import F64


def read_rows(rows: list[list[bytes]], low: int, high: int, name: str, what: str) -> F64:
    """(N, high) numbers of lines; missing ones are nan. Raises InputError for lines with fewer than `low` and for text."""
    if not rows:
        return np.zeros((0, high))
    widths = {len(r) for r in rows}
    if min(widths) < low:
        raise damaged_file(name, f"has {what} with fewer than {low} numbers")
    if len(widths) > 1 or max(widths) > high:
        widest = min(max(widths), high)
        rows = [r[:high] + [b"nan"] * (widest - len(r)) for r in rows]
    words = np.array(rows)
    try:
        table = words.astype(np.float64)
    except ValueError:
        try:  # decimal commas of some locales
            table = np.char.replace(words, b",", b".").astype(np.float64)
        except ValueError as error:
            raise damaged_file(name, f"has {what} with text where numbers should be (damaged)") from error
    if table.shape[1] < high:
        table = np.pad(table, ((0, 0), (0, high - table.shape[1])), constant_values=np.nan)
    return table


def split_vertices(
    rows: list[list[bytes]], name: str, notes: list[str]
) -> tuple[F64, NDArray[np.uint8] | None]:
    """(positions (V, 3), colours (V, 4) uint8 with alpha 0 where a vertex has none, or None without any).

    After x y z come w (4 numbers), r g b (6), w r g b or r g b a (7), w r g b a (8). The weight w of rational curves has no
    meaning for polygons. Colours are fractions, 0 to 255 or 0 to 65535, by the largest in the file.
    """
    table = read_rows(rows, 3, 8, name, "vertices")
    width = np.minimum(np.array([len(r) for r in rows]), 8)
    if (width == 5).any():
        notes.append("some vertices have five numbers, of which three are read")
    weight = np.isin(width, (4, 8))
    seven = width == 7
    if seven.any():
        constant = [bool(np.isin(table[seven, k], (1, 255)).all()) for k in (3, 6)]
        if constant[0]:
            weight |= seven
    if (table[weight, 3] != 1).any():
        notes.append("weights of vertices (w) are not used: they concern curves only")
    if (width < 6).all():
        return table[:, :3], None
    colour = np.where(weight[:, None], table[:, 4:8], np.column_stack([table[:, 3:7]]))
    colour[width < 6] = np.nan
    rgb, alpha = colour[:, :3], colour[:, 3]
    rgb = rgb / brightest(rgb)
    alpha = np.where(np.isnan(alpha), 1.0, alpha / brightest(alpha))
    rgba = np.rint(np.clip(np.column_stack([rgb, alpha]), 0, 1) * 255)
    missing = ~np.isfinite(rgb).all(1)
    rgba[missing] = 0
    if (rgba[~missing, 3] == 0).any():
        rgba[~missing, 3] = np.maximum(rgba[~missing, 3], 1)  # 0 stands for a vertex without a colour
    return table[:, :3], rgba.astype(np.uint8)


def polypaint(text: bytes, count: int, notes: list[str]) -> NDArray[np.uint8] | None:
    """(V, 4) colours of ZBrush's comments "#MRGB MMRRGGBB...", eight hexadecimal digits a vertex, of which the first two are a
    mask; None with a note where there are not as many as vertices."""
    try:
        values = np.frombuffer(bytes.fromhex(text.decode("ascii")), np.uint8)
    except ValueError:
        values = np.zeros(0, np.uint8)
    if len(values) != 4 * count:
        notes.append("the colours in its comments (#MRGB) do not match the vertices and are not read")
        return None
    return np.column_stack([values.reshape(-1, 4)[:, 1:], np.full(count, 255, np.uint8)])
