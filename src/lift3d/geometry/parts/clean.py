"""Cleaning of the parts of a model for the corpus: invisible and stray faces are removed, and the rest is
normalised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.components import connected_components
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.parts.sampling import colours_at
from lift3d.types import F64, Part

FAR = 3.0
"""A component is a stray if its distance from the rest exceeds this multiple of the extent of the rest."""
SMALL = 0.25
"""Largest fraction of the area that strays may have together."""
FLAT = 0.02
"""Thickness by longest side below which a model is a sign or a decal instead of a shape."""
FEWEST = 12
"""Least number of faces."""
MIN_ALPHA = 28.0
"""Least mean alpha (of 255) of a visible face."""
Reason = Literal["no faces", "few faces", "flat"]
REASONS: dict[Reason, str] = {
    "no faces": "the model has no faces with an area",
    "few faces": "the model has too few faces",
    "flat": "the model is a flat sheet",
}
_SPREAD = np.array([[a, b, 7 - a - b] for a in range(1, 6) for b in range(1, 7 - a)]) / 7.0
"""(15, 3) barycentric coordinates of points spread over a face."""


@dataclass(frozen=True)
class CleanedParts:
    """parts in the canonical frame (longest side 1, centred over the origin, base on z = 0), where canonical =
    (source - shift) * scale; strays: number of removed stray faces."""

    parts: list[Part]
    scale: float
    shift: tuple[float, float, float]
    strays: int

    @property
    def faces(self) -> int:
        """Number of faces of all parts."""
        return sum(len(part.faces) for part in self.parts)


class NoShapeError(InputError):
    """The parts of a model hold no shape; `reason` is "no faces", "few faces" or "flat"."""

    def __init__(self, reason: Reason) -> None:
        self.reason: Reason = reason
        super().__init__(REASONS[reason], "choose another model")


def clean_parts(parts: list[Part]) -> CleanedParts:
    """The model in the canonical frame, without faces that have no area, are transparent, or lie far from the rest.

    Raises NoShapeError where no faces remain, fewer than FEWEST, or a flat sheet.
    """
    parts = [_without_transparent(_with_area(part)) for part in parts]
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        raise NoShapeError("no faces")
    v = np.concatenate([part.vertices for part in parts])
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    f = np.concatenate([part.faces + at for part, at in zip(parts, offsets)])
    keep = _without_strays(v, f)
    counts = np.cumsum([0] + [len(part.faces) for part in parts])
    parts = [_select_faces(part, keep[a:b]) for part, a, b in zip(parts, counts, counts[1:])]
    parts = [part for part in parts if len(part.faces)]
    used = np.concatenate([part.vertices for part in parts])
    low, high = used.min(0), used.max(0)
    extent = high - low
    if sum(len(part.faces) for part in parts) < FEWEST:
        raise NoShapeError("few faces")
    if extent.min() < FLAT * extent.max():
        raise NoShapeError("flat")
    scale = 1.0 / float(extent.max())
    shift = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    moved = [replace(part, vertices=(part.vertices - shift) * scale) for part in parts]
    return CleanedParts(moved, scale, (float(shift[0]), float(shift[1]), float(shift[2])), int((~keep).sum()))


def _with_area(part: Part) -> Part:
    """The part without faces that have no area."""
    a, b, c = (part.vertices[part.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest = np.maximum(np.maximum(((b - a) ** 2).sum(1), ((c - b) ** 2).sum(1)), ((a - c) ** 2).sum(1))
    return _select_faces(part, area > 1e-9 * np.maximum(longest, 1e-300))


def _without_transparent(part: Part) -> Part:
    """The part without almost transparent faces, such as beams of light, wakes and glows. Window panes stay."""
    has_alpha = part.material is not None and (
        part.material.colour[3] < 255 or getattr(part.material.texture, "mode", "") == "RGBA"
    )
    n = len(part.faces)
    if n == 0 or (not has_alpha and part.colours is None):
        return part
    corners = np.repeat(_SPREAD[None], n, 0).reshape(-1, 3)
    alpha = colours_at(part, np.repeat(np.arange(n), len(_SPREAD)), corners)[:, 3].reshape(n, -1)
    return _select_faces(part, alpha.mean(1) >= MIN_ALPHA)


def _select_faces(part: Part, keep: NDArray[np.bool_]) -> Part:
    """The part with the faces in the mask (F,) and the vertices that they use."""
    faces = part.faces[keep]
    used, index = np.unique(faces, return_inverse=True)
    return replace(
        part,
        vertices=part.vertices[used],
        faces=index.reshape(-1, 3).astype(np.int64),
        uv=None if part.uv is None else part.uv[used],
        colours=None if part.colours is None else part.colours[used],
    )


def _without_strays(v: F64, f: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(F,) False for small components far from all others, such as leftover faces and distant levels of detail."""
    row = weld_exact(v)[1]
    g = row[f].astype(np.int32)
    label = connected_components(g)
    count = int(label.max()) + 1
    if count == 1:
        return np.ones(len(f), bool)
    a, b, c = (v[f[:, k]] for k in range(3))
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    total = np.bincount(label, area, minlength=count)
    low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
    for corner in (a, b, c):
        np.minimum.at(low, label, corner)
        np.maximum.at(high, label, corner)
    order = np.argsort(-total, kind="stable")
    selected = np.zeros(count, bool)
    selected[order[0]] = True
    box = low[order[0]].copy(), high[order[0]].copy()
    changed = True
    while changed:  # components near the bounding box of the selected ones belong to them
        gap = np.linalg.norm(np.maximum(np.maximum(low - box[1], box[0] - high), 0), axis=1)
        near = ~selected & (gap <= FAR * float((box[1] - box[0]).max()))
        changed = bool(near.any())
        selected |= near
        if changed:
            box = low[selected].min(0), high[selected].max(0)
    if total[~selected].sum() > SMALL * total.sum():
        return np.ones(len(f), bool)
    return selected[label]
