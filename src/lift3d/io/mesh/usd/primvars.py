"""Primvars of USD by corner: texture coordinates and display colours in every interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64

USUAL_UV = (
    "st",
    "UVMap",
    "map1",
    "st0",
    "st1",
    "st_0",
    "uv",
    "uv0",
    "uvset",
    "Texture_uv",
    "TEXCOORD_0",
    "perfuv",
)
"""Names of texture coordinates in the order in which they are tried where no material names one."""


def by_corner(
    pxr: Any,
    prim: Any,
    name: str,
    index: NDArray[np.int64],
    counts: NDArray[np.int64],
    widths: tuple[int, ...],
) -> F64 | None:
    """(corners, width) values of a primvar of the prim or, if constant, of its ancestors; None where there is none.

    index: vertex of each corner; counts: corners of each face; widths: numbers per value that are accepted.
    """
    primvar = pxr.UsdGeom.PrimvarsAPI(prim).FindPrimvarWithInheritance(name)
    if not primvar or not primvar.HasValue():
        return None
    flat = primvar.ComputeFlattened(pxr.Usd.TimeCode.EarliestTime())
    values = np.array(flat, np.float64) if flat is not None else np.zeros(0)
    values = values.reshape(len(values), -1) if values.ndim else values.reshape(1, 1)
    if values.ndim != 2 or values.shape[1] not in widths or not len(values):
        return None
    interpolation = primvar.GetInterpolation()
    if interpolation in ("vertex", "varying") and len(index) and index.max() < len(values):
        return values[index]
    if interpolation == "faceVarying" and len(values) == len(index):
        return values
    if interpolation == "uniform" and len(values) == len(counts):
        return np.repeat(values, counts, axis=0)
    if interpolation == "constant":
        return np.broadcast_to(values[0], (len(index), values.shape[1]))
    return None


def uv_names(pxr: Any, prim: Any, wanted: str | None) -> list[str]:
    """Names of the texture coordinates of a prim: the one that its material names, the usual ones, and all others."""
    present = []
    for primvar in pxr.UsdGeom.PrimvarsAPI(prim).FindPrimvarsWithInheritance():
        kind = str(primvar.GetTypeName())
        if primvar.HasValue() and (
            kind.startswith("texCoord2") or kind in ("float2[]", "double2[]", "half2[]")
        ):
            present.append(str(primvar.GetPrimvarName()))
    order = [wanted, *USUAL_UV, *sorted(present)]
    return list(dict.fromkeys(name for name in order if name in present))


def display_colour(
    pxr: Any, prim: Any, index: NDArray[np.int64], counts: NDArray[np.int64], name: str = "displayColor"
) -> F64 | None:
    """(corners, 4) linear colours of a primvar, with displayOpacity as alpha; None without colours."""
    colour = by_corner(pxr, prim, name, index, counts, (3,))
    if colour is None:
        return None
    opacity = by_corner(pxr, prim, "displayOpacity", index, counts, (1,)) if name == "displayColor" else None
    return np.column_stack([colour, np.ones(len(colour)) if opacity is None else opacity[:, 0]])
