"""Is a measured object good enough to be written? Photos placed, the sides they show, the surface that they measured, and the
agreement of the finished model with each photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import CaptureError
from lift3d.pipelines.reconstruction.options import Options
from lift3d.runtime.runner import Run
from lift3d.types import F64, Mesh, Surface, Views

MIN_PLACED = 0.5
"""Fraction of the photos: with fewer placed nothing is written."""
MIN_SEEN_AROUND = 150.0
"""Degrees around the object that the photos show, below which a warning is given that its other side was never seen."""
MIN_MEASURED, GOOD_MEASURED = 0.3, 0.6
"""Fractions of the surface that the photos measured: below the first nothing is written, below the second a warning is given."""
MIN_AGREEMENT, GOOD_AGREEMENT = 0.5, 0.8
"""The same for the median correlation of the photos with the rendered model."""
MOST_TUNNELS, TORN, TORN_MEASURED = 200, 1000, 0.8
"""Numbers of tunnels through an object above which a warning is given and nothing is written, where less than the fraction
TORN_MEASURED of it was measured. Objects with texture have up to 50, the white vase of the benchmark 1,500."""
MIN_RELIEF = 0.01
"""Depth of a scene over its longest extent below which a warning is given that it is flat."""
DIFFERENT, MIN_DIFFERENT = 0.4, 0.25
"""A photo that correlates less with the model shows something else; with this fraction of such photos nothing is written."""
RENDER_SIZE = 240
"""Longer side in pixels at which the model is compared with the photos."""

DETAIL = 5.0
"""Pixels of the standard deviation of the blur that is subtracted from grey values to compare detail alone."""

MIN_CONTRAST = 2.0
"""Standard deviation in grey levels below which noise alone would decide."""


@dataclass(frozen=True)
class PhotoAgreement:
    """How well the finished model looks like a photo: the correlation of their grey values, in [-1, 1], over the model's pixels,
    and that of their detail, without the shading that turns with an object on a turntable; None where the model covers too
    little of the photo or has one colour."""

    name: str
    correlation: float | None
    detail: float | None = None


def require_placed(placed: int, total: int, options: Options, run: Run) -> None:
    """Raise CaptureError if too few photos were placed for anything but a scene, or warn if `options.force` is on.

    Whether the photos show an object is not asked: the few that were placed often see one side only, as those of a scene do.
    """
    if options.kind == "scene" or placed >= MIN_PLACED * total:
        return
    _refuse(
        f"only {placed} of {total} photos could be placed, so the model would show a part of the object at most",
        "the report of the photos says why; take more photos with more overlap, use --kind scene for a scene, "
        "or write it anyway with --force",
        options.force,
        run,
    )


def require_measured(surface: Surface, force: bool, run: Run) -> None:
    """Warn if the photos measured little of an object's surface or saw one side only; raise CaptureError if far too little was
    measured and `force` is off."""
    from lift3d.geometry.fusion.capture_layout import seen_around

    if surface.kind != "object":
        return
    around = seen_around(surface.views.cameras)
    run.context.note("quality", degrees_seen=round(around))
    if around < MIN_SEEN_AROUND:
        run.warn(f"The photos show {around:.0f} degrees around the object; its other side is closed unseen.")
    if surface.measured_fraction is None:
        return
    measured = surface.measured_fraction
    run.context.note("quality", measured_fraction=round(measured, 4))
    if measured < MIN_MEASURED:
        _refuse(
            f"the photos measured only {measured:.0%} of the surface; the rest would be invented",
            "take sharp photos of a textured, matt surface from all sides, 10-15 degrees apart; for a wall, a picture or "
            "anything else that is seen from one side use --kind scene; or write it anyway with --force",
            force,
            run,
        )
    elif measured < GOOD_MEASURED:
        run.warn(
            f"The photos measured {measured:.0%} of the surface; the rest is closed smoothly and may be wrong."
        )


def require_whole(surface: Surface, force: bool, run: Run) -> None:
    """Warn if an object's surface is torn by many tunnels, as where plain or shiny surfaces gave wrong depths; raise CaptureError
    if it is in shreds and `force` is off."""
    from lift3d.geometry.mesh.components import genus

    if surface.kind != "object":
        return
    tunnels = genus(np.asarray(surface.mesh.faces, np.int32))
    run.context.note("quality", tunnels=tunnels)
    if tunnels <= MOST_TUNNELS or (surface.measured_fraction or 0.0) >= TORN_MEASURED:
        return
    cause = f"the surface is torn by {tunnels} holes, as where photos show plain or shiny surfaces"
    if tunnels > TORN:
        advice = "give the surface texture (dust, chalk, stickers), light it evenly, or give --masks, "
        _refuse(cause, f"{advice}or write it anyway with --force", force, run)
    else:
        run.warn(f"{cause[0].upper()}{cause[1:]}; parts of it may be missing.")


def warn_if_flat(surface: Surface, run: Run) -> None:
    """Warn if a scene is a flat sheet, as from photos of a picture, a screen or a bare wall."""
    if surface.kind != "scene":
        return
    relief = flatness(np.asarray(surface.mesh.triangles_center), np.asarray(surface.mesh.area_faces))
    run.context.note("quality", relief=round(relief, 4))
    if relief < MIN_RELIEF:
        run.warn(
            f"The photos show a flat surface ({relief:.1%} deep for its width), so the model is a sheet. "
            "For a solid object, take photos from all around it, with the object in their middle."
        )


def flatness(points: F64, weights: F64) -> float:
    """Depth over length of points (N, 3) with weights (N,): their extents, without 2.5 % at either end, along the axes of least
    and of greatest variance."""
    centred = points - np.average(points, axis=0, weights=weights)
    _, axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)
    extents = []
    for axis in (axes[:, 0], axes[:, 2]):
        height = centred @ axis
        order = np.argsort(height)
        share = np.cumsum(weights[order]) / weights.sum()
        low, high = np.interp((0.025, 0.975), share, height[order])
        extents.append(high - low)
    return float(extents[0] / max(extents[1], 1e-300))


def require_agreement(mesh: Mesh, views: Views, kind: str, force: bool, run: Run) -> None:
    """Compare the finished model with each photo and note the result in the report; warn of photos that disagree, or raise
    CaptureError if most do and `force` is off."""
    found = photo_agreement(mesh, views)
    values = [a.correlation for a in found if a.correlation is not None]
    rows = [
        {"name": a.name, "correlation": None if a.correlation is None else round(a.correlation, 3)}
        for a in found
    ]
    run.context.note("quality", photos=rows)
    if kind != "object" or not values:
        return
    middle = float(np.median(values))
    others = _disagreeing(found, DIFFERENT)
    if len(others) >= MIN_DIFFERENT * len(values):
        _refuse(
            f"{len(others)} of {len(found)} photos do not look like the model ({named(others)}): they show another object, or it "
            "was moved or its shape changed between them",
            "leave them out, or write it anyway with --force",
            force,
            run,
        )
    elif middle < MIN_AGREEMENT:
        _refuse(
            f"the model does not look like the photos (median correlation {middle:.2f})",
            "the object must keep still, be matt and textured, and be the same in all photos; "
            "write it anyway with --force",
            force,
            run,
        )
    elif middle < GOOD_AGREEMENT:
        run.warn(
            f"The model agrees poorly with the photos (median correlation {middle:.2f}, good is {GOOD_AGREEMENT}): "
            "the object may have moved, shine, or lack texture."
        )
    elif off := _disagreeing(found, 0.5 * middle):
        run.warn(
            f"These photos disagree with the model: {named(off)}. Leave them out if the model is wrong on their side."
        )


def _disagreeing(found: Sequence[PhotoAgreement], least: float) -> list[str]:
    """Names of the photos whose correlation is below `least`, and that of their detail below half of the best tenth's."""
    detail = [a.detail for a in found if a.detail is not None]
    best = float(np.quantile(detail, 0.9)) if detail else 0.0
    return [
        a.name
        for a in found
        if a.correlation is not None and a.correlation < least and (a.detail is None or a.detail < 0.5 * best)
    ]


