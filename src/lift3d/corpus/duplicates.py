"""Near-duplicates across sources, and families that must not be parted between training and test.

Two shapes are compared as surfaces: every sample of one is taken to the tangent plane of the nearest sample of the other
(Chen & Medioni 1992), in both directions, for four turns about the upright axis and their mirror images. A median and a
high quantile of these distances say whether they are *the same* (one is dropped) or *kin* (they share a family). Only pairs whose
descriptors are near (`lift3d.corpus.descriptor`) are compared.

A family is what its source calls one (poses of a unit, liveries of an aircraft, sizes of a part), joined across sources
through kin.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from lift3d.geometry.parts.sampling import unpack_samples
from lift3d.types import F64

MAX_DESCRIPTOR_DISTANCE = 0.5
"""Descriptors farther apart than this are of different shapes."""
MAX_CANDIDATES = 32
"""A shape is compared with at most so many of those before it, the nearest first."""
SAME_LIMITS, RELATED_LIMITS = (0.002, 0.009), (0.007, 0.05)
"""(mean, 95 % quantile) of the distances, in longest sides, below which two shapes are the same, or kin."""
PROBE_SAMPLES, FULL_SAMPLES = 192, 1024
"""Samples that choose the turn, and samples that measure."""
CACHED_CLOUDS = 512


@dataclass(frozen=True, eq=False)
class Cloud:
    """Samples of a shape with the tree to search them."""

    points: F64
    normals: F64
    tree: cKDTree

    @classmethod
    def from_rows(cls, rows: NDArray[np.uint8]) -> Cloud:
        """From packed samples (N, 12)."""
        points, normals, _ = unpack_samples(rows)
        return cls(points, normals, cKDTree(points))


def quarter_rotations() -> list[tuple[F64, bool]]:
    """(3, 3) quarter turns about z, as they are and mirrored, and whether they mirror."""
    out = []
    for mirrored in (False, True):
        for k in range(4):
            c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[k]
            turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
            out.append((turn @ np.diag([-1.0 if mirrored else 1.0, 1, 1]), mirrored))
    return out


ROTATIONS = quarter_rotations()


def surface_difference(a: Cloud, b: Cloud) -> tuple[float, float, bool]:
    """(mean, 95 % quantile) of the distances of the two surfaces under the best turn, and whether it mirrors."""
    probe = slice(None, None, max(len(a.points) // PROBE_SAMPLES, 1))
    costs = [float(_to_planes(a.points[probe] @ turn.T, b).mean()) for turn, _ in ROTATIONS]
    best = int(np.argmin(costs))
    plain = int(np.argmin(costs[: len(ROTATIONS) // 2]))
    if (
        costs[plain] < 1.2 * costs[best] + 3e-4
    ):  # a symmetric thing is its own mirror image but for its samples
        best = plain
    turn, mirrored = ROTATIONS[best]
    if min(costs) > 2.5 * RELATED_LIMITS[0]:
        return min(costs), np.inf, mirrored
    full = slice(None, None, max(len(a.points) // FULL_SAMPLES, 1))
    there = _to_planes(a.points[full] @ turn.T, b)
    back = _to_planes(b.points[full] @ turn, a)
    mean = max(float(there.mean()), float(back.mean()))
    return mean, max(float(np.quantile(d, 0.95)) for d in (there, back)), mirrored


def _to_planes(points: F64, other: Cloud) -> F64:
    """(N,) distance of points to the tangent planes of the nearest samples, at least a tenth of that to the samples."""
    far, at = other.tree.query(points)
    plane = np.abs(((points - other.points[at]) * other.normals[at]).sum(1))
    spacing = 0.03  # of samples: nearer than this the plane alone counts
    return np.where(far < spacing, plane, np.maximum(plane, far - spacing))


class _Clouds:
    """Clouds by number, the last ones kept."""

    def __init__(self, rows: Callable[[int], NDArray[np.uint8]]) -> None:
        self.rows = rows
        self.held: OrderedDict[int, Cloud] = OrderedDict()

    def __call__(self, i: int) -> Cloud:
        if i not in self.held:
            self.held[i] = Cloud.from_rows(self.rows(i))
            while len(self.held) > CACHED_CLOUDS:
                self.held.popitem(last=False)
        self.held.move_to_end(i)
        return self.held[i]


def candidate_pairs(descriptor: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For each shape, the earlier ones that may be like it, nearest first."""
    table = descriptor.astype(np.float64)
    for first in range(0, len(table), 256):
        block = table[first : first + 256]
        far = cdist(block, table[: first + len(block)])
        for k in range(len(block)):
            row = far[k, : first + k]
            near = np.flatnonzero(row < MAX_DESCRIPTOR_DISTANCE)
            yield first + k, near[np.argsort(row[near], kind="stable")][:MAX_CANDIDATES]


@dataclass(frozen=True)
class Duplicates:
    """same: for each shape the earlier one that it repeats, or -1; kin: pairs of one family."""

    original: list[int]
    related: list[tuple[int, int]]


def find_duplicates(
    digests: Sequence[str],
    descriptor: NDArray[np.float32],
    rows: Callable[[int], NDArray[np.uint8]],
    progress: Callable[[float], None] = lambda fraction: None,
) -> Duplicates:
    """Which shapes repeat earlier ones and which are kin; rows(i): packed samples of shape i."""
    clouds = _Clouds(rows)
    same, kin = [-1] * len(digests), []
    first: dict[str, int] = {}
    for i, near in candidate_pairs(descriptor):
        progress(i / max(len(digests), 1))
        if digests[i] in first:
            same[i] = first[digests[i]]
            continue
        first[digests[i]] = i
        for j in near.tolist():
            if same[j] >= 0:
                continue
            mean, high, mirrored = surface_difference(clouds(i), clouds(j))
            if mean < SAME_LIMITS[0] and high < SAME_LIMITS[1] and not mirrored:
                same[i] = j
                break
            if mean < RELATED_LIMITS[0] and high < RELATED_LIMITS[1]:
                kin.append((j, i))
    return Duplicates(same, kin)
