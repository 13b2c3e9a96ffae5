"""Photos to views: poses and lenses of the cameras, and sparse points (structure from motion).

SIFT features are extracted, selected pairs matched and mapped incrementally with a simple lens; further parameters of the lens
are freed at the end where the evidence supports them. If photos are left out, the search goes on with other settings
(`lift3d.geometry.sfm.search`). Features that stand still while others move are the surroundings of a turntable and are ignored;
where the cameras show one, the pixels that stand still become the background of the views, whatever the backdrop.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.camera.undistort import undistort
from lift3d.geometry.camera.up_direction import up_direction
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.views import OBSERVATIONS_VALID, PHOTOS_EXPLAINED, PINHOLE
from lift3d.geometry.sfm import diagnosis as sfm_diagnosis
from lift3d.geometry.sfm import features
from lift3d.geometry.sfm import mapper as sfm
from lift3d.geometry.sfm.background import still_background
from lift3d.geometry.sfm.lens import refine_lens
from lift3d.geometry.sfm.search import SearchOptions, SearchResult, find_cameras
from lift3d.geometry.sfm.sharpness import sharpness
from lift3d.geometry.sfm.zooms import Zooms, separate_zooms
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Camera, Image, Photos, PhotoStatus, Points, Views

NAME = "images_to_cameras"


@register(
    Card(
        NAME,
        "Photos",
        "Views",
        (PHOTOS_EXPLAINED, OBSERVATIONS_VALID, PINHOLE, SAME_BYTES),
        reference="Schoenberger & Frahm, Structure-from-motion revisited, CVPR 2016",
    )
)
@dataclass(frozen=True)
class ImagesToCameras(Mapping[Photos, Views]):
    """shared: one lens for all photos of a size (True), one each (False), or by size, EXIF and, where matches show that it
    changed, focal length (None). lens: COLMAP model or None to choose by the evidence. exhaustive: number of photos up to which
    all pairs are matched; above it, each photo is matched with `neighbours` others. retries: number of repeated searches with
    more effort; with 0, other settings are not tried either. turntable: the object turned before a still camera (True), or not
    (False), or None to find out."""

    shared: bool | None = None
    lens: str | None = None
    masks: bool = True
    exhaustive: int = 60
    neighbours: int = 14
    retries: int = 2
    turntable: bool | None = None

    def apply(self, source: Photos, context: Context) -> Views:
        photos = source.images
        if self.lens not in (None, "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"):
            raise InputError(f"lens model {self.lens} is unknown", "use SIMPLE_RADIAL, RADIAL or OPENCV")
        context.progress("cameras: reading the photos", 0.0)
        same = sfm_diagnosis.find_duplicates(photos)
        sfm_diagnosis.require_distinct(photos, same)
        sharp = [sharpness(photo.grey) for photo in photos]
        used = [k for k in range(len(photos)) if k not in same]
        chosen = [photos[k] for k in used]
        with tempfile.TemporaryDirectory(prefix="lift3d-") as folder:
            return self._views(photos, chosen, used, same, sharp, source.ordered, Path(folder), context)

    def _views(
        self,
        photos: Sequence[Image],
        chosen: list[Image],
        used: list[int],
        same: dict[int, int],
        sharp: list[float],
        ordered: bool,
        folder: Path,
        context: Context,
    ) -> Views:
        space = features.open_workspace(folder, chosen, self.shared, self.lens, use_masks=self.masks)
        options = SearchOptions(
            self.lens, self.exhaustive, self.neighbours, self.retries, ordered, self.turntable, context.seed
        )
        result = find_cameras(space, options, context.progress)
        model, attempts = result.model, result.attempts
        if model is not None and sfm.drop_weakly_connected(model):
            attempts.append(
                {
                    "step": "without photos that are connected to one other photo only",
                    "registered": model.num_reg_images(),
                }
            )
        if model is not None and self.shared is None:
            zooms = separate_zooms(space, model, folder / "zooms", self.lens, context.seed)
            if zooms is not None:
                space, model = zooms.space, zooms.model
                attempts.append(_zooms_note(zooms))
        pairs = features.read_pairs(space)
        keypoints = features.read_keypoints(space)
        found = [len(p) for p in keypoints]
        every = {k: n for n, k in enumerate(used)}
        evidence = sfm_diagnosis.MatchEvidence(
            sharp,
            [found[every[k]] if k in every else found[every[same[k]]] for k in range(len(photos))],
            [replace(p, i=used[p.i], j=used[p.j]) for p in pairs],
            same,
            sfm_diagnosis.pure_rotations(pairs, chosen, keypoints),
            result.still.moving if result.still is not None and result.still.turntable else None,
        )
        registered = (
            [] if model is None else [n for n, i in enumerate(space.ids) if i in model.reg_image_ids()]
        )
        points = (
            {} if model is None else {used[n]: model.images[space.ids[n]].num_points3D for n in registered}
        )
        rows = sfm_diagnosis.photo_rows(photos, [used[n] for n in registered], evidence, points)
        context.note(NAME, photos=rows, registered=len(registered), given=len(photos), attempts=attempts)
        context.note(NAME, turntable=_turntable_note(result))
        if model is None or len(registered) < 3 or sfm_diagnosis.is_mostly_rotation(evidence.rotation):
            raise sfm_diagnosis.reconstruction_error(photos, evidence, len(registered))
        context.progress("cameras: refining", 0.85)
        if self.lens in (None, "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
            model = refine_lens(model, self.lens or "RADIAL")
        lenses = {space.photos[n].name: _rounded(sfm.read_camera(model, space.ids[n])) for n in registered}
        _note_model(context, model, space, registered, rows, lenses)
        context.progress("cameras: done", 1.0)
        status = tuple(
            PhotoStatus(
                row["name"],
                row["status"] == "registered",
                row["reason"],
                lenses.get(row["name"]),
                row["sharpness"],
            )
            for row in rows
        )
        turned = result.still is not None and result.still.turntable
        fixed = up_direction([sfm.read_camera(model, space.ids[n]) for n in registered]).fixed_axis
        still = still_background(chosen) if self.turntable is not False and (turned or fixed) else None
        return replace(_views_of(model, space, registered, still), photos=status)


def _zooms_note(zooms: Zooms) -> dict[str, Any]:
    """For the report, that photos of one size were taken with several focal lengths."""
    return {
        "step": "a lens for each focal length",
        "focals": [round(f, 1) for f in zooms.focals],
        "registered": zooms.model.num_reg_images(),
    }


def _turntable_note(result: SearchResult) -> dict[str, Any] | None:
    """What stood still, for the report; None where nothing did."""
    still = result.still
    if still is None or not still.turntable:
        return None
    return {
        "photos_with_still_surroundings": still.photos,
        "still_features_ignored": still.count,
        "moving_features_per_photo": round(still.moving, 1),
    }


def _views_of(
    model: sfm.Reconstruction,
    space: features.Workspace,
    registered: Sequence[int],
    still: Sequence[NDArray[np.bool_]] | None = None,
) -> Views:
    """Undistorted views of the registered photos with the model's points and observations. still: (H, W) bool for each photo of
    the workspace, its surroundings that stand still."""
    images, cameras, background = [], [], []
    for n in registered:
        lens = sfm.read_camera(model, space.ids[n])
        image, camera = undistort(space.photos[n], lens)
        images.append(image)
        cameras.append(camera)
        if still is not None:
            mask = undistort(replace(space.photos[n], mask=still[n]), lens)[0].mask
            assert mask is not None
            background.append(mask)
    xyz, colours, observations = sfm.read_structure(model, space, registered)
    points = Points(xyz, None, colours)
    return Views(tuple(images), tuple(cameras), points, observations, background=tuple(background))


def _note_model(
    context: Context,
    model: sfm.Reconstruction,
    space: features.Workspace,
    registered: Sequence[int],
    rows: list[dict[str, Any]],
    lenses: dict[str, Camera],
) -> None:
    """Add reprojection errors and lenses to the report; `rows`, one for each photo, are updated in place."""
    by_name = {row["name"]: row for row in rows}
    for n in registered:
        name = space.photos[n].name
        by_name[name].update(
            reprojection_error=round(sfm.reprojection_error(model, space.ids[n]), 4),
            lens={k: getattr(lenses[name], k) for k in ("fx", "fy", "cx", "cy")}
            | {"distortion": list(lenses[name].distortion)},
        )
    context.note(NAME, photos=rows)
    cameras = sorted({model.images[space.ids[n]].camera_id for n in registered})
    advice = (
        "" if len(registered) >= 0.9 * len(rows) else "the report says for each photo left out what to try"
    )
    context.note(
        NAME,
        points=model.num_points3D(),
        reprojection_error=round(float(model.compute_mean_reprojection_error()), 4),
        track_length=round(float(model.compute_mean_track_length()), 3),
        intrinsics=[
            {
                "model": model.cameras[c].model_name,
                "width": int(model.cameras[c].width),
                "height": int(model.cameras[c].height),
                "params": [round(float(x), 6) for x in model.cameras[c].params],
            }
            for c in cameras
        ],
        diagnosis=f"{len(registered)} of {len(rows)} photos placed",
        advice=advice,
    )


def _rounded(camera: Camera) -> Camera:
    """The camera with focal length and principal point rounded to 1e-4 pixels and distortion to 1e-8."""
    numbers: dict[str, Any] = {
        name: round(float(getattr(camera, name)), 4) for name in ("fx", "fy", "cx", "cy")
    }
    return replace(camera, **numbers, distortion=tuple(round(float(x), 8) for x in camera.distortion))
