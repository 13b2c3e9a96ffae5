"""Agreement of a predicted segmentation with the true one, in millimetres: of label maps and of closed meshes.

Dice = 2 |A and B| / (|A| + |B|); HD95, the larger of the 95th percentiles of the distances from each surface to the other; ASSD,
the mean of these distances; NSD, the fraction of both surfaces within a tolerance of the other (Nikolov et al. 2021).
Percentiles, means and fractions are weighted by area. A structure that only one of the two has counts as the worst: Dice and NSD
0, distances as long as the diagonal of the volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lift3d.errors import InputError
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree, sample_surface
from lift3d.geometry.mesh.solidity import is_closed
from lift3d.geometry.metrics.surfels import surfels
from lift3d.geometry.volume.orientation import corner_distance
from lift3d.geometry.volume.voxelize import grid_around, voxelize
from lift3d.types import F64, Mesh
from lift3d.types.volumes import Grid, Labels

SAME_PLACE = 0.01
"""Largest difference in millimetres between the corners of two grids that count as one."""
SAMPLES = 40000
"""Samples of the surface of a mesh."""
CELLS = 160
"""Voxels along the longest side of two meshes, for their Dice."""


@dataclass(frozen=True)
class SegmentationScores:
    """Scores of one structure. hd95, assd: millimetres. nsd: at the tolerance given. predicted_ml, true_ml: volumes. missing:
    whether only one of the two has the structure."""

    dice: float
    hd95: float
    assd: float
    nsd: float
    predicted_ml: float
    true_ml: float
    missing: bool = False


@dataclass(frozen=True)
class MeanScores:
    """Means over structures or cases; structures: how many; missing: how many of them were missing and counted as the worst."""

    dice: float
    hd95: float
    assd: float
    nsd: float
    structures: int
    missing: int


def mean_scores(scores: Iterable[SegmentationScores]) -> MeanScores:
    """The means of scores, missing structures included. Raises InputError without scores."""
    every = list(scores)
    if not every:
        raise InputError("there is no structure to compare", "give label maps that have labels")
    dice, hd95, assd, nsd = np.mean([(s.dice, s.hd95, s.assd, s.nsd) for s in every], 0).tolist()
    return MeanScores(dice, hd95, assd, nsd, len(every), sum(s.missing for s in every))


def same_grid(a: Grid, b: Grid) -> None:
    """Raise InputError unless two grids have the same shape and their corners are within `SAME_PLACE` millimetres."""
    if a.shape != b.shape:
        raise InputError(
            f"the volumes have {a.shape} and {b.shape} voxels", "compare volumes on the same grid"
        )
    most = corner_distance(a, b)
    if most > SAME_PLACE:
        raise InputError(f"the volumes lie up to {most:.3g} mm apart", "compare volumes on the same grid")


def compare_labels(
    predicted: Labels, truth: Labels, ids: Sequence[int] | None = None, tolerance: float = 1.0
) -> dict[int, SegmentationScores]:
    """The scores of each label, by id; labels that neither has are left out.

    ids: which labels, those of either map without it. tolerance: of the NSD, in millimetres. Raises InputError for volumes on
    different grids."""
    same_grid(predicted, truth)
    numbers = sorted({*predicted.present, *truth.present}) if ids is None else [int(i) for i in ids]
    scores = {}
    for number in numbers:
        a, b = predicted.ids == number, truth.ids == number
        if a.any() or b.any():
            scores[number] = compare_masks(a, b, truth, tolerance)
    return scores


def compare_masks(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], grid: Grid, tolerance: float = 1.0
) -> SegmentationScores:
    """The scores of two masks (I, J, K) of one structure on a grid, not both empty."""
    n, m = int(predicted.sum()), int(truth.sum())
    ml = grid.voxel_volume / 1000
    if not n or not m:
        return _missing(_diagonal(grid), n * ml, m * ml)
    (p, p_area), (t, t_area) = surfels(predicted, grid), surfels(truth, grid)
    to_truth, to_predicted = cKDTree(t).query(p)[0], cKDTree(p).query(t)[0]
    dice = 2 * int((predicted & truth).sum()) / (n + m)
    return SegmentationScores(
        dice, *_distance_scores(to_truth, p_area, to_predicted, t_area, tolerance), n * ml, m * ml
    )


def compare_solids(
    predicted: Mesh | None, truth: Mesh | None, tolerance: float = 1.0, samples: int = SAMPLES, seed: int = 0
) -> SegmentationScores:
    """The scores of two closed meshes in millimetres, or of one that is missing (None).

    Distances from samples of each surface to the other are exact; the Dice is that of both on a grid of 160 voxels along the
    longest side. Raises InputError for a mesh that is not closed, or if both are missing."""
    for mesh in (predicted, truth):
        if mesh is not None and not is_closed(np.asarray(mesh.vertices), np.asarray(mesh.faces)):
            raise InputError("the mesh is not closed", "run lift3d repair on it")
    volumes = [abs(float(m.volume)) / 1000 if m is not None else 0.0 for m in (predicted, truth)]
    if predicted is None or truth is None:
        one = predicted if predicted is not None else truth
        if one is None:
            raise InputError("there is no structure to compare", "give at least one mesh")
        return _missing(float(np.linalg.norm(np.ptp(one.vertices, axis=0))), volumes[0], volumes[1])
    grid = grid_around([predicted, truth], CELLS)
    a, b = voxelize(predicted, grid), voxelize(truth, grid)
    dice = 2 * int((a & b).sum()) / max(int(a.sum()) + int(b.sum()), 1)
    even = np.full(samples, 1 / samples)
    there, back = _sampled(predicted, truth, samples, seed), _sampled(truth, predicted, samples, seed)
    areas = float(predicted.area), float(truth.area)
    scores = _distance_scores(there, even * areas[0], back, even * areas[1], tolerance)
    return SegmentationScores(dice, *scores, volumes[0], volumes[1])


def _sampled(a: Mesh, b: Mesh, samples: int, seed: int) -> F64:
    """Distances of samples of a from the surface of b."""
    points, _, _ = sample_surface(
        np.asarray(a.vertices), np.asarray(a.faces), samples, np.random.default_rng(seed)
    )
    return closest_in_tree(build_search_tree(np.asarray(b.vertices), np.asarray(b.faces)), points)[1]


def _diagonal(grid: Grid) -> float:
    """Length of the longest diagonal of a grid in millimetres."""
    corners = np.array(np.meshgrid(*[(0.0, n) for n in grid.shape], indexing="ij")).reshape(3, 8)
    place = (grid.affine[:3, :3] @ corners).T
    return float(np.linalg.norm(place[:, None] - place[None], axis=2).max())


def _missing(diagonal: float, predicted_ml: float, true_ml: float) -> SegmentationScores:
    """The worst scores."""
    return SegmentationScores(0.0, diagonal, diagonal, 0.0, predicted_ml, true_ml, True)


def _distance_scores(
    to_truth: F64, area: F64, to_predicted: F64, true_area: F64, tolerance: float
) -> tuple[float, float, float]:
    """(HD95, ASSD, NSD) of distances and the areas that they stand for."""
    total = area.sum() + true_area.sum()
    within = area[to_truth <= tolerance].sum() + true_area[to_predicted <= tolerance].sum()
    mean = ((to_truth * area).sum() + (to_predicted * true_area).sum()) / total
    hd95 = max(_percentile(to_truth, area, 0.95), _percentile(to_predicted, true_area, 0.95))
    return hd95, float(mean), float(within / total)


def _percentile(distances: F64, area: F64, fraction: float) -> float:
    """The distance below which this fraction of the area lies."""
    order = np.argsort(distances, kind="stable")
    cumulative = np.cumsum(area[order])
    at = int(np.searchsorted(cumulative, fraction * cumulative[-1]))
    return float(distances[order[min(at, len(order) - 1)]])
