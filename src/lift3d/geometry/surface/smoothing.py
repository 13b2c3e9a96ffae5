"""Mesh smoothing without shrinkage.

taubin_smooth        lambda | mu smoothing (Taubin 1995, doi:10.1145/218380.218473): each iteration is a step of
                     lambda towards the mean of the neighbours and a larger step of mu back. Low frequencies pass, the
                     roughness of voxels does not.
constrained_smooth   for surfaces of binary voxels, whose terraces are many voxels wide where the surface is nearly
                     parallel to an axis. Laplacian smoothing with every vertex kept within a maximum distance of its
                     original position (Gibson 1998, "Constrained elastic surface nets"); the shrinkage, as of thin
                     wires, is then undone.
relax_vertices       Laplacian smoothing of selected vertices, as a membrane between the fixed ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lift3d.types import F64

LAMBDA, MU = 0.5, -0.53
ITERATIONS, MAX_DISPLACEMENT = 30, 0.45
"""Of constrained_smooth, the displacement in voxels. Taubin smoothing leaves terraces: on four validation shapes,
completed from a cut and from one side, normal consistency is 0.831 after ten iterations of it and 0.834 after
constrained smoothing; the F-score is 0.582 in both cases."""


def taubin_smooth(v: F64, f: NDArray[np.integer], iterations: int) -> F64:
    """(V, 3) vertices of a mesh v (V, 3), f (F, 3) after `iterations` of lambda | mu smoothing."""
    adjacency, count = _neighbours(v, f)
    out = np.array(v, np.float64)
    for _ in range(iterations):
        for step in (LAMBDA, MU):
            out += step * (adjacency @ out / count - out)
    return out


def constrained_smooth(
    v: F64, f: NDArray[np.integer], iterations: int = ITERATIONS, max_displacement: float = MAX_DISPLACEMENT
) -> F64:
    """(V, 3) vertices after `iterations` towards the mean of their neighbours, none farther than `max_displacement`
    (in the unit of v) from its original position; then moved back along their normals by the displacement averaged
    over their neighbourhood."""
    adjacency, count = _neighbours(v, f)
    out = np.array(v, np.float64)
    for _ in range(iterations):
        out += LAMBDA * (adjacency @ out / count - out)
        displacement = out - v
        out = v + displacement * np.minimum(
            1, max_displacement / np.maximum(np.linalg.norm(displacement, axis=1, keepdims=True), 1e-12)
        )
    normal = _normals(out, f)
    shift = ((out - v) * normal).sum(1, keepdims=True)
    for _ in range(iterations):
        shift += LAMBDA * (adjacency @ shift / count - shift)
    return np.asarray(out - shift * normal)


def relax_vertices(v: F64, f: NDArray[np.integer], iterations: int, movable: NDArray[np.bool_]) -> F64:
    """(V, 3) vertices after `iterations` towards the mean of their neighbours; only those in the mask movable (V,)
    move."""
    adjacency, count = _neighbours(v, f)
    rows = adjacency[movable]
    out = np.array(v, np.float64)
    for _ in range(iterations):
        out[movable] += LAMBDA * (rows @ out / count[movable] - out[movable])
    return out


def _normals(v: F64, f: NDArray[np.integer]) -> F64:
    """(V, 3) unit vertex normals, area-weighted means of the face normals; zero for vertices without faces."""
    t = v[f]
    area_vectors = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    sums = np.stack(
        [np.bincount(f.reshape(-1), np.repeat(area_vectors[:, k], 3), len(v)) for k in range(3)], 1
    )
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-300))


def _neighbours(v: F64, f: NDArray[np.integer]) -> tuple[sparse.csr_array, F64]:
    """((V, V) adjacency matrix, (V, 1) number of neighbours, at least 1)."""
    edges = np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]])
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    ones = np.ones(len(rows), np.float32)
    adjacency = sparse.csr_array((ones, (rows, columns)), shape=(len(v), len(v)))
    adjacency.data[:] = 1  # edges of two faces were counted twice
    return adjacency, np.maximum(np.asarray(adjacency.sum(1), np.float64).reshape(-1, 1), 1)
