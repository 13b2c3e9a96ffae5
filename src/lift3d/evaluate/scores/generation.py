"""Are generated shapes like real ones, varied, and new? By the distances between clouds of points on their surfaces.

With S drawn shapes, R real ones never seen, T those trained on and d the Chamfer distance
(geometry/metrics/chamfer.py); metrics as in
Achlioptas et al. 2018 (arXiv:1707.02392, section 4) and Lopez-Paz & Oquab 2017 (arXiv:1610.06545):

matching   mean over R of the distance to the nearest of S
coverage   share of R that are the nearest of some of S
one_nn     accuracy of telling S from R by the nearest neighbour in both, as many of each: 0.5 is the best there is
copies     share of S nearer to T than half of T's own shapes are to their nearest neighbour in T
novelty    median distance of S to the nearest of T, in T's own median
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.components import keep_main_components
from lift3d.geometry.mesh.distances import sample_surface
from lift3d.geometry.metrics.chamfer import chamfer_matrix, nearest_chamfer
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.geometry.surface.smoothing import taubin_smooth
from lift3d.maps.voxels_to_mesh import VoxelsToMesh
from lift3d.types import F32, Mesh

POINTS = 1024


@dataclass(frozen=True)
class Said:
    """See the module."""

    matching: float
    coverage: float
    one_nn: float
    copies: float
    novelty: float


def points_of(mesh: Mesh, seed: int = 0) -> F32:
    """(1024, 3) on its surface, even over the area."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    return sample_surface(v, f, POINTS, np.random.default_rng(seed))[0].astype(np.float32)


def surfaced(values: F32, affine: NDArray[np.float64], level: float = 0.5) -> Mesh:
    """The surface of shares of full cells, made for all shapes alike, drawn and real: as voxels_to_mesh makes it, without its
    look at whether smoothing has folded what is thin, which takes most of its time."""
    v, f = marching_tetrahedra(np.ascontiguousarray(-np.pad(values, 1), np.float32), -level)
    if len(f) == 0:
        raise InputError("no cell is full: there is no surface", "use a lower level")
    v, f, _ = keep_main_components(v, f)
    frame = shifted(affine)
    v = taubin_smooth(v, f, VoxelsToMesh.smoothing) @ frame[:3, :3].T + frame[:3, 3]
    return trimesh.Trimesh(v, f, process=False, validate=False)


def shifted(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """For a grid with one cell more before each first one."""
    out = affine.copy()
    out[:3, 3] -= affine[:3, :3].sum(1)
    return out


def compared(drawn: F32, real: F32, known: F32, among_known: NDArray[np.float64] | None = None) -> Said:
    """Clouds (N, 1024, 3) of S, R and T; among_known: T's nearest distances, if they are known already."""
    across, own, others = chamfer_matrix(drawn, real), chamfer_matrix(drawn), chamfer_matrix(real)
    nearest = nearest_among(known) if among_known is None else among_known
    away = nearest_chamfer(drawn, known)
    usual = float(np.median(nearest))
    return Said(
        float(across.min(0).mean()),
        len(np.unique(across.argmin(1))) / len(real),
        one_nn(own, across, others),
        float((away < usual).mean()),
        float(np.median(away)) / usual,
    )


def nearest_among(clouds: F32) -> NDArray[np.float64]:
    """(N,) distance of each to its nearest neighbour among the others."""
    return nearest_chamfer(clouds)


def one_nn(own: NDArray[np.float64], across: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """Leave-one-out accuracy of the nearest neighbour, of the distances within each and between the two."""
    own, others = own.copy(), others.copy()
    np.fill_diagonal(own, np.inf)
    np.fill_diagonal(others, np.inf)
    right = (own.min(1) < across.min(1)).sum() + (others.min(1) < across.min(0)).sum()
    return float(right) / (len(own) + len(others))
