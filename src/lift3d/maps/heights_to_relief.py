"""Heights to a bas-relief: a closed block whose front shows the shape, compressed to a given depth in the gradient domain.

See `lift3d.geometry.relief.compression`. A photo of the same view can add the detail of its luminance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from lift3d.context import Context
from lift3d.errors import InputError, SolidError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.shapes import SOLID
from lift3d.geometry.relief.compression import (
    compress_heights,
    luminance_detail,
    noise_level,
    normalised,
    smoothed,
)
from lift3d.geometry.relief.layout import Layout, plan_layout
from lift3d.geometry.relief.picture_quality import luma
from lift3d.geometry.relief.surfaces import GridSolid, cut_out_solid, fault, flat_solid
from lift3d.geometry.relief.transmission import resample
from lift3d.mapping import Card, Guarantee, Mapping, register
from lift3d.types import F64, HeightField, Mesh
from lift3d.units import format_length, set_unit

NAME = "heights_to_relief"
THINNEST_BASE = 0.4e-3
"""Smallest thickness of the base, metres."""
DETAIL_SCALE = 0.25
"""Height of the detail of the photo at strength 1, as a fraction of the depth, where luma changes from black to white."""
SMOOTHING_RADIUS, SMOOTHING = 5, 15.0
"""Of the filter of noisy heights: half the side of its window in pixels, and its strength in units of the noise."""
STRONGEST = 1000.0
ASPECT_SLACK = 0.03
"""Relative difference in aspect ratio that heights and photo may have."""


def _exact_size(mapping: Mapping[Any, Any], source: HeightField, result: Mesh) -> str | None:
    """None, or by how much width or thickness differ from those requested."""
    size = np.ptp(np.asarray(result.vertices), axis=0)
    thick = mapping.base + mapping.depth  # type: ignore[attr-defined]
    wrong = max(abs(size[0] - mapping.width), abs(size[2] - thick))  # type: ignore[attr-defined]
    return None if wrong < 1e-9 else f"the size is wrong by {1000 * wrong:.3g} mm"


def _base_kept(mapping: Mapping[Any, Any], source: HeightField, result: Mesh) -> str | None:
    """None, or the smallest thickness if it is less than that of the base."""
    z = np.asarray(result.vertices)[:, 2]
    low = float(z[z > 0].min())
    return None if low >= mapping.base - 1e-9 else f"the wall is {1000 * low:.3g} mm"  # type: ignore[attr-defined]


EXACT_SIZE = Guarantee("exact_size", "width and greatest thickness are exact", _exact_size)
BASE_KEPT = Guarantee("base_kept", "no place is thinner than the base", _base_kept)


@register(
    Card(
        NAME,
        "HeightField",
        "Mesh",
        (SOLID, EXACT_SIZE, BASE_KEPT, SAME_BYTES),
        reference="Weyrich et al. 2007, Ji et al. 2014",
    )
)
@dataclass(frozen=True)
class HeightsToRelief(Mapping[HeightField, Mesh]):
    """Options, lengths in metres. width: of the block, frame included. depth: of the relief above its base. base: thickness
    of the block behind it. frame: width of a frame as high as the relief, 0 for none. detail: distance between samples.
    compression: how strongly large differences in height are attenuated, 0 for not at all. detail_strength: weight of the
    luminance of the photo, if there is one, from 0 to 1. free_standing: leave out the plate where the heights are not known;
    `width` is then that of the object, the largest one if there are several."""

    width: float = 0.1
    depth: float = 4e-3
    base: float = 2e-3
    frame: float = 0.0
    detail: float = 0.2e-3
    compression: float = 5.0
    detail_strength: float = 0.0
    free_standing: bool = False

    def apply(self, source: HeightField, context: Context) -> Mesh:
        """The block, its back on z = 0 and its front towards +z, y up in the picture. Raises InputError for options outside
        their limits, heights that are all equal, and a photo of another aspect ratio."""
        solid, _ = self.solid(source, context)
        return set_unit(Mesh(solid.vertices, solid.faces, process=False), "m")

    def solid(self, source: HeightField, context: Context) -> tuple[GridSolid, F64]:
        """The result of `apply` with what its proof needs, and the thickness (R, C) at the nodes within the frame."""
        self._check(source)
        layout = self.layout(source)
        inner = self.thickness_on(source, layout)
        thickness = layout.framed(inner, self.base + self.depth)
        if self.free_standing:
            solid = self._cut_out(source, layout, thickness)
        else:
            solid = flat_solid(thickness, layout.x - self.width / 2, layout.y, "lying")
        wrong = fault(solid)
        if wrong:
            raise SolidError(f"the relief cannot be made: {wrong}", "make it wider or its detail smaller")
        context.note(
            NAME, nodes=thickness.size, detail_mm=round(1000 * layout.detail, 4), faces=len(solid.faces)
        )
        return solid, inner

    def layout(self, source: HeightField) -> Layout:
        """The grid for the heights."""
        height, width = source.values.shape
        return plan_layout((height, width), self.width, self.frame, self.detail)

    def thickness_on(self, source: HeightField, layout: Layout) -> F64:
        """(R, C) thickness in metres at the nodes in the picture."""
        shape = layout.picture_shape
        heights, known = _resampled(source, shape)
        try:
            relief = compress_heights(heights, known, self.compression)
        except ValueError as error:
            raise InputError(
                f"{source.name or 'the height field'} cannot become a relief: {error}",
                "give heights that differ",
            ) from error
        if self.detail_strength and source.image is not None:
            inside = np.ones(shape, bool) if known is None else known
            fine = luminance_detail(resample(luma(source.image.pixels), shape))
            fine *= ndimage.gaussian_filter(inside.astype(np.float64), 2.0)  # no seam along the silhouette
            relief = normalised(relief + self.detail_strength * DETAIL_SCALE * fine, inside)
        return self.base + self.depth * relief

    def _cut_out(self, source: HeightField, layout: Layout, thickness: F64) -> GridSolid:
        """The solid over the known heights, scaled to the exact width."""
        known = _resampled(source, layout.picture_shape)[1]
        solid = None if known is None else cut_out_solid(thickness, layout.x, layout.y, known)
        if solid is None:
            raise InputError(
                f"{source.name or 'the height field'} has no background to leave out",
                "leave out --free-standing",
            )
        low, high = solid.vertices.min(0), solid.vertices.max(0)
        scale = self.width / float(high[0] - low[0])
        middle = np.array([(low[0] + high[0]) / 2, low[1], 0.0])
        vertices = (solid.vertices - middle) * [scale, scale, 1.0]
        return replace(solid, vertices=vertices, spacing=scale * solid.spacing)

    def _check(self, source: HeightField) -> None:
        if not 0.1e-3 <= self.depth <= 0.1:
            raise InputError(
                f"a depth of {format_length(self.depth)} is out of range", "give 0.1mm to 100mm, such as 4mm"
            )
        if not THINNEST_BASE * (1 - 1e-9) <= self.base <= 0.1:
            raise InputError(
                f"a base of {format_length(self.base)} is out of range",
                "give 0.4mm to 100mm; 2mm suits most printers",
            )
        if not 0 <= self.compression <= STRONGEST:
            raise InputError(
                f"a compression of {self.compression:g} is out of range",
                f"give 0 to {STRONGEST:g}; 5 suits most scenes",
            )
        if not 0 <= self.detail_strength <= 1:
            raise InputError(f"a detail strength of {self.detail_strength:g} is out of range", "give 0 to 1")
        if self.free_standing and self.frame:
            raise InputError("a free-standing relief has no frame", "leave out --frame or --free-standing")
        if self.width <= 0 or self.frame < 0:
            raise InputError("the width or the frame is negative", "give lengths above zero")
        if source.image is not None:
            height, width = source.values.shape
            ratio = (source.image.width / source.image.height) / (width / height)
            if abs(ratio - 1) > ASPECT_SLACK:
                raise InputError(
                    f"the heights ({width}x{height}) and the photo ({source.image.width}x{source.image.height} pixels) do not "
                    "have the same aspect ratio",
                    "give the heights of this photo",
                )


def _resampled(source: HeightField, shape: tuple[int, int]) -> tuple[F64, Any]:
    """Heights (R, C) at the nodes, averaged over known places only, and where they are known (None: everywhere)."""
    if source.known is None or source.known.all():
        values = source.values.astype(np.float64)
        noise = noise_level(values)
        if noise:  # of a depth camera; what is computed from a mesh has none
            values = smoothed(values - values.mean(), SMOOTHING_RADIUS, SMOOTHING * noise)
        return resample(np.asarray(values, np.float32), shape), None
    if not source.known.any():
        return np.zeros(shape), np.zeros(shape, bool)
    mean = float(source.values[source.known].mean())  # for precision
    weight = resample(source.known.astype(np.float32), shape)
    total = resample(np.where(source.known, source.values - mean, 0).astype(np.float32), shape)
    known = weight > 0.5
    return mean + total / np.maximum(weight, 1e-6), known
