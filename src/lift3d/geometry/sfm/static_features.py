"""Features that stay where they are in the picture while others move: the surroundings of a turntable, or an overlay.

Photos of an object on a turntable show two rigid motions: the object's, and none. Where the room has more texture than the
object, the matches of the room win, and all cameras end up in one place. A feature that was matched at the same pixel in many
photos, and hardly anywhere else, belongs to what stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.features import Pair, SfmOptions, Workspace, read_raw_matches
from lift3d.types import F64, Image

STILL = 0.0015
"""Displacement below which a match has not moved, as a fraction of the picture's longer side (at least one pixel)."""
NEAR = 0.25
"""Displacement below which a match may belong to the object that turns, as a fraction of the longer side."""
STILL_MATCHES, STILL_SHARE = 20, 0.15
"""Two photos have the same surroundings if that many of their matches, and that fraction, have not moved."""
MIN_GROUP, MIN_COVER = 4, 0.6
"""Photos with the same surroundings, at least, and the fraction of all photos that such groups make up on a turntable."""
MOVING_MATCHES, MOVING_SHARE = 15, 0.02
"""Matches that move, and their fraction, in the best pair of each photo of a group: otherwise it is a burst of the same view."""
MIN_PHOTOS, MIN_SHARE = 3, 0.2
"""Photos of its group in which a static feature is found at its place, at least, and as a fraction of the group."""


@dataclass(frozen=True, eq=False)
class StaticFeatures:
    """static[k]: (n_k,) bool, the features of photo k that stand still. photos: number of photos with such surroundings; moving:
    number of matches that moved in the best pair of a photo, on average, without mismatches; turntable: whether the set is one.
    """

    static: tuple[NDArray[np.bool_], ...]
    photos: int
    moving: float
    turntable: bool

    @property
    def count(self) -> int:
        """Number of static features in all photos."""
        return int(sum(s.sum() for s in self.static))


def has_not_moved(pair: Pair, keypoints: Sequence[F64], photos: Sequence[Image]) -> NDArray[np.bool_]:
    """(M,) bool: matches of the pair with the same position in both photos. False for photos of different sizes."""
    a, b = photos[pair.i], photos[pair.j]
    if (a.width, a.height) != (b.width, b.height):
        return np.zeros(len(pair.matches), bool)
    shift = keypoints[pair.i][pair.matches[:, 0]] - keypoints[pair.j][pair.matches[:, 1]]
    return np.asarray(np.linalg.norm(shift, axis=1) < max(1.0, STILL * max(a.width, a.height)))


def find_static_features(
    raw: Sequence[Pair], keypoints: Sequence[F64], photos: Sequence[Image], forced: bool = False
) -> StaticFeatures:
    """The features that stand still. raw: matches before verification; forced: the set is known to be a turntable, so that two
    photos suffice for a feature.

    Photos with the same surroundings form groups: all photos of a turntable, or one group for each height of the camera.
    """
    n = len(photos)
    still = [has_not_moved(pair, keypoints, photos) for pair in raw]
    moving = [_moving_matches(pair, keypoints, photos) for pair in raw]
    groups = [list(range(n))] if forced else _groups(raw, still, moving, n)
    group = np.full(n, -1)
    for number, members in enumerate(groups):
        group[members] = number
    stayed = [np.zeros(len(k), np.int64) for k in keypoints]
    moved = [np.zeros(len(k), np.int64) for k in keypoints]
    best = np.zeros(n)
    for pair, here, count in zip(raw, still, moving):
        best[[pair.i, pair.j]] = np.maximum(best[[pair.i, pair.j]], count)
        if group[pair.i] == group[pair.j] >= 0:
            for k, column in ((pair.i, 0), (pair.j, 1)):
                np.add.at(stayed[k], pair.matches[here, column], 1)
                np.add.at(moved[k], pair.matches[~here, column], 1)
    static = []
    for k in range(n):
        size = len(groups[group[k]]) if group[k] >= 0 else n
        least = 2 if forced else max(MIN_PHOTOS, int(np.ceil(MIN_SHARE * (size - 1))))
        static.append((stayed[k] >= least) & (stayed[k] >= 2 * moved[k]))
    covered = int((group >= 0).sum())
    return StaticFeatures(
        tuple(static), covered, float(best.mean()) if n else 0.0, forced or covered >= MIN_COVER * max(n, 1)
    )


