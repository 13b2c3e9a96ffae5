"""Simplification of a surface that remeshing made dense: planes become few faces again, within the tolerance that is reported."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lift3d.geometry.mesh.bvh import Bvh
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.repair.working_mesh import I32
from lift3d.geometry.surface.decimation import decimate
from lift3d.types import F64

ERRORS = (0.2, 0.1, 0.05)
"""Bounds of the root mean square distance from the old planes that are tried in turn, in steps of the grid."""
LIMITS = (1.0, 3.0)
"""Largest deviations that are tried in turn, in steps of the grid."""
_SHRINK, _ENOUGH, _LEAST = 4, 0.8, 8


def simplify_remeshed(
    v: F64, f: I32, dense_v: F64, dense_f: I32, step: float
) -> Iterator[tuple[F64, I32, float]]:
    """(vertices, faces, deviation) of simpler surfaces than v (V, 3), f (F, 3), the simplest first.

    deviation: from the remeshed surface dense_v, dense_f, over all its vertices and the vertices and centroids of the
    simpler one; at most `step`, three times that where sharp tips allow no less. Every stage starts from the last one and
    takes its quadrics from it, so that locks of faces which would intersect do not accumulate.
    """
    tree = build_search_tree(dense_v, dense_f)
    for factor in LIMITS:
        found = False
        for error in ERRORS:
            p, g, deviation = v, f, 0.0
            while True:
                q, h = decimate(p, g, max(len(g) // _SHRINK, _LEAST), error * step)
                moved = _deviation(q, h, tree, dense_v) if len(h) else np.inf
                if moved > factor * step:
                    break
                done = len(h) > _ENOUGH * len(g)
                p, g, deviation = q, h, moved
                if done:
                    break
            if len(g) < len(f):
                found = True
                yield p, g, deviation
        if found:
            return


def _deviation(v: F64, f: I32, tree: Bvh, dense_v: F64) -> float:
    """The largest distance between two surfaces over their vertices and the centroids of v, f; tree: that of the dense one."""
    own = np.concatenate([v[np.unique(f)], v[f].mean(1)])
    there = closest_in_tree(tree, own)[1]
    back = closest_in_tree(build_search_tree(v, f), dense_v)[1]
    return float(max(there.max(), back.max()))
