"""Fewer faces for models of several parts with textures, open and crossing as they may be.

Each part is decimated as a surface without regard to its texture seams (`lift3d.geometry.surface.decimation`), with its open
borders held in place so that parts keep meeting. A new face takes its texture from the piece of the old texture map
that lies nearest to its middle: the closest old points of its corners within that piece say where they lie on the
picture, so that no face reaches over a seam.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.components import connected_components
from lift3d.geometry.mesh.distances import closest_points
from lift3d.geometry.surface.decimation import decimate
from lift3d.types import F64, Part

FEWEST = 60
"""Parts of so few faces are kept as they are."""
MOST_PIECES = 200
"""Texture maps of more pieces than this are taken as one for each face's own old face."""


def simplify_parts(parts: list[Part], target: int) -> list[Part]:
    """The parts with about `target` faces together; as they are if they have no more."""
    total = sum(len(part.faces) for part in parts)
    if total <= target:
        return parts
    small = sum(len(part.faces) for part in parts if len(part.faces) <= FEWEST)
    share = max(target - small, target // 2) / max(total - small, 1)
    return [
        part if len(part.faces) <= FEWEST else _simpler(part, max(int(share * len(part.faces)), FEWEST))
        for part in parts
    ]


def _simpler(part: Part, target: int) -> Part:
    p, g = decimate(part.vertices, part.faces.astype(np.int32), target, keep_simple=False)
    if not 0 < len(g) < len(part.faces):
        return part
    if part.uv is None and part.colours is None:
        return replace(part, vertices=p, faces=g.astype(np.int64))
    values = [x for x in (part.uv, part.colours) if x is not None]
    old = np.column_stack([np.asarray(x, np.float64) for x in values])
    corners = transfer_values(part.vertices, part.faces, old, p, g)
    key = np.column_stack([g.reshape(-1), np.round(corners.reshape(-1, old.shape[1]), 6)])
    rows, first, index = np.unique(key, axis=0, return_index=True, return_inverse=True)
    flat = corners.reshape(-1, old.shape[1])[first]
    wide = 0 if part.uv is None else 2
    return replace(
        part,
        vertices=p[rows[:, 0].astype(np.int64)],
        faces=index.reshape(-1, 3).astype(np.int64),
        uv=None if part.uv is None else flat[:, :2],
        colours=None if part.colours is None else np.rint(flat[:, wide:]).clip(0, 255).astype(np.uint8),
    )


def transfer_values(v: F64, f: NDArray[np.int64], values: F64, p: F64, g: NDArray[np.int32]) -> F64:
    """(G, 3, C) values at the corners of new faces g over p, from values (V, C) of the old vertices."""
    chart = _charts(v, f, values)
    middle = p[g].mean(1)
    near = closest_points(v, f, middle)[2]
    out = np.empty((len(g), 3, values.shape[1]))
    whole = int(chart.max(initial=0)) >= MOST_PIECES
    for piece in [None] if whole else np.unique(chart[near]):
        mine = np.ones(len(g), bool) if piece is None else chart[near] == piece
        faces = f if piece is None else f[chart == piece]
        corners = p[g[mine]].reshape(-1, 3)
        if piece is None:  # only a little off its own middle, so that it meets the same old face
            corners = 0.3 * corners + 0.7 * np.repeat(middle[mine], 3, 0)
        spot, _, face = closest_points(v, faces, corners)
        weight = _barycentric(v[faces[face]], spot)
        out[mine] = np.einsum("nk,nkc->nc", weight, values[faces[face]]).reshape(-1, 3, values.shape[1])
    return out


def _charts(v: F64, f: NDArray[np.int64], values: F64) -> NDArray[np.int32]:
    """(F,) which piece of the texture map a face belongs to: corners of one place with one value hold pieces together."""
    row = np.unique(np.column_stack([v, values]), axis=0, return_inverse=True)[1]
    return connected_components(row.reshape(-1)[f].astype(np.int32))


def _barycentric(t: F64, q: F64) -> F64:
    """(N, 3) barycentric coordinates of points q (N, 3) in triangles t (N, 3, 3), within [0, 1]."""
    a, b, d = t[:, 1] - t[:, 0], t[:, 2] - t[:, 0], q - t[:, 0]
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    da, db = (d * a).sum(1), (d * b).sum(1)
    det = np.maximum(aa * bb - ab * ab, 1e-300)
    s, r = (bb * da - ab * db) / det, (aa * db - ab * da) / det
    weight = np.clip(np.stack([1 - s - r, s, r], 1), 0, 1)
    return np.asarray(weight / np.maximum(weight.sum(1, keepdims=True), 1e-12))