def _moving_matches(pair: Pair, keypoints: Sequence[F64], photos: Sequence[Image]) -> float:
    """Number of matches that moved a little, less those that are mismatches: mismatches move anywhere in the picture, and about
    half as many of them a little as far."""
    size = max(photos[pair.i].width, photos[pair.i].height)
    shift = np.linalg.norm(
        keypoints[pair.i][pair.matches[:, 0]] - keypoints[pair.j][pair.matches[:, 1]], axis=1
    )
    near = (shift > 3 * max(1.0, STILL * size)) & (shift < NEAR * size)
    return max(0.0, float(near.sum() - 0.5 * (shift >= NEAR * size).sum()))


def _groups(
    raw: Sequence[Pair], still: Sequence[NDArray[np.bool_]], moving: Sequence[float], count: int
) -> list[list[int]]:
    """Groups of at least `MIN_GROUP` photos with the same surroundings, before which something moves."""
    label = np.arange(count)
    for pair, here in zip(raw, still):
        if here.sum() >= max(STILL_MATCHES, STILL_SHARE * len(here)):
            label[label == label[pair.j]] = label[pair.i]
    best = np.zeros(count)
    for pair, here, moved in zip(raw, still, moving):
        if label[pair.i] == label[pair.j] and moved >= max(MOVING_MATCHES, MOVING_SHARE * len(here)):
            best[[pair.i, pair.j]] = 1
    groups = [np.nonzero(label == value)[0] for value in np.unique(label)]
    return [g.tolist() for g in groups if len(g) >= MIN_GROUP and best[g].mean() >= 0.5]


def remove_features(workspace: Workspace, remove: Sequence[NDArray[np.bool_]]) -> None:
    """Delete features from the database, and with them all matches. remove[k]: (n_k,) bool."""
    database = pycolmap.Database.open(workspace.database)
    database.clear_two_view_geometries()
    database.clear_matches()
    kept = []
    for image_id, gone in zip(workspace.ids, remove):
        descriptors = database.read_descriptors(image_id)
        keypoints = np.asarray(database.read_keypoints(image_id))[~gone]
        descriptors.data = np.ascontiguousarray(np.asarray(descriptors.data)[~gone])
        kept.append((image_id, np.ascontiguousarray(keypoints), descriptors))
    database.clear_descriptors()
    database.clear_keypoints()
    for image_id, keypoints, descriptors in kept:
        database.write_keypoints(image_id, keypoints)
        database.write_descriptors(image_id, descriptors)
    database.close()


def drop_still_matches(
    workspace: Workspace, keypoints: Sequence[F64], settings: SfmOptions, seed: int
) -> int:
    """Delete the matches that have not moved, verify the others again; returns the number of matches deleted."""
    dropped, lines = 0, []
    raw = read_raw_matches(workspace)
    database = pycolmap.Database.open(workspace.database)
    for pair in raw:
        here = has_not_moved(pair, keypoints, workspace.photos)
        if not here.any():
            continue
        a, b = workspace.ids[pair.i], workspace.ids[pair.j]
        dropped += int(here.sum())
        database.delete_matches(a, b)
        if database.exists_two_view_geometry(a, b):
            database.delete_two_view_geometry(a, b)
        if not here.all():
            database.write_matches(a, b, np.ascontiguousarray(pair.matches[~here]))
            lines.append(f"{workspace.names[pair.i]} {workspace.names[pair.j]}")
    database.close()
    if lines:
        listing = workspace.folder / "verify.txt"
        listing.write_text("\n".join(lines) + "\n", encoding="utf-8")
        options = pycolmap.TwoViewGeometryOptions()
        options.min_num_inliers = settings.min_inliers
        options.ransac.random_seed = seed + 1
        options.ransac.max_num_trials = 1000
        pycolmap.verify_matches(workspace.database, listing, options)
    return dropped
