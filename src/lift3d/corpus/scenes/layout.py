"""What a scene consists of while it is built, for furniture that must not overlap and for cameras that look for objects."""

from __future__ import annotations

from dataclasses import dataclass, field

from lift3d.geometry.render.assembly import SceneBuilder
from lift3d.types import F64


@dataclass(eq=False)
class Layout:
    """A furnished place: what is built, its extent (x, y, z) in metres from the origin, points of interest (N, 3) to look at,
    tables as (x, y, top, radius), the taken rectangles (x, y, half width, half depth), and single objects to look at from near as
    (centre (3,), longest side)."""

    builder: SceneBuilder
    extent: tuple[float, float, float]
    targets: list[F64] = field(default_factory=list)
    tables: list[tuple[float, float, float, float]] = field(default_factory=list)
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)
    outdoors: bool = False
    objects: list[tuple[F64, float]] = field(default_factory=list)

    def free(self, x: float, y: float, a: float, b: float, gap: float = 0.03) -> bool:
        """Whether a rectangle overlaps none of those that are taken."""
        return all(abs(x - p) >= a + r + gap or abs(y - q) >= b + s + gap for p, q, r, s in self.taken)
