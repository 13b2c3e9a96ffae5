"""Photos to views: poses and lenses of the cameras, and sparse points (structure from motion).

SIFT features are extracted, selected pairs matched and mapped incrementally; a last bundle adjustment frees the
principal point when many photos share a lens. If photos are left out, they are first matched again with looser
thresholds and added to the model; then the whole search is repeated with more, affine-covariant features.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.camera.undistort import undistort
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.views import OBSERVATIONS_VALID, PHOTOS_EXPLAINED, PINHOLE
from lift3d.geometry.sfm import diagnosis as sfm_diagnosis
from lift3d.geometry.sfm import features
from lift3d.geometry.sfm import mapper as sfm
from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.pair_selection import select_pairs
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
    """shared: one lens for all photos of a size (True), one each (False), or by size and EXIF (None).
    lens: COLMAP model or None for SIMPLE_RADIAL / RADIAL by number of photos. exhaustive: number of
    photos up to which all pairs are matched; above it, each photo is matched with `neighbours` others. retries: number of
    repeated searches with more effort."""

    shared: bool | None = None
    lens: str | None = None
    masks: bool = True
    exhaustive: int = 60
    neighbours: int = 14
    retries: int = 2

    def apply(self, source: Photos, context: Context) -> Views:
        photos = source.images
        if self.lens not in (None, "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV"):
            raise InputError(f"lens model {self.lens} is unknown", "use SIMPLE_RADIAL, RADIAL or OPENCV")
        context.progress("cameras: reading the photos", 0.0)
        same = sfm_diagnosis.find_duplicates(photos)
        sfm_diagnosis.require_distinct(photos, same)
        sharp = [sfm_diagnosis.sharpness(photo.grey) for photo in photos]
        refusal = sfm_diagnosis.blur_error(sharp)
        if refusal is not None:
            raise refusal
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
        model, attempts = self._search(space, [sharp[k] for k in used], ordered, context)
        if model is not None and sfm.drop_weakly_connected(model):
            attempts.append(
                {
                    "step": "without photos that are connected to one other photo only",
                    "registered": model.num_reg_images(),
                }
            )
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
        )
        registered = (
            [] if model is None else [n for n, i in enumerate(space.ids) if i in model.reg_image_ids()]
        )
        points = (
            {} if model is None else {used[n]: model.images[space.ids[n]].num_points3D for n in registered}
        )
        rows = sfm_diagnosis.photo_rows(photos, [used[n] for n in registered], evidence, points)
        context.note(NAME, photos=rows, registered=len(registered), given=len(photos), attempts=attempts)
        if model is None or len(registered) < 3 or sfm_diagnosis.is_mostly_rotation(evidence.rotation):
            raise sfm_diagnosis.reconstruction_error(photos, evidence, len(registered))
        context.progress("cameras: refining", 0.85)
        self._refine(model, space, registered)
        lenses = {space.photos[n].name: _rounded(sfm.read_camera(model, space.ids[n])) for n in registered}
        _note_model(context, model, space, registered, rows, lenses)
        context.progress("cameras: done", 1.0)
        status = tuple(
            PhotoStatus(row["name"], row["status"] == "registered", row["reason"], lenses.get(row["name"]))
            for row in rows
        )
        return replace(_views_of(model, space, registered), photos=status)

    def _search(
        self, space: features.Workspace, sharp: list[float], ordered: bool, context: Context
    ) -> tuple[sfm.Reconstruction | None, list[dict[str, object]]]:
        """The model with the most photos over searches of increasing effort, and a record of each search."""
        count = len(space.photos)
        rungs = [features.effort_for(count)]
        rungs += [
            features.SfmOptions(8000, 0.0015, True, 0.82, 12, 30, 8.0),
            features.SfmOptions(8000, 0.001, True, 0.88, 10, 25, 5.0),
        ]
        best: sfm.Reconstruction | None = None
        attempts: list[dict[str, object]] = []
        for rung, options in enumerate(rungs[: 1 + self.retries]):
            begin = 0.8 * rung / len(rungs)
            context.progress("cameras: finding features", begin + 0.02)
            features.extract_features(space, options)
            context.progress("cameras: matching", begin + 0.1)
            few = count <= self.exhaustive
            descriptors = (
                [np.zeros((0, 128), np.float32)] * count if few else features.read_descriptors(space)
            )
            pairs = select_pairs(descriptors, ordered, self.exhaustive, self.neighbours, seed=context.seed)
            features.match_pairs(space, pairs, options, context.seed)
            context.progress("cameras: mapping", begin + 0.2)
            model = sfm.map_incrementally(space, options, context.seed)
            found = 0 if model is None else model.num_reg_images()
            attempts.append(
                {"step": f"search {rung + 1}", "features": options.max_features, "registered": found}
            )
            if model is not None and found >= 0.75 * count and found < count and self.retries:
                model = self._rescue(space, model, options, context)
                found = model.num_reg_images()
                attempts.append({"step": "looser matching of the photos left out", "registered": found})
            if model is not None and (best is None or found > best.num_reg_images()):
                best = model
            points = features.read_keypoints(space)
            usable = sum(
                s >= sfm_diagnosis.BLURRED and len(p) >= sfm_diagnosis.FEW_FEATURES
                for s, p in zip(sharp, points)
            )
            turned = sfm_diagnosis.pure_rotations(features.read_pairs(space), space.photos, points)
            enough = best is not None and best.num_reg_images() >= max(3.0, 0.75 * usable)
            if enough or sfm_diagnosis.is_mostly_rotation(turned):
                break
        return best, attempts

    def _rescue(
        self,
        space: features.Workspace,
        model: sfm.Reconstruction,
        options: features.SfmOptions,
        context: Context,
    ) -> sfm.Reconstruction:
        """Match the photos left out again with looser thresholds, and continue mapping from the model."""
        inside = set(model.reg_image_ids())
        out = [n for n, i in enumerate(space.ids) if i not in inside]
        pairs = [(min(n, m), max(n, m)) for n in out for m in range(len(space.ids)) if m != n]
        loose = replace(options, max_ratio=0.88, min_inliers=10)
        features.match_pairs(space, np.array(sorted(set(pairs)), np.int32), loose, context.seed)
        start = space.folder / "start"
        start.mkdir(exist_ok=True)
        model.write(start)
        more = sfm.map_incrementally(space, loose, context.seed, start)
        return more if more is not None and more.num_reg_images() > model.num_reg_images() else model

    def _refine(self, model: sfm.Reconstruction, space: features.Workspace, registered: list[int]) -> None:
        """Last bundle adjustment, in place. The principal point is freed when every lens has at least 12 photos, and the
        result is kept if it lies within 3 % of the photo's size from the centre."""
        groups = [[k for k in g if k in registered] for g in space.groups]
        many = all(len(g) >= 12 for g in groups if g)
        if not many:
            return
        before = {i: np.array(c.params) for i, c in model.cameras.items()}
        trial = pycolmap.Reconstruction(model)
        sfm.bundle_adjust(trial, principal_point=True)
        sound = all(
            abs(c.principal_point_x - c.width / 2) < 0.03 * c.width
            and abs(c.principal_point_y - c.height / 2) < 0.03 * c.height
            for i, c in trial.cameras.items()
            if i in before
        )
        if sound:
            sfm.bundle_adjust(model, principal_point=True)


def _views_of(
    model: sfm.Reconstruction, space: features.Workspace, registered: Sequence[int], unit: str | None = None
) -> Views:
    """Undistorted views of the registered photos with the model's points and observations."""
    images, cameras = [], []
    for n in registered:
        image, camera = undistort(space.photos[n], sfm.read_camera(model, space.ids[n]))
        images.append(image)
        cameras.append(camera)
    xyz, colours, observations = sfm.read_structure(model, space, registered)
    return Views(tuple(images), tuple(cameras), Points(xyz, None, colours, unit), observations, unit)


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
