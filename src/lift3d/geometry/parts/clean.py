"""From a model's parts to one clean thing: faces that count, strays dropped, standing in the middle of a unit cube."""

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
"""A component farther from the rest than this times its extent is a stray."""
SMALL = 0.25
"""A stray has less than this share of the area."""
FLAT = 0.02
"""What is thinner than this share of its longest side is a sign or a decal, not a shape."""
FEWEST = 12
UNSEEN = 28.0
"""A face whose alpha is less than this (of 255) in the mean is not there."""
Reason = Literal["no faces", "few faces", "flat"]
REASONS: dict[Reason, str] = {
    "no faces": "the model has no faces with an area",
    "few faces": "the model has too few faces",
    "flat": "the model is a flat sheet",
}
_SPREAD = np.array([[a, b, 7 - a - b] for a in range(1, 6) for b in range(1, 7 - a)]) / 7.0
"""Barycentric coordinates of points spread over a face."""


@dataclass(frozen=True)
class CleanedParts:
    """parts: in the unit frame (longest side 1, centred over the origin, standing on z = 0); scale, shift: unit frame =
    (source - shift) * scale; strays: faces that were dropped."""

    parts: list[Part]
    scale: float
    shift: tuple[float, float, float]
    strays: int

    @property
    def faces(self) -> int:
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
    parts = [_visible(_proper(part)) for part in parts]
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        raise NoShapeError("no faces")
    v = np.concatenate([part.vertices for part in parts])
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    f = np.concatenate([part.faces + at for part, at in zip(parts, offsets)])
    keep = _without_strays(v, f)
    counts = np.cumsum([0] + [len(part.faces) for part in parts])
    parts = [_only(part, keep[a:b]) for part, a, b in zip(parts, counts, counts[1:])]
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


def _proper(part: Part) -> Part:
    """Without faces that have no area."""
    a, b, c = (part.vertices[part.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    longest = np.maximum(np.maximum(((b - a) ** 2).sum(1), ((c - b) ** 2).sum(1)), ((a - c) ** 2).sum(1))
    return _only(part, area > 1e-9 * np.maximum(longest, 1e-300))


def _visible(part: Part) -> Part:
    """Without faces that are all but transparent: beams of light, wakes, glows. Window panes stay."""
    clear = part.material is not None and (
        part.material.colour[3] < 255 or getattr(part.material.texture, "mode", "") == "RGBA"
    )
    n = len(part.faces)
    if n == 0 or (not clear and part.colours is None):
        return part
    corners = np.repeat(_SPREAD[None], n, 0).reshape(-1, 3)
    alpha = colours_at(part, np.repeat(np.arange(n), len(_SPREAD)), corners)[:, 3].reshape(n, -1)
    return _only(part, alpha.mean(1) >= UNSEEN)


def _only(part: Part, keep: NDArray[np.bool_]) -> Part:
    """The part with these faces, and the vertices they use."""
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
    """(F,) False for small components far from everything else: forgotten vertices, distant levels of detail."""
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
    inside = np.zeros(count, bool)
    inside[order[0]] = True
    box = low[order[0]].copy(), high[order[0]].copy()
    grown = True
    while grown:  # what lies near the box of what is in already belongs to it
        gap = np.linalg.norm(np.maximum(np.maximum(low - box[1], box[0] - high), 0), axis=1)
        near = ~inside & (gap <= FAR * float((box[1] - box[0]).max()))
        grown = bool(near.any())
        inside |= near
        if grown:
            box = low[inside].min(0), high[inside].max(0)
    if total[~inside].sum() > SMALL * total.sum():
        return np.ones(len(f), bool)
    return inside[label]
