"""Why a photo, or a whole set, got no cameras: evidence, reason and what to try next.

Sharpness is how much of a photo's fine gradient a further small blur takes away (after Crete et al. 2007,
"The blur effect"): about 0.35 and more for a sharp photo, below 0.15 for a blurred one, whatever it shows.
A pair is a pure rotation when its homography is K R K^-1 for some focal length: no depth can come of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from lift3d.errors import CaptureError
from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.features import Pair
from lift3d.types import F32, F64, Image

BLURRED = 0.17
BLURRED_SET = 0.1
FEW_FEATURES = 150
FEW_MATCHES = 40

ADVICE = {
    "blur": "take it again with a steady hand or more light",
    "few features": "show more of the textured surroundings, or lay printed paper around the object",
    "no overlap": "add photos between this one and its neighbours: about 15 degrees apart",
    "pure rotation": "move the camera sideways between photos; turning on the spot gives no depth",
    "duplicate": "nothing: the other photo stands for it",
    "no stable pose": "add photos close to this viewpoint",
}


@dataclass(frozen=True)
class MatchEvidence:
    """Per photo: sharpness, features; the pairs; which photo each one repeats; which pairs are rotations."""

    sharpness: list[float]
    features: list[int]
    pairs: list[Pair]
    duplicate_of: dict[int, int]
    turned: list[bool]


def sharpness(grey: F32) -> float:
    """Share of the gradient that a small blur removes, in the strongest tenth of the photo; 1 if flat."""
    base = gaussian_filter(grey, 0.7)
    soft = gaussian_filter(base, 1.2)
    before = np.hypot(np.diff(base, axis=0)[:, :-1], np.diff(base, axis=1)[:-1])
    after = np.hypot(np.diff(soft, axis=0)[:, :-1], np.diff(soft, axis=1)[:-1])
    strong = before >= np.quantile(before, 0.9)
    total = float(before[strong].sum())
    return max(0.0, 1.0 - float(after[strong].sum()) / total) if total > 0 else 1.0


def thumbnail(image: Image, size: int = 64) -> F32:
    """(size, size) float32 grey."""
    small = Pillow.fromarray(image.pixels).convert("L").resize((size, size), Pillow.Resampling.BOX)
    return np.asarray(small, np.float32)


def find_duplicates(photos: Sequence[Image], tolerance: float = 1.0) -> dict[int, int]:
    """Photo -> earlier photo it repeats: thumbnails differ by less than `tolerance` grey levels on average,
    and nowhere by more than 12."""
    out: dict[int, int] = {}
    kept: list[int] = []
    thumbs = [thumbnail(photo) for photo in photos]
    for k, photo in enumerate(photos):
        for earlier in kept:
            same_size = (photos[earlier].width, photos[earlier].height) == (photo.width, photo.height)
            difference = np.abs(thumbs[k] - thumbs[earlier])
            if same_size and difference.mean() < tolerance and difference.max() < 12:
                out[k] = earlier
                break
        else:
            kept.append(k)
    return out


def is_rotation(estimate_homography: F64 | None, a: Image, b: Image, tolerance: float = 0.02) -> bool:
    """True when K_b^-1 H K_a is a rotation for some common focal length between 0.5 and 4 photo widths."""
    if estimate_homography is None:
        return False
    best = np.inf
    for focal in np.geomspace(0.5, 4.0, 200) * max(a.width, a.height):
        k_a = np.array([[focal, 0, a.width / 2], [0, focal, a.height / 2], [0, 0, 1.0]])
        k_b = np.array([[focal, 0, b.width / 2], [0, focal, b.height / 2], [0, 0, 1.0]])
        m = np.linalg.inv(k_b) @ estimate_homography @ k_a
        determinant = np.linalg.det(m)
        if abs(determinant) > 1e-12:
            m = m / np.cbrt(determinant)
            best = min(best, float(np.abs(m @ m.T - np.eye(3)).max()))
    return bool(best < tolerance)


def pure_rotations(pairs: Sequence[Pair], photos: Sequence[Image], keypoints: Sequence[F64]) -> list[bool]:
    """For each pair, whether one homography explains its matches and is a turn of the camera on the spot."""
    out = []
    for p in pairs:
        x = keypoints[p.i][p.matches[:, 0]]
        y = keypoints[p.j][p.matches[:, 1]]
        h, share = estimate_homography(x, y)
        out.append(share > 0.85 and is_rotation(h, photos[p.i], photos[p.j]))
    return out


def estimate_homography(x: F64, y: F64, tolerance: float = 2.5) -> tuple[F64 | None, float]:
    """y ~ H x from matches (M, 2) by RANSAC with a fixed seed, and the share of matches it explains."""
    options = pycolmap.RANSACOptions()
    options.max_error = tolerance
    options.random_seed = 1
    options.min_num_trials, options.max_num_trials = 50, 500
    found = pycolmap.estimate_homography_matrix(x, y, options) if len(x) >= 8 else None
    if found is None:
        return None, 0.0
    return np.asarray(found["H"], np.float64), float(found["num_inliers"]) / len(x)


def diagnose_photo(k: int, photos: Sequence[Image], evidence: MatchEvidence) -> tuple[str, str]:
    """(reason, sentence of advice) for a photo that was left out."""
    mine = [n for n, p in enumerate(evidence.pairs) if k in (p.i, p.j)]
    matches = max((len(evidence.pairs[n].matches) for n in mine), default=0)
    turned = [evidence.turned[n] for n in mine]
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
    elif mine and sum(turned) * 2 > len(mine):
        reason = "pure rotation"
    elif matches < FEW_MATCHES:
        reason = "no overlap"
    else:
        reason = "no stable pose"
    return reason, ADVICE[reason]


def photo_rows(
    photos: Sequence[Image], registered: Sequence[int], evidence: MatchEvidence, points: dict[int, int]
) -> list[dict[str, Any]]:
    """One plain row per photo: name, status, reason, advice, features, matches, sharpness, points."""
    rows = []
    for k, photo in enumerate(photos):
        matches = sum(len(p.matches) for p in evidence.pairs if k in (p.i, p.j))
        row: dict[str, Any] = {"name": photo.name, "status": "registered", "reason": "", "advice": ""}
        if k not in registered:
            reason, advice = diagnose_photo(k, photos, evidence)
            row.update(status="left out", reason=reason, advice=advice)
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


def require_distinct(photos: Sequence[Image], duplicate_of: dict[int, int]) -> None:
    """Raise unless there are three photos, and three different ones."""
    count = len(photos)
    if count < 3:
        raise CaptureError(
            f"{count} photo{'s' if count != 1 else ''} given, but depth needs the same thing seen from "
            "at least 3 places, better 20 or more",
            "walk around the object and take a photo every 15 degrees",
        )
    different = count - len(duplicate_of)
    if different < 3:
        raise CaptureError(
            f"the {count} photos are identical or nearly so (only {different} different)",
            "move the camera between photos, about 15 degrees around the object each time",
        )


def is_mostly_rotation(turned: Sequence[bool]) -> bool:
    """True when most verified pairs show a camera that only turned."""
    return len(turned) > 0 and sum(turned) > 0.7 * len(turned)


def blur_error(sharp: Sequence[float]) -> CaptureError | None:
    """The refusal of a set that is blurred as a whole, else None."""
    median = float(np.median(sharp))
    if median >= BLURRED_SET:
        return None
    return CaptureError(
        f"the photos are blurred (median sharpness {median:.2f}, {BLURRED_SET} is the least)",
        "take them again with more light, a steady hand and the focus on the object",
    )


def reconstruction_error(photos: Sequence[Image], evidence: MatchEvidence, registered: int) -> CaptureError:
    """The one sentence for a set of which no (or no sound) model could be made."""
    count = len(photos)
    used = [k for k in range(count) if k not in evidence.duplicate_of]
    blurred = float(np.median([evidence.sharpness[k] for k in used]))
    features = float(np.median([evidence.features[k] for k in used]))
    linked = {k for p in evidence.pairs if len(p.matches) >= FEW_MATCHES for k in (p.i, p.j)}
    if is_mostly_rotation(evidence.turned):
        return CaptureError(
            f"the camera only turned on the spot between the {count} photos, so nothing shows depth",
            "walk sideways around the object between photos instead of turning",
        )
    if blurred < BLURRED:
        return CaptureError(
            f"the photos are blurred (median sharpness {blurred:.2f}, {BLURRED} is the least)",
            "take them again with more light, a steady hand and the focus on the object",
        )
    if features < FEW_FEATURES:
        return CaptureError(
            f"the photos show too little texture (median {features:.0f} features, "
            f"{FEW_FEATURES} is the least)",
            "let textured surroundings into the picture, or lay printed paper around the object",
        )
    if len(linked) < 3:
        return CaptureError(
            f"no three of the {count} photos show the same thing "
            f"({len(linked)} share {FEW_MATCHES} matches with another)",
            "take photos of one object that overlap by two thirds from each to the next",
        )
    return CaptureError(
        f"only {registered} of {count} photos could be placed, for they overlap too little",
        "add photos between them, about 15 degrees apart",
    )
