"""Metrics of a set of generated shapes: fidelity, diversity and novelty, from Chamfer distances of sampled surfaces.

With S generated shapes, R shapes of the test split, T those of the training split, d the Chamfer distance
(geometry/metrics/chamfer.py); metrics of Achlioptas et al. 2018 (arXiv:1707.02392, section 4) and Lopez-Paz & Oquab 2017
(arXiv:1610.06545):

matching   MMD: mean over R of min_S d
coverage   fraction of R that are the nearest of some shape of S
one_nn     1-NNA: leave-one-out accuracy of a nearest-neighbour classifier between S and R; 0.5 is the best value
copies     fraction of S nearer to T than the median distance of a shape of T to its nearest neighbour in T
novelty    median over S of min_T d, divided by that median
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
"""Surface samples per shape."""


@dataclass(frozen=True)
class GenerationScores:
    """The five metrics of the module."""

    matching: float
    coverage: float
    one_nn: float
    copies: float
    novelty: float


def sample_points(mesh: Mesh, seed: int = 0) -> F32:
    """(1024, 3) points on the surface of a mesh, uniform over its area."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    return sample_surface(v, f, POINTS, np.random.default_rng(seed))[0].astype(np.float32)


def extract_surface(values: F32, affine: NDArray[np.float64], level: float = 0.5) -> Mesh:
    """The smoothed surface of occupancies (X, Y, Z) at an iso-level, in the frame of the affine (4, 4). InputError where no
    value is above the level.

    The result is that of `voxels_to_mesh` without its check for folded thin parts, which takes most of the time. The function is
    applied to generated and real shapes alike."""
    v, f = marching_tetrahedra(np.ascontiguousarray(-np.pad(values, 1), np.float32), -level)
    if len(f) == 0:
        raise InputError(f"no voxel is above {level:g}: there is no surface", "use a lower threshold")
    v, f, _ = keep_main_components(v, f)
    frame = padded_affine(affine)
    v = taubin_smooth(v, f, VoxelsToMesh.smoothing) @ frame[:3, :3].T + frame[:3, 3]
    return trimesh.Trimesh(v, f, process=False, validate=False)


def padded_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine (4, 4) of a grid after one voxel is added before the first along each axis."""
    out = affine.copy()
    out[:3, 3] -= affine[:3, :3].sum(1)
    return out


def compare_sets(
    generated: F32, real: F32, training: F32, training_nearest: NDArray[np.float64] | None = None
) -> GenerationScores:
    """Scores of point clouds (N, P, 3) of S, R and T. training_nearest (N,): distances of T's shapes to their nearest
    neighbours in T, if already computed."""
    across, own, others = chamfer_matrix(generated, real), chamfer_matrix(generated), chamfer_matrix(real)
    nearest = nearest_distances(training) if training_nearest is None else training_nearest
    to_training = nearest_chamfer(generated, training)
    median = float(np.median(nearest))
    return GenerationScores(
        float(across.min(0).mean()),
        len(np.unique(across.argmin(1))) / len(real),
        one_nearest_neighbour_accuracy(own, across, others),
        float((to_training < median).mean()),
        float(np.median(to_training)) / median,
    )


def nearest_distances(clouds: F32) -> NDArray[np.float64]:
    """(N,) Chamfer distance of each cloud (N, P, 3) to its nearest neighbour among the other clouds."""
    return nearest_chamfer(clouds)


def one_nearest_neighbour_accuracy(
    own: NDArray[np.float64], across: NDArray[np.float64], others: NDArray[np.float64]
) -> float:
    """Leave-one-out accuracy of the nearest-neighbour classifier of two sets, from the distances within the first (N, N),
    from the first to the second (N, M), and within the second (M, M). A tie counts as wrong."""
    own, others = own.copy(), others.copy()
    np.fill_diagonal(own, np.inf)
    np.fill_diagonal(others, np.inf)
    right = (own.min(1) < across.min(1)).sum() + (others.min(1) < across.min(0)).sum()
    return float(right) / (len(own) + len(others))
