"""Structure from motion by pycolmap (Schoenberger & Frahm 2016, "Structure-from-motion revisited").

Cameras and points are computed from the features and matches of a `features.Workspace`. Every random choice takes the seed
and bundle adjustment sums in one thread, so the same photos give the same cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.features import Pair, SfmOptions, Workspace
from lift3d.types import F64, Camera

Reconstruction = pycolmap.Reconstruction

MIN_MATCHES = 12
"""Least number of matches of a pair that counts in `consistent_photo_fraction`."""


def _pipeline(settings: SfmOptions, seed: int) -> pycolmap.IncrementalPipelineOptions:
    """Options of COLMAP's incremental mapper."""
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = seed + 1
    options.extract_colors = False
    options.min_model_size = 3
    options.max_num_models = 4
    options.min_num_matches = settings.min_inliers
    options.ba_min_num_residuals_for_cpu_multi_threading = 1 << 30
    options.mapper.abs_pose_min_num_inliers = settings.min_inliers
    options.mapper.abs_pose_min_inlier_ratio = 0.15
    options.mapper.init_min_num_inliers = settings.init_min_inliers
    options.mapper.init_min_tri_angle = settings.init_min_angle
    return options


def map_incrementally(
    workspace: Workspace, settings: SfmOptions, seed: int, start: Path | None = None
) -> Reconstruction | None:
    """The incremental mapper's model with most photos (then most points), or None. start: folder of a model to continue from."""
    options = _pipeline(settings, seed)
    folder = workspace.folder / "models"
    folder.mkdir(exist_ok=True)
    if start is not None:
        options.multiple_models = False
        models = pycolmap.incremental_mapping(
            workspace.database, workspace.pictures, folder, options, str(start)
        )
    else:
        models = pycolmap.incremental_mapping(workspace.database, workspace.pictures, folder, options)
    if not models:
        return None
    return max((models[k] for k in sorted(models)), key=lambda m: (m.num_reg_images(), m.num_points3D()))


def is_collapsed(model: Reconstruction) -> bool:
    """Whether most cameras stand in one place: their median distance from it is below 1 % of that of the points."""
    poses = [np.asarray(model.images[i].cam_from_world().matrix()) for i in sorted(model.reg_image_ids())]
    centres = np.array([-p[:, :3].T @ p[:, 3] for p in poses])
    xyz = np.array([model.points3D[i].xyz for i in sorted(model.points3D)])
    if not len(xyz):
        return True
    middle = np.median(centres, axis=0)
    spread = np.median(np.linalg.norm(centres - middle, axis=1))
    return bool(spread < 0.01 * np.median(np.linalg.norm(xyz - middle, axis=1)))


def drop_weakly_connected(model: Reconstruction, least: int = 10) -> list[int]:
    """Remove weakly connected images from the model, weakest first, and refine the rest; returns their ids.

    Weak is an image that shares fewer than `least` points with two or more others, as many as registering a photo takes. A photo
    tied to one other only can be off by degrees without a visible error, and its depths then cut into the surface that the others
    see. Three images always remain.
    """
    dropped: list[int] = []
    while model.num_reg_images() > 3:
        shared = dict.fromkeys(model.reg_image_ids(), 0)
        for point in model.points3D.values():
            images = {element.image_id for element in point.track.elements}
            if len(images) >= 3:
                for image_id in images:
                    shared[image_id] += 1
        weakest = min(sorted(shared), key=lambda i: shared[i])
        if shared[weakest] >= least:
            break
        model.deregister_frame(model.images[weakest].frame_id)
        dropped.append(weakest)
    if dropped:
        bundle_adjust(model, principal_point=False)
    return dropped


def bundle_adjust(model: Reconstruction, principal_point: bool, distortion: bool = True) -> None:
    """Bundle adjustment of all poses, points and lenses in place; the principal points only if `principal_point`, the
    distortion only if `distortion`."""
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_extra_params = distortion
    options.refine_principal_point = principal_point
    options.print_summary = False
    options.ceres.solver_options.num_threads = 1
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in sorted(model.reg_image_ids()):
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()
    model.update_point_3d_errors()


def read_camera(model: Reconstruction, image_id: int) -> Camera:
    """A registered image's camera, with OpenCV's four distortion coefficients (or none)."""
    image = model.images[image_id]
    lens = model.cameras[image.camera_id]
    p = [float(x) for x in lens.params]
    distortion: tuple[float, ...] = ()
    if lens.model_name == "SIMPLE_RADIAL":
        distortion = (p[3], 0.0, 0.0, 0.0)
    elif lens.model_name == "RADIAL":
        distortion = (p[3], p[4], 0.0, 0.0)
    elif lens.model_name == "OPENCV":
        distortion = (p[4], p[5], p[6], p[7])
    pose = image.cam_from_world() if callable(image.cam_from_world) else image.cam_from_world
    world_to_camera = np.eye(4)
    world_to_camera[:3] = np.asarray(pose.matrix(), np.float64)
    return Camera(
        int(lens.width),
        int(lens.height),
        float(lens.focal_length_x),
        float(lens.focal_length_y),
        float(lens.principal_point_x),
        float(lens.principal_point_y),
        world_to_camera,
        distortion,
    )


def reprojection_error(model: Reconstruction, image_id: int) -> float:
    """Mean distance in pixels between a photo's features and the projections of their points; 0 without points."""
    image = model.images[image_id]
    seen = [p for p in image.points2D if p.has_point3D()]
    if not seen:
        return 0.0
    xyz = np.array([model.points3D[p.point3D_id].xyz for p in seen])
    pose = np.asarray(image.cam_from_world().matrix())
    projected = model.cameras[image.camera_id].img_from_cam(xyz @ pose[:, :3].T + pose[:, 3])
    return float(np.linalg.norm(projected - np.array([p.xy for p in seen]), axis=1).mean())


