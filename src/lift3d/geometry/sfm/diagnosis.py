"""Why a photo, or a whole set, has no cameras: evidence, reason and advice.

Blur is judged by `lift3d.geometry.sfm.sharpness`. A pair is a pure rotation if its homography is K R K^-1 for some focal length:
it holds no depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from lift3d.errors import CaptureError
from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.features import Pair
from lift3d.geometry.sfm.sharpness import BLURRED, DOUBTFUL, NO_EDGES
from lift3d.types import F32, F64, Image

FEW_FEATURES = 150
FEW_MATCHES = 40
"""Below these a photo has too few features, or too few matches with any other photo."""

ADVICE = {
    "blur": "take it again with a steady hand or more light",
    "few features": "show more of the textured surroundings, or lay printed paper around the object",
    "no overlap": "add photos between this one and its neighbours: about 15 degrees apart",
    "pure rotation": "move the camera sideways between photos; rotating on the spot gives no depth",
    "duplicate": "nothing: the other photo is used in its place",
    "no stable pose": "add photos close to this viewpoint",
    "another group": "it matches others that were left out and none of the rest: if they show another object, leave them out, "
    "else add photos between the two groups",
}
MIN_GROUP = 3
"""Number of photos left out from which they count as another group."""

DARK = 60.0
"""Level, of 255, of the bright parts of photos that are too dark."""


@dataclass(frozen=True)
class MatchEvidence:
    """Evidence about the photos: sharpness and number of features per photo, the verified pairs, the earlier photo that each
    duplicate repeats, and for each pair whether it is a pure rotation. moving: where the surroundings stand still in the
    picture, the number of features per photo that were matched and moved; else None.
    """

    sharpness: list[float]
    features: list[int]
    pairs: list[Pair]
    duplicate_of: dict[int, int]
    rotation: list[bool]
    moving: float | None = None


def thumbnail(image: Image, size: int = 64) -> F32:
    """(size, size) float32 grey thumbnail in [0, 255], box-filtered."""
    small = Pillow.fromarray(image.pixels).convert("L").resize((size, size), Pillow.Resampling.BOX)
    return np.asarray(small, np.float32)


def find_duplicates(photos: Sequence[Image], tolerance: float = 1.0) -> dict[int, int]:
    """Duplicate photo -> the earlier photo that it repeats.

    Photos of one size are duplicates if their thumbnails differ by at most `tolerance` grey levels on average, or a quarter of
    the standard deviation of a thumbnail if that is less (photos of fog differ little, and are not the same), and nowhere by
    12 or more.
    """
    duplicate_of: dict[int, int] = {}
    unique: list[int] = []
    thumbnails = [thumbnail(photo) for photo in photos]
    for k, photo in enumerate(photos):
        for earlier in unique:
            same_size = (photos[earlier].width, photos[earlier].height) == (photo.width, photo.height)
            difference = np.abs(thumbnails[k] - thumbnails[earlier])
            most = min(tolerance, 0.25 * float(thumbnails[earlier].std()))
            if same_size and difference.mean() <= most and difference.max() < 12:
                duplicate_of[k] = earlier
                break
        else:
            unique.append(k)
    return duplicate_of


def is_rotation(homography: F64 | None, a: Image, b: Image, tolerance: float = 0.02) -> bool:
    """True if K_b^-1 H K_a is a rotation for some common focal length between 0.5 and 4 photo sizes; False without H."""
    if homography is None:
        return False
    focal = np.geomspace(0.5, 4.0, 200) * max(a.width, a.height)
    k_a, k_b = (np.zeros((len(focal), 3, 3)) for _ in range(2))
    k_a[:, 0, 0] = k_a[:, 1, 1] = focal
    k_a[:, :2, 2], k_a[:, 2, 2] = (a.width / 2, a.height / 2), 1.0
    k_b[:, 0, 0] = k_b[:, 1, 1] = 1 / focal  # the inverse
    k_b[:, :2, 2], k_b[:, 2, 2] = np.array([-b.width / 2, -b.height / 2]) / focal[:, None], 1.0
    m = k_b @ homography @ k_a
    determinant = np.linalg.det(m)
    sound = np.abs(determinant) > 1e-12
    m = m[sound] / np.cbrt(determinant[sound])[:, None, None]
    best = np.abs(m @ m.transpose(0, 2, 1) - np.eye(3)).max((1, 2)).min(initial=np.inf)
    return bool(best < tolerance)


def pure_rotations(pairs: Sequence[Pair], photos: Sequence[Image], keypoints: Sequence[F64]) -> list[bool]:
    """For each pair, whether one homography explains its matches and is a rotation of the camera about its centre."""
    out = []
    for p in pairs:
        x = keypoints[p.i][p.matches[:, 0]]
        y = keypoints[p.j][p.matches[:, 1]]
        matrix, inliers = estimate_homography(x, y)
        out.append(inliers > 0.85 and is_rotation(matrix, photos[p.i], photos[p.j]))
    return out


def estimate_homography(x: F64, y: F64, tolerance: float = 2.5) -> tuple[F64 | None, float]:
    """H (3, 3) with y ~ H x of matches x, y (M, 2), or None, and the fraction of inliers.

    RANSAC with a fixed seed; tolerance in pixels.
    """
    options = pycolmap.RANSACOptions()
    options.max_error = tolerance
    options.random_seed = 1
    options.min_num_trials, options.max_num_trials = 50, 500
    found = pycolmap.estimate_homography_matrix(x, y, options) if len(x) >= 8 else None
    if found is None:
        return None, 0.0
    return np.asarray(found["H"], np.float64), float(found["num_inliers"]) / len(x)


def diagnose_photo(k: int, photos: Sequence[Image], evidence: MatchEvidence) -> tuple[str, str]:
    """(reason, advice) for photo k, which was not registered. reason: a key of `ADVICE`."""
    own = [n for n, p in enumerate(evidence.pairs) if k in (p.i, p.j)]
    matches = max((len(evidence.pairs[n].matches) for n in own), default=0)
    rotations = [evidence.rotation[n] for n in own]
    median = float(np.median(evidence.sharpness))
    blurred = evidence.sharpness[k] < min(max(BLURRED, 0.5 * median), 0.75 * median) or (
        evidence.sharpness[k] < BLURRED and median < BLURRED
    )
    if k in evidence.duplicate_of:
        reason = "duplicate"
    elif blurred:
        reason = "blur"
    elif evidence.features[k] < FEW_FEATURES:
        reason = "few features"
    elif own and sum(rotations) * 2 > len(own):
        reason = "pure rotation"
    elif matches < FEW_MATCHES:
        reason = "no overlap"
    else:
        reason = "no stable pose"
    return reason, ADVICE[reason]


def photo_rows(
    photos: Sequence[Image], registered: Sequence[int], evidence: MatchEvidence, points: dict[int, int]
) -> list[dict[str, Any]]:
    """One row per photo for the report: name, status, reason, advice, features, matches, sharpness, points."""
    rows = []
    apart = other_groups(len(photos), registered, evidence.pairs)
    for k, photo in enumerate(photos):
        matches = sum(len(p.matches) for p in evidence.pairs if k in (p.i, p.j))
        row: dict[str, Any] = {"name": photo.name, "status": "registered", "reason": "", "advice": ""}
        if k not in registered:
            reason, advice = diagnose_photo(k, photos, evidence)
            row.update(status="left out", reason=reason, advice=advice)
            if k in apart and reason in ("no overlap", "no stable pose"):
                row.update(reason="another group", advice=ADVICE["another group"])
            if reason == "duplicate":
                row["duplicate_of"] = photos[evidence.duplicate_of[k]].name
        row.update(
            features=int(evidence.features[k]),
            matches=int(matches),
            sharpness=round(evidence.sharpness[k], 3),
            points=int(points.get(k, 0)),
        )
        rows.append(row)
    return rows


def other_groups(count: int, registered: Sequence[int], pairs: Sequence[Pair]) -> set[int]:
    """The photos left out that share FEW_MATCHES matches with others left out, in groups of at least MIN_GROUP, and with none of
    the registered ones: those of another object, or from another side."""
    strong = [(p.i, p.j) for p in pairs if len(p.matches) >= FEW_MATCHES]
    inside = set(registered)
    touching = {i for pair in strong for i in pair if len(inside & set(pair)) == 1}
    free = [pair for pair in strong if not inside & set(pair)]
    i, j = np.array(free, np.int64).reshape(-1, 2).T
    label = connected_components(coo_matrix((np.ones(len(i)), (i, j)), (count, count)), directed=False)[1]
    out: set[int] = set()
    for group in range(int(label.max(initial=-1)) + 1):
        members = set(np.flatnonzero(label == group).tolist()) - inside
        if len(members) >= MIN_GROUP and not members & touching:
            out |= members
    return out


def require_distinct(photos: Sequence[Image], duplicate_of: dict[int, int]) -> None:
    """Raise CaptureError unless there are three photos, and three different ones."""
    count = len(photos)
    if count < 3:
        raise CaptureError(
            f"{count} photo{'s' if count != 1 else ''} given, but depth needs the same object seen from "
            "at least 3 positions, better 20 or more",
            "walk around the object and take a photo every 15 degrees",
        )
    different = count - len(duplicate_of)
    if different < 3:
        raise CaptureError(
            f"the {count} photos are identical or nearly so (only {different} different)",
            "move the camera between photos, about 15 degrees around the object each time",
        )


def is_mostly_rotation(rotations: Sequence[bool]) -> bool:
    """True if more than 70 % of the verified pairs are pure rotations."""
    return len(rotations) > 0 and sum(rotations) > 0.7 * len(rotations)


def reconstruction_error(photos: Sequence[Image], evidence: MatchEvidence, registered: int) -> CaptureError:
    """The error that explains why no (or no sound) model was found for the set."""
    count = len(photos)
    used = [k for k in range(count) if k not in evidence.duplicate_of]
    median_sharpness = float(np.median([evidence.sharpness[k] for k in used]))
    median_features = float(np.median([evidence.features[k] for k in used]))
    if evidence.moving is not None and evidence.moving < FEW_MATCHES:
        return CaptureError(
            f"the camera stood still between the {count} photos, and what moved in front of it has too little texture "
            f"({evidence.moving:.0f} matched features per photo, {FEW_MATCHES} is the least)",
            "walk around the object, or turn it on a plate with printed paper under it",
        )
    linked = {k for p in evidence.pairs if len(p.matches) >= FEW_MATCHES for k in (p.i, p.j)}
    if evidence.moving is None and is_mostly_rotation(evidence.rotation):
        return CaptureError(
            f"the camera only rotated on the spot between the {count} photos, so nothing shows depth",
            "walk sideways around the object between photos instead of rotating",
        )
    if median_sharpness < (BLURRED if len(linked) >= 3 else DOUBTFUL):
        return CaptureError(
            f"the photos are blurred (median sharpness {median_sharpness:.2f}; sharp ones have 0.25 and more)",
            "take them again with more light, a steady hand and the focus on the object",
        )
    brightest = float(np.median([np.quantile(photos[k].pixels[::8, ::8], 0.98) for k in used]))
    if len(linked) < 3 and brightest < DARK:
        return CaptureError(
            f"the photos are too dark (their bright parts have {brightest:.0f} of 255)",
            "take them again with more light or a longer exposure",
        )
    if median_features < FEW_FEATURES:
        return CaptureError(
            f"the photos show too little texture (median {median_features:.0f} features, "
            f"{FEW_FEATURES} is the least)",
            "let textured surroundings into the picture, or lay printed paper around the object",
        )
    if len(linked) < 3 and median_sharpness >= NO_EDGES:
        return CaptureError(
            f"in most of the {count} photos no edge stands out from the noise: they are blurred or foggy, or show "
            "nothing but plain surfaces",
            "take them with the focus on the object and more light, and with textured surroundings in the picture",
        )
    if len(linked) < 3:
        return CaptureError(
            f"no three of the {count} photos show the same object "
            f"({len(linked)} share {FEW_MATCHES} matches with another)",
            "take photos of one object that overlap by two thirds from each to the next",
        )
    return CaptureError(
        f"only {registered} of {count} photos could be registered, for they overlap too little",
        "add photos between them, about 15 degrees apart",
    )
