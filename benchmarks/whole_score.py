"""Scores of everything that the user gets: the whole output surface and the interior, against the true solid.

The F-score of `scoring.surface_score` judges the surface that the photos saw. Here precision counts all of the output's surface,
with its base, its undersides and the walls of its caves; recall is still over the seen surface. IoU is that of the interiors on a
grid with NODES nodes along the longest side of the truth: a node is inside where the generalised winding number (Jacobson et al.
2013) exceeds 1/2, so that overlapping shells and cracks of a truth do no harm. A truth whose winding numbers are not whole away
from its surface is no solid, and has no IoU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree, sample_surface
from lift3d.geometry.mesh.winding_number import build_winding_tree, winding_in_tree, winding_number
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.types import Camera

NODES = 160
BLOCK = 4
MIN_VIEWS = 2
"""Space that is visible in fewer views is unknown."""


@dataclass(frozen=True)
class FScores:
    """F-score, precision and recall at 1 % and 0.5 % of the diagonal."""

    f_1: float
    precision_1: float
    recall_1: float
    f_05: float
    precision_05: float
    recall_05: float


@dataclass(frozen=True)
class WholeScore(FScores):
    """f, precision (of all of the output's surface) and recall (of the seen true surface) at 1 % and 0.5 % of the diagonal; iou:
    of the interiors, None if the truth is no solid; inside, outside: fractions of the output's surface more than 1 % inside the
    truth (caves) and outside it (lumps, floaters, remains of the table); max_inside, max_outside: the largest such distances, %
    of the diagonal; volume: of the output over that of the truth, None if the truth is no solid; f_known, iou_known: F at 1 % and
    IoU without the space that too few cameras see, None without cameras."""

    iou: float | None
    inside: float
    outside: float
    max_inside: float
    max_outside: float
    volume: float | None
    f_known: float | None
    iou_known: float | None

    def to_json(self) -> dict[str, float | None]:
        """The scores by name, rounded to four digits."""
        return {k: None if v is None else round(v, 4) for k, v in asdict(self).items()}


def whole_score(
    v: np.ndarray, f: np.ndarray, true_v: np.ndarray, true_f: np.ndarray, seen: np.ndarray,
    samples: int = 150_000, nodes: int = NODES, scene: bool = False, cameras: Sequence[Camera] = (),
) -> WholeScore:  # fmt: skip
    """The scores of an output v (V, 3), f (F, 3), already in the frame of the truth; seen (N, 3): points of the true surface that
    the photos show. Thresholds are relative to the diagonal of the truth's box. scene: the output is an open surface that goes on
    around the truth: only what lies in the truth's box and above its lowest 1 % counts, and there is no IoU. cameras: in the
    frame of the truth, for `f_known` and `iou_known`."""
    v, true_v = np.asarray(v, np.float64), np.asarray(true_v, np.float64)
    f, true_f = np.asarray(f, np.int32), np.asarray(true_f, np.int32)
    diagonal = float(np.linalg.norm(true_v.max(0) - true_v.min(0)))
    points, normals, _ = sample_surface(v, f, samples, np.random.default_rng(0))
    if scene:
        low, high = true_v.min(0) + [0, 0, 0.01 * diagonal], true_v.max(0)
        within_box = ((points >= low) & (points <= high)).all(1)
        points, normals = points[within_box], normals[within_box]
    there = closest_in_tree(build_search_tree(true_v, true_f), points)[1] / diagonal
    back = closest_in_tree(build_search_tree(v, f), np.asarray(seen, np.float64))[1] / diagonal
    within = np.zeros(len(points), bool)
    far = there > 0.01
    within[far] = winding_number(true_v, true_f, points[far]) > 0.5 if far.any() else False
    inside, outside = far & within, far & ~within
    views = [(camera, depth_map(camera, true_v, true_f)) for camera in cameras]
    iou = volume = iou_known = f_known = None
    if not scene and is_solid(true_v, true_f):
        iou, volume, iou_known = interiors(v, f, true_v, true_f, nodes, views)
    if views:
        known = ~outside
        known[outside] = visible_views((points - 0.01 * diagonal * normals)[outside], views) >= MIN_VIEWS
        f_known = f_score(there[known], back, 0.01)[0]
    values = [x for limit in (0.01, 0.005) for x in f_score(there, back, limit)]
    return WholeScore(
        *values, iou, float(inside.mean()), float(outside.mean()),
        float(100 * there[inside].max(initial=0)), float(100 * there[outside].max(initial=0)), volume,
        f_known, iou_known,
    )  # fmt: skip


def f_score(there: np.ndarray, back: np.ndarray, limit: float) -> tuple[float, float, float]:
    """(F, precision, recall) of distances from the output to the truth and back."""
    p = float((there <= limit).mean()) if len(there) else 0.0
    r = float((back <= limit).mean()) if len(back) else 0.0
    return (2 * p * r / (p + r) if p + r > 0 else 0.0), p, r


def is_solid(v: np.ndarray, f: np.ndarray, nodes: int = 40, tolerance: float = 0.005) -> bool:
    """Whether winding numbers on a grid, two steps and more away from the surface, are whole: all but a fraction `tolerance`, by
    more than 0.1. True for closed meshes that point outward, overlapping parts, and cracks far narrower than a step."""
    low, high = v.min(0), v.max(0)
    step = float((high - low).max()) / nodes
    grid = grid_points(low, step, tuple(np.ceil((high - low) / step).astype(int) + 1))
    away = closest_in_tree(build_search_tree(v, f), grid, 2 * step)[1] >= 2 * step
    if not away.any():
        return True
    w = winding_number(v, f, grid[away])
    return bool((np.abs(w - np.rint(w)) > 0.1).mean() <= tolerance and w.max(initial=0) > 0.5)


def interiors(
    v: np.ndarray, f: np.ndarray, true_v: np.ndarray, true_f: np.ndarray, nodes: int = NODES,
    views: Sequence[tuple[Camera, np.ndarray]] = (),
) -> tuple[float, float, float | None]:  # fmt: skip
    """(IoU, volume of the first over volume of the second, IoU without the nodes outside the second that are visible in fewer
    than MIN_VIEWS views) of the interiors of two meshes in one frame; views: cameras with the depth maps of the second."""
    low = np.minimum(v.min(0), true_v.min(0))
    high = np.maximum(v.max(0), true_v.max(0))
    # A floater far away must not coarsen the grid: the step depends on the truth alone, the box has at most three times its size.
    size, middle = true_v.max(0) - true_v.min(0), (true_v.max(0) + true_v.min(0)) / 2
    step = float(size.max()) / nodes
    low, high = np.maximum(low, middle - 1.5 * size.max()), np.minimum(high, middle + 1.5 * size.max())
    shape = tuple(np.ceil((high - low) / step).astype(int) + 1)
    a, b = inside_grid(v, f, low, step, shape), inside_grid(true_v, true_f, low, step, shape)
    both, either = int((a & b).sum()), int((a | b).sum())
    known = None
    if views:
        extra = np.asarray(low) + step * np.argwhere(a & ~b)
        known = both / max(either - int((visible_views(extra, views) < MIN_VIEWS).sum()), 1)
    return both / max(either, 1), float(a.sum() / max(b.sum(), 1)), known


def visible_views(points: np.ndarray, views: Sequence[tuple[Camera, np.ndarray]]) -> np.ndarray:
    """(N,) in how many views each point (N, 3) is visible: inside the image, and not behind the depth map (0: empty)."""
    count = np.zeros(len(points), np.int64)
    for camera, depth in views:
        x = points @ camera.R.T + camera.t
        ahead = x[:, 2] > 1e-9
        z = np.where(ahead, x[:, 2], 1.0)
        u = np.floor(camera.fx * x[:, 0] / z + camera.cx).astype(np.int64)
        t = np.floor(camera.fy * x[:, 1] / z + camera.cy).astype(np.int64)
        within = ahead & (u >= 0) & (t >= 0) & (u < camera.width) & (t < camera.height)
        d = depth[t[within], u[within]]
        count[within] += (d == 0) | (x[within, 2] < d)
    return count


def inside_grid(
    v: np.ndarray, f: np.ndarray, low: np.ndarray, step: float, shape: tuple[int, ...]
) -> np.ndarray:
    """(X, Y, Z) bool: whether node low + step * (i, j, k) lies inside the mesh. A block of BLOCK^3 nodes farther from the surface
    than its half diagonal takes the value at its centre; the other nodes are tested one by one."""
    blocks = tuple(-(-n // BLOCK) for n in shape)
    half = 0.5 * (BLOCK - 1) * step
    centres = grid_points(np.asarray(low) + half, BLOCK * step, blocks)
    tree = build_winding_tree(v, f)
    reach = np.sqrt(3) * half
    near = closest_in_tree(build_search_tree(v, f), centres, 1.01 * reach)[1] <= 1.001 * reach
    value = np.zeros(len(centres), bool)
    value[~near] = winding_in_tree(tree, centres[~near]) > 0.5
    offsets = grid_points(np.full(3, -half), step, (BLOCK,) * 3)
    nodes = np.repeat(value[:, None], BLOCK**3, 1)
    queries = (centres[near][:, None] + offsets).reshape(-1, 3)
    nodes[near] = (winding_in_tree(tree, queries) > 0.5).reshape(-1, BLOCK**3)
    cube = nodes.reshape(*blocks, BLOCK, BLOCK, BLOCK).transpose(0, 3, 1, 4, 2, 5)
    cube = cube.reshape([n * BLOCK for n in blocks])
    return cube[: shape[0], : shape[1], : shape[2]]


def grid_points(low: np.ndarray, step: float, shape: tuple[int, ...]) -> np.ndarray:
    """(N, 3) nodes of a grid in index order."""
    axes = [np.arange(n) for n in shape]
    return low + step * np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
