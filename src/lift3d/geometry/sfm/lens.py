"""Which lens model the evidence supports: few parameters while cameras are searched, more of them at the end if they pay.

Distortion acts far from the centre of the picture. Where features fill only the middle (masks, plain backdrops, long lenses),
its coefficients are hardly determined, run away and drag the poses with them. The search therefore starts with one coefficient or
none, and `refine_lens` adds parameters one model at a time where the gain exceeds the Bayesian information criterion (Schwarz
1978) with a margin, and the lens stays monotone: a larger angle is imaged farther from the centre, up to the corner.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.features import Pair, Workspace
from lift3d.geometry.sfm.mapper import Reconstruction, bundle_adjust
from lift3d.types import F64

NARROW = 0.45
"""Features within this fraction of the half diagonal do not determine a distortion."""
STEPS = ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
"""Lens models by number of parameters; each contains the one before."""
LEAST_PHOTOS = {"SIMPLE_RADIAL": 3, "RADIAL": 12}
"""Photos of a lens below which a model is not tried."""
MARGIN, LEAST_GAIN = 2.0, 0.002
"""A parameter must lower the cost by MARGIN log(N), since errors are correlated, and by this fraction."""
MAX_DISTORTION = 0.4
"""Largest relative change of the radius at the corner that is believed."""


def feature_radius(workspace: Workspace, pairs: Sequence[Pair], keypoints: Sequence[F64]) -> float:
    """The 90th percentile of the distances of matched features from the centre, as a fraction of the half diagonal; 1 without
    matches."""
    used: list[set[int]] = [set() for _ in keypoints]
    for pair in pairs:
        used[pair.i].update(pair.matches[:, 0].tolist())
        used[pair.j].update(pair.matches[:, 1].tolist())
    radii = []
    for photo, points, rows in zip(workspace.photos, keypoints, used):
        if rows:
            half = np.array([photo.width, photo.height]) / 2
            radii.append(np.linalg.norm(points[sorted(rows)] - half, axis=1) / np.linalg.norm(half))
    return float(np.quantile(np.concatenate(radii), 0.9)) if radii else 1.0


def first_lens(radius: float) -> str:
    """The lens model for the search, by `feature_radius`."""
    return "SIMPLE_PINHOLE" if radius < NARROW else "SIMPLE_RADIAL"


def set_lens(workspace: Workspace, model: str, focal_factor: float | None = None) -> None:
    """Give all lenses of the database the model, without distortion.

    focal_factor: unknown focal lengths become this multiple of the longer side; those that are known stay.
    """
    database = pycolmap.Database.open(workspace.database)
    for old in database.read_all_cameras():
        focal = float(old.mean_focal_length())
        if focal_factor is not None and not old.has_prior_focal_length:
            focal = focal_factor * max(old.width, old.height)
        new = pycolmap.Camera.create_from_model_name(old.camera_id, model, focal, old.width, old.height)
        new.has_prior_focal_length = old.has_prior_focal_length
        database.update_camera(new)
    database.close()


def distortion_of(lens: pycolmap.Camera) -> tuple[float, float]:
    """(k1, k2) of a lens."""
    p = [float(x) for x in lens.params]
    return {"SIMPLE_RADIAL": lambda: (p[3], 0.0), "RADIAL": lambda: (p[3], p[4]), "OPENCV": lambda: (p[4], p[5])}.get(
        lens.model_name, lambda: (0.0, 0.0)
    )()  # fmt: skip


def is_sound(lens: pycolmap.Camera) -> bool:
    """Whether the radius r (1 + k1 r^2 + k2 r^4) grows up to the picture's corner, and changes by at most `MAX_DISTORTION`."""
    k1, k2 = distortion_of(lens)
    half = np.hypot(lens.width, lens.height) / 2 / float(lens.mean_focal_length())
    r = np.linspace(0, 1.6 * half, 400)
    image = r * (1 + k1 * r**2 + k2 * r**4)
    growing = np.minimum.accumulate(np.diff(image) > 0)
    reached = float(image[1:][growing].max(initial=0.0))
    if reached < half:  # the corner is no image of any ray
        return False
    at = float(np.interp(half, image[1:][growing], r[1:][growing]))
    return bool(abs(half / max(at, 1e-9) - 1) <= MAX_DISTORTION)


