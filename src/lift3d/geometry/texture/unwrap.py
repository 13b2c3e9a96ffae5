"""A texture atlas: charts of `texture.charts`, packed by xatlas (Young 2018). Deterministic: same mesh, same bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import xatlas
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.texture.charts import project_charts, segment_charts
from lift3d.types import F64

I32 = NDArray[np.int32]
SETTLE = 0.01
"""Seconds for xatlas' threads to fall asleep before they are joined."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """uv: (N, 2) float64 in [0, 1], v up; vertex: (N,) int32 mesh vertex of each atlas vertex (only seams split vertices).

    faces: (F, 3) int32 into the atlas vertices, in the mesh's order; charts: (F,) int32; size: texels a side; used: fraction
    of the texture's area that the charts cover.
    """

    uv: F64
    vertex: I32
    faces: I32
    charts: I32
    size: int
    used: float

    def texels(self) -> F64:
        """(F, 3, 2) corners in texels: x right, y down, texel centres at integers + 0.5."""
        corners = self.uv[self.faces] * self.size
        corners[..., 1] = self.size - corners[..., 1]
        return corners


def unwrap(v: F64, f: I32, size: int = 2048, padding: int = 4) -> Atlas:
    """The atlas of a mesh v (V, 3), f (F, 3), with charts at least `padding` texels apart and half of that from the border.

    Raises InputError for a mesh without faces, or if the charts do not fit one sheet.
    """
    if len(f) == 0:
        raise InputError("A mesh without faces has no texture", "check the surface step's report")
    charts, directions = segment_charts(v, f)
    plane, _ = project_charts(v, f, charts, directions)
    key, first, faces = np.unique(
        charts.repeat(3).astype(np.int64) * len(v) + f.reshape(-1), return_index=True, return_inverse=True
    )
    faces = faces.reshape(-1, 3).astype(np.int32)
    vertex, chart = (key % len(v)).astype(np.int32), (key // len(v)).astype(np.int32)
    uv = plane.reshape(-1, 2)[first]
    order = np.flatnonzero(np.append(True, chart[1:] != chart[:-1]))
    uv = uv - np.minimum.reduceat(uv, order)[chart]
    uv = uv / max(float(uv.max()), 1e-300)
    area = float(np.abs(_twice_areas(uv[faces])).sum() / 2)
    packed, used = _pack(uv, chart, faces, area, size, padding)
    return Atlas(packed, vertex, faces, charts, size, used)


def _twice_areas(corners: F64) -> F64:
    """Twice the signed areas of triangles (F, 3, 2)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _pack(uv: F64, chart: I32, faces: I32, area: float, size: int, padding: int) -> tuple[F64, float]:
    """Packed uv and used area; the scale is adjusted until the charts just fit size x size texels. xatlas only packs."""
    texels, inner = size * np.sqrt(0.60 / max(area, 1e-12)), size - padding
    low, high, best = 0.0, np.inf, None
    for _ in range(6):
        placed, extent = _pack_once(uv * texels, chart, faces, padding)
        if extent <= inner:
            low, best = texels, placed
        else:
            high = texels
        if best is not None and (0.98 * inner < extent <= inner or high < 1.02 * low):
            break
        texels *= 0.995 * inner / extent
        if not low < texels < high:
            texels = (low + high) / 2
    if best is None:
        best = placed * (inner / extent)
    packed = (best + padding / 2) / size
    return packed, float(np.abs(_twice_areas(packed[faces])).sum() / 2)


def _pack_once(plane: F64, chart: I32, faces: I32, padding: int) -> tuple[F64, float]:
    """One packing of charts given in texels: vertex positions in texels, and the larger side of their bounding box.

    xatlas separates charts by their coordinates, so each chart is first moved to its own cell of a grid. xatlas drops faces
    that are too thin; their corners follow the rest of their chart.
    """
    columns = int(np.ceil(np.sqrt(chart.max() + 1)))
    cell_origin = np.stack([chart % columns, chart // columns], 1) * np.ceil(1.05 * plane.max() + 2)
    atlas = xatlas.Atlas()
    atlas.add_uv_mesh((plane + cell_origin).astype(np.float32), faces.astype(np.uint32))
    options = xatlas.PackOptions()
    options.padding, options.texels_per_unit, options.bilinear = padding, 1.0, True
    # xatlas rotates charts by transposing them, which would mirror the texture
    options.rotate_charts, options.rotate_charts_to_axis = False, True
    atlas.generate(xatlas.ChartOptions(), options)
    # When an atlas is freed, xatlas wakes its threads without holding their locks and deadlocks if one is just about to
    # fall asleep. A short pause avoids this.
    time.sleep(SETTLE)
    mapping, _, positions = atlas[0]
    if atlas.atlas_count != 1 or len(mapping) != len(plane):
        raise InputError(
            f"The texture atlas could not be packed ({atlas.atlas_count} sheets)", "simplify the mesh"
        )
    out = np.zeros((len(plane), 2))
    out[mapping] = positions.astype(np.float64) * (atlas.width, atlas.height)
    packed_faces = [atlas.get_mesh_chart(0, i).faces for i in range(atlas.get_mesh_chart_count(0))]
    placed = np.zeros(len(plane), bool)
    if packed_faces:
        placed[faces[np.concatenate(packed_faces)]] = True
        out -= out[placed].min(0)
    if not placed.all():
        out[~placed] = _place_missing(plane, out, chart, placed)[~placed]
    return out, float(max(out.max(), 1.0))


def _place_missing(plane: F64, out: F64, chart: I32, placed: NDArray[np.bool_]) -> F64:
    """Every vertex moved by its chart's similarity between `plane` and `out`.

    The similarity is fitted to the placed vertices of the chart by complex least squares.
    """
    count, z, w = int(chart.max()) + 1, plane @ [1, 1j], out @ [1, 1j]
    c, n = chart[placed], np.maximum(np.bincount(chart[placed], minlength=count), 1)

    def total(values: NDArray[Any]) -> NDArray[np.complex128]:
        return np.bincount(c, values.real, count) + 1j * np.bincount(c, values.imag, count)

    z0, w0 = total(z[placed]) / n, total(w[placed]) / n
    spread = total(np.abs(z[placed] - z0[c]) ** 2 + 0j).real
    rotation = total(np.conj(z[placed] - z0[c]) * (w[placed] - w0[c])) / np.maximum(spread, 1e-30)
    position = w0[chart] + np.where(spread > 0, rotation, 1.0)[chart] * (z - z0[chart])
    position[(np.bincount(c, minlength=count) == 0)[chart]] = 0
    return np.stack([position.real.clip(0), position.imag.clip(0)], 1)
