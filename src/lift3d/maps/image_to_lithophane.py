"""A photo to a lithophane: a plate whose thickness shows the photo when light falls through it.

The thickness follows the transmission of the material (`lift3d.geometry.relief.transmission`); the plate is flat and stands
on its lower edge, or is bent to a part of a cylinder, up to a closed one, with the light on the axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError, SolidError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import SOLID
from lift3d.geometry.relief.layout import Layout, plan_layout
from lift3d.geometry.relief.picture_quality import luma, require_contrast
from lift3d.geometry.relief.surfaces import LARGEST_STEP, GridSolid, curved_solid, fault, flat_solid
from lift3d.geometry.relief.transmission import linear_luminance, resample, thickness_from_luminance
from lift3d.mapping import Card, Guarantee, Mapping, register
from lift3d.types import F64, Image, Mesh
from lift3d.units import format_length, set_unit

NAME = "image_to_lithophane"
THINNEST, THICKEST = 0.2e-3, 20e-3
"""Limits of the thickness, metres."""
SMALLEST_GAP = 0.5e-3
"""Smallest distance between the two ends of a bent plate, metres."""
ATTENUATION = 1.0e-3
"""Default attenuation length, metres: a nominal value for white filament printed without gaps. It differs between materials,
and scattering makes the fall only approximately exponential (Hamp, Logan & Shaw 2021, "Optical transmittance of 3D
printing materials", Applied Optics 60)."""


def _exact_size(mapping: Mapping[Any, Any], source: Image, result: Mesh) -> str | None:
    """None, or by how much the width and the height along the plate differ from those requested."""
    v = np.asarray(result.vertices)
    width, curve, border = mapping.width, mapping.curve, mapping.border  # type: ignore[attr-defined]
    inner = width if curve == 360 else width - 2 * border
    height = inner * source.height / source.width + 2 * border
    if curve == 0:
        measured = float(np.ptp(v[:, 0]))
    else:
        measured = _radius(v) * math.radians(curve)
    wrong = max(abs(measured - width), abs(float(np.ptp(v[:, 2])) - height))
    return None if wrong < 1e-6 * width else f"the size is wrong by {1000 * wrong:.3g} mm"


def _thickness_kept(mapping: Mapping[Any, Any], source: Image, result: Mesh) -> str | None:
    """None, or the range of the thickness if it is not the requested one."""
    v = np.asarray(result.vertices)
    thin, thick = mapping.thickness  # type: ignore[attr-defined]
    if mapping.curve == 0:  # type: ignore[attr-defined]
        front = -v[:, 1]
        back, front = 0.0, front[front > 0]
    else:
        radius = np.hypot(v[:, 0], v[:, 1])
        back = _radius(v)
        front = radius[radius > back + thin / 2]
    low, high = float(front.min()) - back, float(front.max()) - back
    good = abs(low - thin) < 1e-9 and abs(high - thick) < 1e-9
    return None if good else f"the thickness runs from {1000 * low:.4g} to {1000 * high:.4g} mm"


def _radius(v: F64) -> float:
    """Of the back of a bent plate, by the vertices (V, 3) on its lower edge."""
    return float(np.hypot(*v[v[:, 2] < 1e-12, :2].T).min())


EXACT_SIZE = Guarantee("exact_size", "width and height along the plate are exact", _exact_size)
THICKNESS_KEPT = Guarantee(
    "thickness_kept",
    "the thickness runs from the thinnest to the thickest value that was requested",
    _thickness_kept,
)


@register(
    Card(
        NAME, "Image", "Mesh", (SOLID, EXACT_SIZE, THICKNESS_KEPT, SAME_BYTES), reference="Bouguer 1729, Lambert 1760, Beer 1852",
    )
)  # fmt: skip
@dataclass(frozen=True)
class ImageToLithophane(Mapping[Image, Mesh]):
    """Options, in metres. width: of the plate, along its smooth back if it is bent. thickness: (thin, thick). curve: degrees
    of the cylinder, 0 for a flat plate, 360 for a closed one. border: width of a frame of the greatest thickness, inside
    `width`. detail: distance between samples. attenuation: length along which the material lets 1/e of the light through.
    negative: bright places are thick. Transparent parts of the photo are white."""

    width: float = 0.1
    thickness: tuple[float, float] = (0.8e-3, 3.0e-3)
    curve: float = 0.0
    border: float = 0.0
    detail: float = 0.2e-3
    attenuation: float = ATTENUATION
    negative: bool = False

    def apply(self, source: Image, context: Context) -> Mesh:
        """The plate, z up, in metres, its picture towards -y. Raises InputError for options outside their limits and for a photo
        that has the same shade everywhere."""
        solid = self.solid(source, context)
        mesh = Mesh(solid.vertices, solid.faces, process=False)
        return set_unit(mesh, "m")

    def solid(self, source: Image, context: Context) -> GridSolid:
        """The result of `apply` with what its proof needs."""
        self._check()
        require_contrast(luma(source.pixels, source.mask), source.name or "the photo")
        layout = self.layout(source)
        thickness = self.thickness_on(source, layout)
        radius = self.radius
        if not radius:
            solid = flat_solid(thickness, layout.x - self.width / 2, layout.y, "standing")
        else:
            angle = layout.x / radius - math.radians(self.curve) / 2
            solid = curved_solid(thickness, angle, layout.y, radius, self.curve == 360)
        wrong = fault(solid)
        if wrong:
            raise SolidError(f"the lithophane cannot be made: {wrong}", "make it wider or its detail smaller")
        context.note(
            NAME, nodes=thickness.size, detail_mm=round(1000 * layout.detail, 4), faces=len(solid.faces),
            radius_mm=round(1000 * radius, 3),
        )  # fmt: skip
        return solid

    @property
    def radius(self) -> float:
        """Of the back, metres; 0 for a flat plate."""
        return self.width / math.radians(self.curve) if self.curve else 0.0

    def layout(self, source: Image) -> Layout:
        """The grid for a photo."""
        radius, detail = self.radius, self.detail
        if radius:
            detail = min(detail, 0.6 * LARGEST_STEP * (radius + self.thickness[1]))
        stretch = (radius + self.thickness[1]) / radius if radius else 1.0
        shape = source.pixels.shape
        return plan_layout((shape[0], shape[1]), self.width, self.border, detail, self.curve == 360, stretch)

    def thickness_on(self, source: Image, layout: Layout) -> F64:
        """(R, C) thickness in metres at the nodes of a layout."""
        luminance = resample(linear_luminance(source.pixels, source.mask), layout.picture_shape)
        inner = thickness_from_luminance(luminance, *self.thickness, self.attenuation, self.negative)
        return layout.framed(inner, self.thickness[1])

    def _check(self) -> None:
        thin, thick = self.thickness
        if thin > thick:
            raise InputError(
                f"the thickness runs from {format_length(thin)} down to {format_length(thick)}",
                "give the thin end first; --negative makes bright places thick",
            )
        if thin < THINNEST * (1 - 1e-9):
            raise InputError(
                f"a wall of {1000 * thin:.3g} mm cannot be printed",
                "give at least 0.2mm; 0.8mm suits most printers",
            )
        if thick > THICKEST or thick - thin < 0.1e-3 * (1 - 1e-9):
            raise InputError(
                f"a thickness from {1000 * thin:.3g} to {1000 * thick:.3g} mm shows nothing",
                "give thin and thick at least 0.1 mm apart, and at most 20mm; 0.8mm..3mm suits white PLA",
            )
        if not 0 <= self.curve <= 360:
            raise InputError(
                f"a plate cannot be bent by {self.curve:g} degrees",
                "give 0deg (flat) to 360deg (a closed cylinder)",
            )
        if 0 < self.curve < 1:
            raise InputError(f"a curve of {self.curve:g} degrees is flat", "give 0deg, or 1deg to 360deg")
        gap = self.width * (360 / self.curve - 1) if self.curve else math.inf
        if 0 < gap < SMALLEST_GAP:
            raise InputError(
                f"bent by {self.curve:g} degrees, the two ends of the plate nearly touch",
                "give 360deg for a closed cylinder",
            )
        if not 0.05e-3 <= self.attenuation <= 1.0:
            raise InputError(
                f"an attenuation length of {1000 * self.attenuation:.3g} mm is out of range",
                "give 0.05mm to 1m, such as 1mm",
            )
        if self.width <= 0 or self.border < 0:
            raise InputError("the width or the border is negative", "give lengths above zero")
