"""Photos whose cameras are given by a file: the first step of a reconstruction in the place of images_to_cameras.

Photos whose EXIF tag rotates them have two sets of pixels, the stored and the upright ones, and a file of cameras is of one of
them. Sizes tell which where they can. Half turns, reflections and square pictures have equal sizes: then both are tried, and
the epipolar geometry of the matches decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError, Lift3dError
from lift3d.io.camera.cameras import KnownCameras as CameraFile
from lift3d.io.camera.matching import UNMIRRORED, UPRIGHT, layouts, match_cameras
from lift3d.mapping import Card, Mapping
from lift3d.types import Photos, PhotoStatus, Views

MIN_LEAD = 0.1
"""The better of two layouts needs an epipolar agreement this much larger than that of the other."""
Attempt = tuple[Views, dict[str, Any]]


@dataclass(frozen=True)
class KnownCameras(Mapping[Photos, Views]):
    """Stands in for images_to_cameras when a file gives the cameras.

    path: a COLMAP model, a transforms.json or the raw data of Polycam. The given poses are kept.
    """

    path: Path
    card = Card("images_to_cameras", "Photos", "Views", ())

    def apply(self, source: Photos, context: Context) -> Views:
        """Views of the photos that the file has a camera for."""
        from lift3d.io.camera.cameras import read_known_cameras

        known = read_known_cameras(self.path)
        views, figures, layout = _fitting(source, known, context)
        matched = {image.name for image in views.images}
        missing = f"no camera of this name in {self.path.name}"
        status = tuple(
            PhotoStatus(image.name, image.name in matched, "" if image.name in matched else missing)
            for image in source.images
        )
        context.note(self.card.name, **figures, cameras_of=layout)
        context.note(
            self.card.name,
            photos=[
                {"name": s.name, "status": "registered" if s.placed else "left out", "reason": s.reason}
                for s in status
            ],
        )
        return replace(views, photos=status, warnings=(*known.warnings, *_turned(views, layout)))


def _fitting(photos: Photos, known: CameraFile, context: Context) -> tuple[Views, dict[str, Any], str]:
    """The views, figures for the report, and the pictures that the cameras are of. Raises InputError where that cannot be
    decided."""
    possible = layouts(photos, known.cameras)
    found: dict[str, Attempt | Lift3dError] = {}
    for k, layout in enumerate(possible):

        def progress(step: str, fraction: float, k: int = k) -> None:
            context.progress(step, (k + fraction) / len(possible))

        try:
            found[layout] = _views(photos, known, layout, context, progress)
        except (InputError, CaptureError) as error:
            found[layout] = error
    attempts = {layout: attempt for layout, attempt in found.items() if isinstance(attempt, tuple)}
    if not attempts:
        first = next(error for error in found.values() if isinstance(error, Lift3dError))
        raise _with_orientation(first, photos, possible)
    order = sorted(attempts, key=lambda layout: -_agreement(attempts[layout]))
    if len(order) == 2 and _agreement(attempts[order[0]]) - _agreement(attempts[order[1]]) < MIN_LEAD:
        names = [image.name for image in photos.images if image.orientation != 1]
        raise InputError(
            f"{names[0]} and {len(names) - 1} more photos are turned by their EXIF orientation, and it cannot be decided whether "
            "the cameras are of the stored or of the upright pictures: their sizes are equal, and the matches agree with both",
            "save the photos without an EXIF orientation as the program that computed the cameras read them",
        )
    views, figures = attempts[order[0]]
    return views, figures, order[0]


def _views(photos: Photos, known: CameraFile, layout: str, context: Context, progress: Any) -> Attempt:
    from lift3d.geometry.sfm.known_cameras import views_from_cameras

    matched, cameras = match_cameras(photos, known.cameras, layout)
    return views_from_cameras(matched, cameras, known.unit, context.seed, progress)


def _with_orientation(error: Lift3dError, photos: Photos, tried: tuple[str, ...]) -> Lift3dError:
    """The error with what was assumed about photos that EXIF turns."""
    turned = sorted({image.orientation for image in photos.images if image.orientation != 1})
    if not turned or tried == (UPRIGHT,):
        return error
    which = ", ".join(str(o) for o in turned)
    what = (
        "were rotated with the photos"
        if len(tried) == 1
        else "were tried as they are and rotated with the photos"
    )
    return type(error)(f"{error.cause}; the cameras {what} by their EXIF orientation ({which})", error.advice)


def _agreement(attempt: Attempt) -> float:
    return float(attempt[1]["epipolar_agreement"])


def _turned(views: Views, layout: str) -> list[str]:
    """What was done to cameras and photos with an EXIF orientation."""
    turned = [image for image in views.images if image.orientation != 1]
    if not turned or layout == UPRIGHT:
        return []
    sentences = [
        f"The cameras are of the pictures as stored, without their EXIF orientation: {len(turned)} of {len(views)} cameras were "
        "rotated with their photos."
    ]
    mirrored = [image for image in turned if image.orientation in UNMIRRORED]
    if mirrored:
        sentences.append(
            f"{len(mirrored)} photos are mirrored by their EXIF orientation, but their cameras are not: they are used unmirrored."
        )
    return sentences
