"""Views of photos whose cameras are given: undistortion, a check that the cameras fit, and triangulation of sparse points."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.context import Progress, silent
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.camera.projection import project
from lift3d.geometry.camera.undistort import undistort
from lift3d.geometry.sfm import diagnosis, features, mapper
from lift3d.geometry.sfm.pair_selection import select_pairs
from lift3d.types import F64, Camera, Photos, Points, Views


def views_from_cameras(
    photos: Photos,
    cameras: Sequence[Camera],
    unit: str | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Views, dict[str, Any]]:
    """Undistorted views with triangulated points, poses unchanged; and figures for the report.

    cameras: one per photo, world in `unit` ("m" or None). Raises InputError when the cameras do not fit the photos (sizes
    differ, or matched features contradict the poses), CaptureError when too few features can be matched.
    """
    if len(cameras) != len(photos):
        raise InputError(
            f"{len(cameras)} cameras given for {len(photos)} photos", "give one camera per photo"
        )
    if len(photos) < 3:
        diagnosis.require_distinct(photos.images, {})
    for image, camera in zip(photos.images, cameras):
        if (image.width, image.height) != (camera.width, camera.height):
            raise InputError(
                f"photo {image.name} is {image.width}x{image.height}, "
                f"but its camera {camera.width}x{camera.height}",
                "give the camera file that was made from these photos",
            )
    straight = [undistort(image, camera) for image, camera in zip(photos.images, cameras)]
    images = [image for image, _ in straight]
    pinholes = [camera for _, camera in straight]
    with tempfile.TemporaryDirectory(prefix="lift3d-") as folder:
        space = features.open_workspace(Path(folder), images, False, "PINHOLE", [c.fx for c in pinholes])
        effort = features.effort_for(len(images))
        progress("cameras: finding features", 0.05)
        features.extract_features(space, effort)
        progress("cameras: matching", 0.4)
        descriptors = features.read_descriptors(space)
        features.match_pairs(space, select_pairs(descriptors, photos.ordered, seed=seed), effort, seed)
        progress("cameras: triangulating", 0.8)
        model = mapper.triangulate(space, pinholes, seed)
        pairs, keypoints = features.read_pairs(space), features.read_keypoints(space)
        agreement = mapper.epipolar_agreement(pairs, keypoints, pinholes)
        _require_fit(pairs, keypoints, pinholes, model.num_points3D())
        xyz, colours, observations = mapper.read_structure(model, space, range(len(images)))
        figures = {
            "given": len(images),
            "registered": len(images),
            "known_cameras": True,
            "points": len(xyz),
            "reprojection_error": round(float(model.compute_mean_reprojection_error()), 4),
            "track_length": round(float(model.compute_mean_track_length()), 3),
            "epipolar_agreement": round(agreement, 4),
            "depth_median": float(np.median(project(pinholes[0], xyz)[1])),
        }
    progress("cameras: done", 1.0)
    points = Points(xyz, None, colours, unit)
    return Views(tuple(images), tuple(pinholes), points, observations, unit), figures


def _require_fit(
    pairs: Sequence[features.Pair], keypoints: Sequence[F64], cameras: Sequence[Camera], points: int
) -> None:
    """Raise InputError if the matches contradict the cameras, CaptureError if there are too few to tell."""
    matches, needed = sum(len(pair.matches) for pair in pairs), max(30, 5 * len(cameras))
    if matches >= needed:
        share = mapper.consistent_photo_fraction(pairs, keypoints, cameras)
        if share < 0.5:
            raise InputError(
                f"the given cameras do not match the photos (only {100 * share:.0f} % of them agree with two others, in "
                f"{matches} matches)",
                "give the camera file that was made from these photos, or leave it out",
            )
    if matches < needed or points < needed:
        raise CaptureError(
            f"the photos hold too few details that can be matched ({matches} matches and {points} points in "
            f"{len(cameras)} photos)",
            "take sharp photos of an object with texture, nearer to each other, or put printed paper around it",
        )
