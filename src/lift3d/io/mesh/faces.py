"""Faces of files that carry colours, repeat corners or are not finite."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.io.mesh.text import brightest
from lift3d.types import F64, GREY, Bytes4, Material, Part

I64 = NDArray[np.int64]


def finite_parts(parts: list[Part], notes: list[str]) -> list[Part]:
    """The parts without faces at corners that are not finite or over 1e30, which a note counts; unchanged where no other face
    exists, so that the file is refused."""
    good = [np.asarray((np.abs(part.vertices) < 1e30).all(1)) for part in parts]
    if all(g.all() for g in good):
        return parts
    keep = [g[part.faces].all(1) if len(part.faces) else np.zeros(0, bool) for g, part in zip(good, parts)]
    if not any(k.any() for k in keep):
        return parts
    lost = sum(int((~k).sum()) for k in keep)
    if lost:
        many = "one triangle" if lost == 1 else f"{lost} triangles"
        notes.append(f"{many} with coordinates that are not finite, or over 1e30, left out")
    out = []
    for part, g, k in zip(parts, good, keep):
        number = np.cumsum(g) - 1
        uv = None if part.uv is None else part.uv[g]
        colours = None if part.colours is None else part.colours[g]
        out.append(Part(part.vertices[g], number[part.faces[k]], uv, colours, part.material))
    return out


def paint_faces(xyz: F64, faces: I64, rgba: NDArray[np.uint8]) -> Part:
    """A part whose faces (F, 3) have the colours rgba (F, 4): a material where all are equal, else colours of vertices, which are
    split where faces of different colours meet."""
    if len(rgba) and (rgba == rgba[0]).all():
        r, g, b, a = rgba[0].tolist()
        colour: Bytes4 = (r, g, b, a)
        return Part(xyz, faces, None, None, Material("material", colour))
    code = np.ascontiguousarray(rgba).view("<u4").reshape(-1).astype(np.int64)
    return paint_corners(xyz, faces, np.repeat(code, 3).reshape(-1, 3))


def paint_corners(xyz: F64, faces: I64, code: I64) -> Part:
    """A part whose corners have the colours code (F, 3), RGBA bytes as little-endian integers."""
    key = faces.reshape(-1) << 32 | code.reshape(-1)
    unique, inverse = np.unique(key, return_inverse=True)
    colours = (unique & 0xFFFFFFFF).astype("<u4").view(np.uint8).reshape(-1, 4)
    return Part(xyz[unique >> 32], inverse.reshape(-1, 3), None, colours.copy())


def rgba_bytes(values: F64, whole: bool = False) -> NDArray[np.uint8]:
    """(N, 4) bytes of colours (N, 3 or 4); nan becomes grey. Fractions, bytes and 16-bit values are distinguished by the largest
    (`brightest`), opacity by its own. whole: the values are integers by their type."""
    rgb = values[:, :3] / brightest(values[:, :3], whole)
    alpha = np.ones(len(values))
    if values.shape[1] > 3:
        scale = brightest(values[:, 3:], whole)
        alpha = np.nan_to_num(values[:, 3] / scale, nan=1.0)
    grey = np.isnan(rgb).any(1)
    out = np.rint(np.clip(np.column_stack([np.nan_to_num(rgb), alpha]), 0, 1) * 255).astype(np.uint8)
    out[grey] = GREY
    return out
