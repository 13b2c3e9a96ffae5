"""Photos of one size that were taken with different focal lengths, which no file states.

Without EXIF, photos of one size are taken to share a lens. If the zoom was used between them, bundle adjustment then bends poses
and shape until the error is spread evenly: a model that looks right and has the wrong proportions. `photo_focals` gives every
photo a focal length of its own; where that is supported by the evidence (`lens.supported`) and the focal lengths lie apart,
`zoom_groups` divides the photos at the gaps, and `with_lenses` is the workspace for mapping the same matches again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lift3d.geometry.sfm import features
from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.lens import squared_errors, supported
from lift3d.geometry.sfm.mapper import Reconstruction, bundle_adjust, map_incrementally
from lift3d.types import F64

SPREAD = 0.06
"""Relative difference of focal lengths below which a lens is the same: autofocus alone changes it by up to about this much."""
GAP = 0.05
"""Relative difference of consecutive focal lengths, in order of size, that separates two zooms."""
MOST_POINTS = 4000
"""Points, those seen by most photos, from which the focal lengths are estimated."""


@dataclass(frozen=True)
class Zooms:
    """A workspace with a lens for each zoom, its model, and the focal lengths of its lenses in pixels."""

    space: features.Workspace
    model: Reconstruction
    focals: tuple[float, ...]


def separate_zooms(
    space: features.Workspace, model: Reconstruction, folder: Path, lens: str | None, seed: int
) -> Zooms | None:
    """The model of the same matches with a lens for each zoom; None if the lenses of `space` are as good.

    folder: where the new workspace is made. lens: the COLMAP model to map with, or None for that of the model, without distortion
    where a lens has fewer than three photos. None as well if fewer photos are placed then, or
    if the error of the median observation is no smaller.
    """
    registered = set(model.reg_image_ids())
    groups: list[list[int]] = []
    focals: list[float | None] = [None] * len(space.photos)
    for members in space.groups:
        placed = [k for k in members if space.ids[k] in registered]
        found = photo_focals(model, [space.ids[k] for k in placed])
        parts = zoom_groups([found[space.ids[k]] for k in placed]) if found else [list(range(len(placed)))]
        if len(parts) == 1:
            groups.append(members)
            continue
        groups += [[placed[n] for n in part] for part in parts]
        groups += [[k] for k in members if k not in placed]
        for part in parts:
            median = float(np.median([found[space.ids[placed[n]]] for n in part]))
            for n in part:
                focals[placed[n]] = median
    if len(groups) == len(space.groups):
        return None
    for k, photo in enumerate(space.photos):
        focals[k] = focals[k] or photo.focal
    few = any(len(members) < 3 for members in groups)
    name = lens or ("SIMPLE_PINHOLE" if few else model.cameras[min(model.cameras)].model_name)
    new = with_lenses(space, folder, groups, focals, name)
    again = map_incrementally(new, features.effort_for(len(space.photos)), seed)
    if again is None or again.num_reg_images() < model.num_reg_images():
        return None
    if _median_error(again) >= _median_error(model):
        return None
    used = sorted({again.images[i].camera_id for i in again.reg_image_ids()})
    return Zooms(new, again, tuple(sorted(float(again.cameras[c].mean_focal_length()) for c in used)))


def _median_error(model: Reconstruction) -> float:
    return float(np.median(np.concatenate(list(squared_errors(model).values()))))


def photo_focals(model: Reconstruction, images: Sequence[int]) -> dict[int, float]:
    """The focal length in pixels of each image of `images` (ids), which share a lens; empty where one lens is as good."""
    if len(images) < 3:
        return {}
    shared = _reduced(model, ())
    bundle_adjust(shared, principal_point=False)
    apart = _reduced(shared, images)
    for _ in range(2):  # it starts far away, and a hundred steps may not suffice
        bundle_adjust(apart, principal_point=False)
    before, after = (np.concatenate(list(squared_errors(m).values())) for m in (shared, apart))
    if not supported(before, after, len(images) - 1):
        return {}
    return {i: float(apart.cameras[apart.images[i].camera_id].mean_focal_length()) for i in images}


def zoom_groups(focals: Sequence[float]) -> list[list[int]]:
    """Indices of the focal lengths in groups, divided where consecutive ones differ by more than `GAP`. One group if all of them
    lie within `SPREAD`; a group that is wider, from a zoom that was moved gradually, is divided into single ones."""
    order = np.argsort(focals, kind="stable")
    logs = np.log(np.asarray(focals, np.float64)[order])
    parts = np.split(np.arange(len(logs)), np.flatnonzero(np.diff(logs) > GAP) + 1)
    out: list[list[int]] = []
    for part in parts if len(logs) and logs[-1] - logs[0] >= SPREAD else [np.arange(len(logs))]:
        members = sorted(order[part].tolist())
        wide = len(part) and logs[part[-1]] - logs[part[0]] >= SPREAD
        out += [[k] for k in members] if wide else [members]
    return out


def _reduced(model: Reconstruction, own: Sequence[int]) -> Reconstruction:
    """The registered images of a model with at most `MOST_POINTS` points; images of `own` (ids) have a lens each."""
    points = sorted(model.points3D, key=lambda p: (-model.points3D[p].track.length(), p))[:MOST_POINTS]
    observed: dict[int, list[F64]] = {i: [] for i in model.reg_image_ids()}
    tracks = []
    for p in points:
        track = pycolmap.Track()
        for element in model.points3D[p].track.elements:
            track.add_element(element.image_id, len(observed[element.image_id]))
            observed[element.image_id].append(model.images[element.image_id].points2D[element.point2D_idx].xy)
        tracks.append((np.array(model.points3D[p].xyz), track))
    out = Reconstruction()
    free = max(model.cameras, default=0) + 1
    for image_id in sorted(observed):
        old = model.cameras[model.images[image_id].camera_id]
        camera_id = old.camera_id
        if image_id in own:
            camera_id, free = free, free + 1
        if not out.exists_camera(camera_id):
            lens = pycolmap.Camera(
                camera_id=camera_id,
                model=old.model_name,
                width=old.width,
                height=old.height,
                params=old.params,
            )
            out.add_camera_with_trivial_rig(lens)
        image = pycolmap.Image(
            name=model.images[image_id].name,
            keypoints=np.array(observed[image_id], np.float64).reshape(-1, 2),
            camera_id=camera_id,
            image_id=image_id,
        )
        out.add_image_with_trivial_frame(image, model.images[image_id].cam_from_world())
    for xyz, track in tracks:
        out.add_point3D(xyz, track)
    return out


def with_lenses(
    space: features.Workspace,
    folder: Path,
    groups: list[list[int]],
    focals: Sequence[float | None],
    lens: str,
) -> features.Workspace:
    """A workspace in a new folder with the same photos, features and matches, in which each group of photos has one lens.

    focals: of each photo in pixels, or None where it is unknown.
    """
    out = features.open_workspace(folder, space.photos, None, lens, focals, space.masked, groups)
    source, target = (pycolmap.Database.open(s.database) for s in (space, out))
    to = dict(zip(space.ids, out.ids))
    for old, new in to.items():
        target.write_keypoints(new, source.read_keypoints(old))
        target.write_descriptors(new, source.read_descriptors(old))
    for i, a in enumerate(space.ids):
        for b in space.ids[i + 1 :]:
            x, y = (a, b) if a < b else (b, a)
            if source.exists_matches(x, y):
                target.write_matches(to[x], to[y], source.read_matches(x, y))
            if source.exists_two_view_geometry(x, y):
                target.write_two_view_geometry(to[x], to[y], source.read_two_view_geometry(x, y))
    source.close()
    target.close()
    return out
