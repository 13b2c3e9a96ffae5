"""The search for cameras: several sets of features, and for each of them several ways to map, until enough photos are placed.

A search extracts features, matches pairs, removes what stands still while the rest moves, chooses a lens, and maps. Where photos
are left out, the same matches are mapped again from other lenses, focal lengths and initial pairs, which costs little; then pairs
are matched exhaustively; then more features are taken. The model with most photos, then most points, is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from lift3d.context import Progress
from lift3d.geometry.sfm import diagnosis, features, static_features
from lift3d.geometry.sfm.lens import feature_radius, first_lens, set_lens
from lift3d.geometry.sfm.mapper import Reconstruction, is_collapsed, map_incrementally
from lift3d.geometry.sfm.pair_selection import select_pairs
from lift3d.types import F32

ENOUGH = 0.9
"""Fraction of the photos with features that ends the search."""
RESCUE = 0.75
"""Fraction of placed photos from which the others are matched with the model's photos again, and with which the second search
ends."""
LARGEST_EXHAUSTIVE = 200
"""Photos up to which all pairs are matched when selected pairs did not suffice."""
OTHER_FOCALS = (2.4, 0.8)
"""Focal lengths to try where none is known, in multiples of the longer side; the first trial takes 1.2."""


@dataclass(frozen=True)
class SearchOptions:
    """lens: COLMAP model, or None to choose. exhaustive: photos up to which all pairs are matched at once; neighbours: pairs per
    photo above that. retries: searches with more features. turntable: what stands still is ignored (True), never (False), or
    where it is found (None)."""

    lens: str | None = None
    exhaustive: int = 60
    neighbours: int = 14
    retries: int = 2
    ordered: bool = False
    turntable: bool | None = None
    seed: int = 0


@dataclass
class SearchResult:
    """model: the best model, or None. attempts: a record of each trial for the report. still: what stood still, if it was
    looked for. collapsed: whether a model had all cameras in one place. rotation: whether most pairs are pure
    rotations. complete: whether the model has nearly all photos that matches connect with it."""

    model: Reconstruction | None = None
    attempts: list[dict[str, object]] = field(default_factory=list)
    still: static_features.StaticFeatures | None = None
    collapsed: bool = False
    rotation: bool = False
    complete: bool = False

    def offer(self, model: Reconstruction | None, step: str, **more: object) -> None:
        """Record a trial, and keep its model if it is the best."""
        count = 0 if model is None else model.num_reg_images()
        self.attempts.append({"step": step, **more, "registered": count})
        if model is not None and is_collapsed(model):
            self.attempts[-1]["dropped"] = "all cameras in one place"
            self.collapsed = True
        elif model is not None and (self.model is None or _rank(model) > _rank(self.model)):
            self.model = model

    @property
    def registered(self) -> int:
        """Number of photos in the best model."""
        return 0 if self.model is None else int(self.model.num_reg_images())


def find_cameras(space: features.Workspace, options: SearchOptions, progress: Progress) -> SearchResult:
    """The model with the most photos, over searches of increasing effort."""
    count = len(space.photos)
    efforts = [
        features.effort_for(count),
        features.SfmOptions(8000, 0.0015, True, 0.82, 12, 30, 8.0),
        features.SfmOptions(8000, 0.001, True, 0.88, 10, 25, 5.0),
    ][: 1 + options.retries]
    out = SearchResult()
    for k, effort in enumerate(efforts):
        begin, before = 0.8 * k / len(efforts), out.registered
        progress("cameras: finding features", begin + 0.02)
        features.extract_features(space, effort)
        progress("cameras: matching", begin + 0.1)
        pairs = _pairs(space, options)
        _match(space, pairs, effort, options, out)
        progress("cameras: mapping", begin + 0.2)
        _map(space, effort, options, out, f"search {k + 1}")
        if (out.collapsed or out.rotation) and options.turntable is None and _stands_still(space):
            options = replace(options, turntable=True)
            out.model, out.collapsed, out.rotation = None, False, False
            _match(space, pairs, effort, options, out)
            _map(space, effort, options, out, f"search {k + 1}, without what stands still")
        if _is_done(space, out) or out.rotation or not options.retries:
            break
        every = _all_pairs(count)
        if len(pairs) < len(every) and count <= LARGEST_EXHAUSTIVE:
            _match(space, every, effort, options, out)
            _map(space, effort, options, out, f"search {k + 1}, all pairs")
            if _is_done(space, out):
                break
        if k and (out.registered >= RESCUE * _usable(space) or (out.complete and out.registered <= before)):
            break
    return out


def _map(
    space: features.Workspace,
    effort: features.SfmOptions,
    options: SearchOptions,
    out: SearchResult,
    step: str,
) -> None:
    """Map the matches in the database in one way after the other, until enough photos are placed."""
    points = features.read_keypoints(space)
    pairs = features.read_pairs(space)
    first = options.lens or first_lens(feature_radius(space, pairs, points))
    connected = largest_component(pairs, len(space.photos), effort.min_inliers)
    out.complete = False
    for number, (lens, focal, settings) in enumerate(_ways(space, first, effort, options)):
        set_lens(space, lens, focal)
        model = map_incrementally(space, settings, options.seed)
        more: dict[str, object] = {"features": effort.max_features, "lens": lens}
        if number:
            more["focal"] = focal
        out.offer(model, step if not number else f"{step}, other settings", **more)
        found = 0 if model is None else model.num_reg_images()
        if model is not None and RESCUE * len(space.photos) <= found < len(space.photos) and options.retries:
            still = out.still is not None and out.still.turntable
            out.offer(
                _rescued(space, model, effort, options, still), "looser matching of the photos left out"
            )
        if number == 0 and diagnosis.is_mostly_rotation(
            diagnosis.pure_rotations(pairs, space.photos, points)
        ):
            out.rotation = True
            return
        if _is_done(space, out) or (number == 1 and out.registered >= RESCUE * _usable(space)):
            return
        if out.registered >= max(3.0, ENOUGH * connected):
            # the others share no points with these photos: other settings cannot change that
            out.complete = True
            return


def _ways(
    space: features.Workspace, first: str, effort: features.SfmOptions, options: SearchOptions
) -> Iterator[tuple[str, float | None, features.SfmOptions]]:
    """(lens, focal length, settings) of each trial with the same matches; other focal lengths in the first search only."""
    focal = 1.2
    yield first, focal, effort
    if not options.retries:
        return
    loose = replace(effort, init_min_inliers=min(25, effort.init_min_inliers), init_min_angle=5.0)
    if options.lens is None:
        yield "SIMPLE_RADIAL" if first == "SIMPLE_PINHOLE" else "SIMPLE_PINHOLE", focal, loose
    else:
        yield first, focal, loose
    if effort == features.effort_for(len(space.photos)) and any(p.focal is None for p in space.photos):
        for other in OTHER_FOCALS:
            yield options.lens or "SIMPLE_PINHOLE", other, loose


def _match(
    space: features.Workspace,
    pairs: NDArray[np.int32],
    effort: features.SfmOptions,
    options: SearchOptions,
    out: SearchResult,
) -> None:
    """Match the pairs; if the surroundings stand still, remove their features and match the others again."""
    features.match_pairs(space, pairs, effort, options.seed)
    if options.turntable is False:
        return
    points = features.read_keypoints(space)
    still = static_features.find_static_features(
        features.read_raw_matches(space), points, space.photos, options.turntable is True
    )
    if out.still is None or still.turntable:
        out.still = still
    if not still.turntable:
        return
    static_features.remove_features(space, still.static)
    features.match_pairs(space, pairs, effort, options.seed)
    static_features.drop_still_matches(space, features.read_keypoints(space), effort, options.seed)


def _rescued(
    space: features.Workspace,
    model: Reconstruction,
    effort: features.SfmOptions,
    options: SearchOptions,
    turntable: bool,
) -> Reconstruction | None:
    """Match the photos left out again with looser thresholds, and continue mapping from the model."""
    inside = set(model.reg_image_ids())
    left_out = [n for n, i in enumerate(space.ids) if i not in inside]
    pairs = {(min(n, m), max(n, m)) for n in left_out for m in range(len(space.ids)) if m != n}
    loose = replace(effort, max_ratio=0.88, min_inliers=10)
    features.match_pairs(space, np.array(sorted(pairs), np.int32), loose, options.seed)
    if turntable:
        static_features.drop_still_matches(space, features.read_keypoints(space), loose, options.seed)
    start = space.folder / "start"
    start.mkdir(exist_ok=True)
    model.write(start)
    return map_incrementally(space, loose, options.seed, start)


def largest_component(pairs: Sequence[features.Pair], photos: int, least: int) -> int:
    """Number of photos in the largest group that verified pairs of at least `least` matches connect."""
    strong = [(pair.i, pair.j) for pair in pairs if len(pair.matches) >= least]
    i, j = np.array(strong, np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(i)), (i, j)), (photos, photos))
    return int(np.bincount(connected_components(graph, directed=False)[1]).max(initial=0))


def _stands_still(space: features.Workspace) -> bool:
    """Whether many of the matched features stay at one place, after a search that ended in one camera position."""
    points = features.read_keypoints(space)
    raw = features.read_raw_matches(space)
    found = static_features.find_static_features(raw, points, space.photos, forced=True)
    return found.count > max(20.0, 0.5 * found.moving) * len(space.photos)


def _is_done(space: features.Workspace, out: SearchResult) -> bool:
    """Whether enough of the photos that have features are placed."""
    return out.registered >= max(3.0, ENOUGH * _usable(space))


def _usable(space: features.Workspace) -> int:
    """Number of photos with enough features."""
    return sum(len(p) >= diagnosis.FEW_FEATURES for p in features.read_keypoints(space))


def _pairs(space: features.Workspace, options: SearchOptions) -> NDArray[np.int32]:
    count = len(space.photos)
    descriptors: list[F32] = [np.zeros((0, 128), np.float32)] * count
    if count > options.exhaustive:
        descriptors = features.read_descriptors(space)
    return select_pairs(
        descriptors, options.ordered, options.exhaustive, options.neighbours, seed=options.seed
    )


def _all_pairs(count: int) -> NDArray[np.int32]:
    return np.stack(np.triu_indices(count, 1), 1).astype(np.int32)


def _rank(model: Reconstruction) -> tuple[int, int]:
    return int(model.num_reg_images()), int(model.num_points3D())