def named(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def photo_agreement(mesh: Mesh, views: Views) -> list[PhotoAgreement]:
    """The agreement of the textured model with each of its views, in their order."""
    from PIL import Image as Pillow

    from lift3d.geometry.camera.projection import resize_camera
    from lift3d.geometry.render.drawable import drawable
    from lift3d.geometry.render.renderer import render

    ready = drawable(mesh)
    out = []
    for image, camera in zip(views.images, views.cameras):
        factor = min(1.0, RENDER_SIZE / max(camera.width, camera.height))
        small = resize_camera(
            camera, max(round(camera.width * factor), 8), max(round(camera.height * factor), 8)
        )
        shot = render(ready, small, samples=1, shading=0.0)
        photo = Pillow.fromarray(image.pixels).resize((small.width, small.height), Pillow.Resampling.BOX)
        grey = np.asarray(photo.convert("L"), np.float64)
        made = np.asarray(Pillow.fromarray(shot.rgb).convert("L"), np.float64)
        value = detail = None
        # a model of one colour tells nothing of its shape
        if shot.mask.sum() >= 200 and made[shot.mask].std() >= MIN_CONTRAST:
            value = _correlation(grey[shot.mask], made[shot.mask])
            detail = _correlation(_detail(grey, shot.mask), _detail(made, shot.mask))
        out.append(PhotoAgreement(image.name, value, detail))
    return out


def _correlation(photo: F64, model: F64) -> float:
    """The correlation of grey values (N,); a photo without contrast agrees with nothing."""
    a, b = photo - photo.mean(), model - model.mean()
    return float((a * b).mean() / (max(float(a.std()), MIN_CONTRAST) * max(float(b.std()), 1e-9)))


def _detail(grey: F64, mask: NDArray[np.bool_]) -> F64:
    """(N,) grey values (H, W) within a mask less their mean around them within it."""
    from scipy.ndimage import gaussian_filter

    share = gaussian_filter(mask.astype(np.float64), DETAIL)
    around = gaussian_filter(np.where(mask, grey, 0.0), DETAIL) / np.maximum(share, 1e-9)
    return np.asarray((grey - around)[mask])


def _refuse(cause: str, advice: str, force: bool, run: Run) -> None:
    if not force:
        raise CaptureError(cause, advice)
    run.warn(f"{cause[0].upper()}{cause[1:]}.")