def squared_errors(model: Reconstruction) -> dict[int, F64]:
    """Squared reprojection errors of all observations, by the id of the lens; an order that does not depend on the lens."""
    out: dict[int, list[F64]] = {}
    for image_id in sorted(model.reg_image_ids()):
        image = model.images[image_id]
        seen = [p for p in image.points2D if p.has_point3D()]
        if not seen:
            continue
        xyz = np.array([model.points3D[p.point3D_id].xyz for p in seen])
        pose = np.asarray(image.cam_from_world().matrix())
        local = xyz @ pose[:, :3].T + pose[:, 3]
        projected = np.asarray(model.cameras[image.camera_id].img_from_cam(local), np.float64)
        error = ((projected - np.array([p.xy for p in seen])) ** 2).sum(1)
        out.setdefault(image.camera_id, []).append(np.where(np.isfinite(error), error, 1e6))
    return {k: np.concatenate(v) for k, v in out.items()}


def supported(before: F64, after: F64, parameters: int) -> bool:
    """Whether errors fell enough for that many more parameters. before, after: (N,) squared errors of the same observations."""
    variance = max(float(np.median(before)) / (2 * np.log(2.0)), 1e-12)
    cost, lower = (float(np.minimum(e / variance, 16.0).sum()) for e in (before, after))
    return cost - lower > max(MARGIN * parameters * np.log(2 * len(before)), LEAST_GAIN * cost)


def refine_lens(model: Reconstruction, most: str = "RADIAL", principal_point: bool = True) -> Reconstruction:
    """The model after bundle adjustment with the lenses that the evidence supports.

    most: the last model of `STEPS` to try. principal_point: free it at the end, if every lens has at least 12 photos; the result
    is kept if it is supported and lies within 3 % of the picture's size from the centre.
    """
    counts: dict[int, int] = {}
    for image_id in model.reg_image_ids():
        counts[model.images[image_id].camera_id] = counts.get(model.images[image_id].camera_id, 0) + 1
    model = _without_runaways(model)
    errors = squared_errors(model)
    for step in STEPS[1 : STEPS.index(most) + 1] if most in STEPS else ():
        wanted = [
            c
            for c in sorted(counts)
            if counts[c] >= LEAST_PHOTOS[step] and model.cameras[c].model_name == STEPS[STEPS.index(step) - 1]
        ]
        while wanted:
            trial = pycolmap.Reconstruction(model)
            for c in wanted:
                _change_model(trial.cameras[c], step)
            bundle_adjust(trial, principal_point=False)
            after = squared_errors(trial)
            good = [c for c in wanted if is_sound(trial.cameras[c]) and supported(errors[c], after[c], 1)]
            if good == wanted:
                model, errors = trial, after
                break
            wanted = good
    if principal_point and all(n >= 12 for n in counts.values()):
        trial = pycolmap.Reconstruction(model)
        bundle_adjust(trial, principal_point=True)
        after = squared_errors(trial)
        lenses = [trial.cameras[c] for c in counts]
        central = all(
            abs(c.principal_point_x - c.width / 2) < 0.03 * c.width
            and abs(c.principal_point_y - c.height / 2) < 0.03 * c.height
            and is_sound(c)
            for c in lenses
        )
        if central and all(supported(errors[c], after[c], 2) for c in counts):
            model = trial
    return model


def _change_model(lens: pycolmap.Camera, name: str) -> None:
    """Give a lens another model of `STEPS`, in place, with the coefficients that both have."""
    p = [float(x) for x in lens.params]
    size = {"SIMPLE_PINHOLE": 3, "SIMPLE_RADIAL": 4, "RADIAL": 5}[name]
    lens.model = getattr(pycolmap.CameraModelId, name)
    lens.params = (p + [0.0, 0.0])[:size]


def _without_runaways(model: Reconstruction) -> Reconstruction:
    """The model with sound lenses: with two coefficients where one folds the picture before its corner, if enough photos show
    it; else with the largest sound fraction of the coefficients, held fixed."""
    bad = [
        c for c in model.cameras if model.cameras[c].model_name in STEPS and not is_sound(model.cameras[c])
    ]
    if not bad:
        return model
    before = squared_errors(model)
    if all(model.cameras[c].model_name == "SIMPLE_RADIAL" and len(before.get(c, ())) > 1000 for c in bad):
        trial = pycolmap.Reconstruction(model)
        for c in bad:
            _change_model(trial.cameras[c], "RADIAL")
        bundle_adjust(trial, principal_point=False)
        after = squared_errors(trial)
        if all(
            is_sound(trial.cameras[c]) and np.median(after[c]) <= 1.05 * np.median(before[c]) for c in bad
        ):
            return trial
    trial = pycolmap.Reconstruction(model)
    for c in bad:
        coefficients = np.array(trial.cameras[c].params)
        for fraction in np.linspace(0.95, 0.0, 20):
            bounded = coefficients.copy()
            bounded[3:] *= fraction
            trial.cameras[c].params = bounded.tolist()
            if is_sound(trial.cameras[c]):
                break
    bundle_adjust(trial, principal_point=False, distortion=False)
    return trial