def read_structure(
    model: Reconstruction, workspace: Workspace, kept: Sequence[int]
) -> tuple[F64, NDArray[np.uint8], NDArray[np.int32]]:
    """The points of the model that the photos `kept` observe.

    Returns xyz (N, 3) in the world, colours (N, 3) uint8 averaged over the photos, and sorted observations (M, 2) int32 of
    (row in kept, point).
    """
    row = {workspace.ids[k]: r for r, k in enumerate(kept)}
    ids = sorted(model.points3D)
    xyz = np.array([model.points3D[i].xyz for i in ids], np.float64).reshape(-1, 3)
    observed: list[tuple[int, int]] = []
    pixels: list[tuple[float, float]] = []
    for n, point_id in enumerate(ids):
        for element in model.points3D[point_id].track.elements:
            if element.image_id in row:
                observed.append((row[element.image_id], n))
                xy = model.images[element.image_id].points2D[element.point2D_idx].xy
                pixels.append((float(xy[0]), float(xy[1])))
    observations = np.array(observed, np.int32).reshape(-1, 2)
    positions = np.array(pixels, np.float64).reshape(-1, 2)
    order = np.lexsort((observations[:, 1], observations[:, 0]))
    observations, positions = observations[order], positions[order]
    sums, counts = np.zeros((len(ids), 3)), np.zeros(len(ids))
    for r, k in enumerate(kept):
        rows = observations[:, 0] == r
        photo = workspace.photos[k]
        u = np.clip(positions[rows, 0].astype(int), 0, photo.width - 1)
        v = np.clip(positions[rows, 1].astype(int), 0, photo.height - 1)
        np.add.at(sums, observations[rows, 1], photo.pixels[v, u])
        np.add.at(counts, observations[rows, 1], 1)
    colours = np.clip(sums / np.maximum(counts, 1)[:, None] + 0.5, 0, 255).astype(np.uint8)
    return xyz, colours, np.unique(observations, axis=0)


def triangulate(workspace: Workspace, cameras: Sequence[Camera], seed: int) -> Reconstruction:
    """A model of points from the matches and known pinhole cameras, one per photo; the cameras are not changed."""
    database = pycolmap.Database.open(workspace.database)
    stored = {image.image_id: image for image in database.read_all_images()}
    model = Reconstruction()
    for image_id, camera in zip(workspace.ids, cameras):
        lens = pycolmap.Camera(
            camera_id=stored[image_id].camera_id,
            model="PINHOLE",
            width=camera.width,
            height=camera.height,
            params=[camera.fx, camera.fy, camera.cx, camera.cy],
        )
        lens.has_prior_focal_length = True
        database.update_camera(lens)
    database.close()
    cache = pycolmap.Database.open(workspace.database)
    for lens in cache.read_all_cameras():
        model.add_camera(lens)
    for rig in cache.read_all_rigs():
        model.add_rig(rig)
    pose_of = {image_id: camera.world_to_camera for image_id, camera in zip(workspace.ids, cameras)}
    for frame in cache.read_all_frames():
        pose = pose_of[next(iter(frame.image_ids)).id]
        frame.rig_from_world = pycolmap.Rigid3d(pycolmap.Rotation3d(pose[:3, :3]), pose[:3, 3])
        model.add_frame(frame)
    for image in cache.read_all_images():
        model.add_image(image)
        model.register_frame(image.frame_id)
    cache.close()
    options = _pipeline(SfmOptions(), seed)
    options.fix_existing_frames = True
    out = workspace.folder / "triangulated"
    out.mkdir(exist_ok=True)
    return pycolmap.triangulate_points(model, workspace.database, workspace.pictures, out, True, options)


def epipolar_agreement(pairs: Sequence[Pair], keypoints: Sequence[F64], cameras: Sequence[Camera]) -> float:
    """Fraction of the verified matches near the epipolar line that the cameras predict.

    Near is 4 pixels per 1000 of the photo's longer side; F = K2^-T [t]x R K1^-1 (Hartley & Zisserman 9.1), Sampson distance.
    """
    good = total = 0
    for pair in pairs:
        a, b = cameras[pair.i], cameras[pair.j]
        r = b.R @ a.R.T
        t = b.t - r @ a.t
        cross = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]])
        f = np.linalg.inv(b.K).T @ cross @ r @ np.linalg.inv(a.K)
        x = np.c_[keypoints[pair.i][pair.matches[:, 0]], np.ones(len(pair.matches))]
        y = np.c_[keypoints[pair.j][pair.matches[:, 1]], np.ones(len(pair.matches))]
        line, back = x @ f.T, y @ f
        residual = np.abs((y * line).sum(1)) / np.sqrt(
            np.maximum((line[:, :2] ** 2).sum(1) + (back[:, :2] ** 2).sum(1), 1e-30)
        )
        good += int((residual < 4e-3 * max(a.width, a.height)).sum())
        total += len(pair.matches)
    return good / total if total else 0.0


def consistent_photo_fraction(
    pairs: Sequence[Pair], keypoints: Sequence[F64], cameras: Sequence[Camera]
) -> float:
    """Fraction of the photos with at least two pairs whose matches mostly agree with the cameras.

    Pairs are counted, not matches: on a house whose front looks like its back, most matches join different places even with true
    cameras. But then a photo agrees with its neighbours, and with wrong cameras it agrees with none.
    """
    good = np.zeros(len(cameras), int)
    for pair in pairs:
        if len(pair.matches) >= MIN_MATCHES and epipolar_agreement([pair], keypoints, cameras) >= 0.5:
            good[[pair.i, pair.j]] += 1
    return float((good >= 2).mean())
