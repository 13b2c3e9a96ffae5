"""Near-duplicates across sources, and related shapes that must not be divided between training and test.

Two shapes are compared as surfaces: the distance from every sample of one to the tangent plane of the nearest sample of
the other (Chen & Medioni 1992), in both directions, for four rotations about the upright axis and their reflections. The
mean and a high quantile of these distances decide whether two shapes are *the same* (one is dropped) or *related* (they
share a family). Only pairs with similar descriptors (`lift3d.corpus.descriptor`) are compared.

A family is a group stated by the source (poses of a unit, liveries of an aircraft, sizes of a part), joined with the
families of related shapes across sources.
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
"""Shapes whose descriptors are farther apart than this are not compared."""
MAX_CANDIDATES = 32
"""Maximum number of earlier shapes with which a shape is compared, those with the nearest descriptors first."""
SAME_LIMITS, RELATED_LIMITS = (0.002, 0.009), (0.007, 0.05)
"""(mean, 95 % quantile) of the distances, in longest sides, below which two shapes are the same, or related."""
PROBE_SAMPLES, FULL_SAMPLES = 192, 1024
"""Samples used to choose the rotation, and samples used to measure the distance."""
CACHED_CLOUDS = 512


@dataclass(frozen=True, eq=False)
class Cloud:
    """Surface samples of a shape: points (N, 3), unit normals (N, 3), and a tree of the points."""

    points: F64
    normals: F64
    tree: cKDTree

    @classmethod
    def from_rows(cls, rows: NDArray[np.uint8]) -> Cloud:
        """The cloud of packed samples (N, 12) uint8, see `geometry.parts.sampling`."""
        points, normals, _ = unpack_samples(rows)
        return cls(points, normals, cKDTree(points))


def quarter_rotations() -> list[tuple[F64, bool]]:
    """The (3, 3) rotations about z by multiples of 90 degrees, without and with a reflection in x, and whether they reflect."""
    out = []
    for reflected in (False, True):
        for k in range(4):
            c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[k]
            rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
            out.append((rotation @ np.diag([-1.0 if reflected else 1.0, 1, 1]), reflected))
    return out


ROTATIONS = quarter_rotations()


def surface_difference(a: Cloud, b: Cloud) -> tuple[float, float, bool]:
    """(mean, 95 % quantile) of the distances between two surfaces under the best rotation, in longest sides, and whether it
    reflects. The quantile is infinite when the mean of the probe samples already exceeds the limits."""
    probe = slice(None, None, max(len(a.points) // PROBE_SAMPLES, 1))
    costs = [float(_to_planes(a.points[probe] @ rotation.T, b).mean()) for rotation, _ in ROTATIONS]
    best = int(np.argmin(costs))
    unreflected = int(np.argmin(costs[: len(ROTATIONS) // 2]))
    if (
        costs[unreflected] < 1.2 * costs[best] + 3e-4
    ):  # a symmetric shape equals its reflection except for the samples
        best = unreflected
    rotation, reflected = ROTATIONS[best]
    if min(costs) > 2.5 * RELATED_LIMITS[0]:
        return min(costs), np.inf, reflected
    full = slice(None, None, max(len(a.points) // FULL_SAMPLES, 1))
    forward = _to_planes(a.points[full] @ rotation.T, b)
    back = _to_planes(b.points[full] @ rotation, a)
    mean = max(float(forward.mean()), float(back.mean()))
    return mean, max(float(np.quantile(d, 0.95)) for d in (forward, back)), reflected


def _to_planes(points: F64, other: Cloud) -> F64:
    """(N,) distances of points (N, 3) to the tangent planes of the nearest samples; far from all samples, to the samples."""
    distance, at = other.tree.query(points)
    plane = np.abs(((points - other.points[at]) * other.normals[at]).sum(1))
    spacing = 0.03  # about the distance between samples; nearer than this only the plane counts
    return np.where(distance < spacing, plane, np.maximum(plane, distance - spacing))


class _Clouds:
    """Clouds by index; the most recently used ones are cached."""

    def __init__(self, rows: Callable[[int], NDArray[np.uint8]]) -> None:
        self.rows = rows
        self.cache: OrderedDict[int, Cloud] = OrderedDict()

    def __call__(self, i: int) -> Cloud:
        if i not in self.cache:
            self.cache[i] = Cloud.from_rows(self.rows(i))
            while len(self.cache) > CACHED_CLOUDS:
                self.cache.popitem(last=False)
        self.cache.move_to_end(i)
        return self.cache[i]


def candidate_pairs(descriptor: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For each shape, its index and those of the earlier shapes with similar descriptors, nearest first.

    descriptor: (N, D), one row per shape.
    """
    table = descriptor.astype(np.float64)
    for first in range(0, len(table), 256):
        block = table[first : first + 256]
        distance = cdist(block, table[: first + len(block)])
        for k in range(len(block)):
            row = distance[k, : first + k]
            near = np.flatnonzero(row < MAX_DESCRIPTOR_DISTANCE)
            yield first + k, near[np.argsort(row[near], kind="stable")][:MAX_CANDIDATES]


@dataclass(frozen=True)
class Duplicates:
    """original: for each shape the index of the earlier shape that it repeats, or -1; related: pairs of one family."""

    original: list[int]
    related: list[tuple[int, int]]


def find_duplicates(
    digests: Sequence[str],
    descriptor: NDArray[np.float32],
    rows: Callable[[int], NDArray[np.uint8]],
    progress: Callable[[float], None] = lambda fraction: None,
) -> Duplicates:
    """Which shapes repeat earlier ones and which are related.

    digests: of the geometry, equal for identical shapes; descriptor: (N, D); rows(i): packed samples of shape i.
    """
    clouds = _Clouds(rows)
    same, related = [-1] * len(digests), []
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
            mean, high, reflected = surface_difference(clouds(i), clouds(j))
            if mean < SAME_LIMITS[0] and high < SAME_LIMITS[1] and not reflected:
                same[i] = j
                break
            if mean < RELATED_LIMITS[0] and high < RELATED_LIMITS[1]:
                related.append((j, i))
    return Duplicates(same, related)
