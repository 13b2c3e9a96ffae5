"""One to eight photos of one object to a predicted solid: the pipeline behind `lift3d reconstruct photo.png`.

    photos -> image_to_voxels (with image_to_mask) -> voxels_to_mesh -> (mesh_to_solid) -> images_to_texture

A network predicts the shape. The first photo is projected onto it, the others from where their silhouettes fit, and where the
solid is symmetric, the reflection of the first colours what no photo shows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.errors import InputError
from lift3d.geometry.repair.flat_base import cut_flat_base
from lift3d.geometry.symmetry.plane import symmetry_plane
from lift3d.maps.image_to_mask import DOUBTFUL
from lift3d.maps.image_to_voxels import MAX_PHOTOS, erode_mask
from lift3d.pipelines.reconstruction.back_view import NAME as BACK
from lift3d.pipelines.reconstruction.back_view import back_view
from lift3d.pipelines.reconstruction.finish import Model, apply_scale, ensure_solid, without_light
from lift3d.pipelines.reconstruction.inputs import MIN_MEASURED
from lift3d.pipelines.reconstruction.options import Options
from lift3d.pipelines.reconstruction.photo_poses import PlacedPhoto, place_photo
from lift3d.runtime.runner import Run
from lift3d.types import (
    F32,
    Camera,
    Image,
    Mesh,
    Photos,
    Points,
    SolidPrediction,
    Surface,
    SymmetryPlane,
    Views,
    Voxels,
)
from lift3d.units import set_unit
from lift3d.weights import is_packaged

MIN_SYMMETRY = 0.6
"""Symmetry score from which the reflected photo colours the other side."""
CERTAIN, UNCERTAIN = 0.15, 0.65
"""Local uncertainties that are shown as blue and as red; interpolation alone gives about 0.15 at a sharp surface."""
BLUE, WHITE, RED = (np.array(c, float) for c in ((40, 80, 200), (235, 235, 235), (205, 45, 35)))
TEXTURE, FACES = 1024, 12_000
"""Texture side and triangles of a prediction: the crop of the object in the photo seldom has more detail."""
FACING, BLUR = 0.8, 0.06
"""Cosine between plane normal and line of sight above which the reflection shows the back of the object; then features
smaller than BLUR times the object are blurred, so that a person's face is not repeated there."""
BASE_CUT = 0.012
"""Fraction of the longest side that is cut off below to give a flat base."""
SMALL_AREA = 0.03
"""Fraction of the photo below which the object found is doubtful."""
REFLECTED_WEIGHT = 0.02
"""Weight of the reflected photo in the texture: it counts only where the photo sees nothing."""
BACK_WEIGHT = 0.01
"""Weight of the predicted far side: it counts only where neither the photo nor its reflection shows the surface."""
LEAST_AGREEMENT = 0.88
"""IoU of the predicted silhouette with the mask of a further photo below which its colours are not used: wrong sides had up to
0.85 on four sets of three photos."""
OTHER_WEIGHT = 0.7
"""Weight of the photos after the first, whose cameras are less certain."""


def is_prediction(count: int, options: Options) -> bool:
    """Whether the shape is predicted from `count` photos without trying to measure it. Raises InputError if it cannot be."""
    if options.prompts and count > 1:
        raise InputError(
            f"--at and --box choose the object of one photo, and {count} were given",
            "cut the object out of each with `lift3d mask`, or give --masks",
        )
    if options.method == "predicted":
        if options.kind == "scene":
            raise InputError(
                "a scene cannot be predicted: the network was trained on single objects",
                "leave out --kind or --method",
            )
        if count > MAX_PHOTOS:
            raise InputError(
                f"{count} photos were given, and a prediction uses at most {MAX_PHOTOS}",
                "name fewer, or leave out --method: so many can be measured",
            )
        return True
    return options.method == "auto" and count < MIN_MEASURED


def predict_model(photos: Photos, options: Options, run: Run) -> Model:
    """The textured solid, upright, in metres if its size is known. Raises CaptureError where no object is found."""
    from lift3d.maps.image_to_voxels import ImageToVoxels
    from lift3d.maps.images_to_texture import ImagesToTexture
    from lift3d.maps.mesh_to_solid import MeshToSolid
    from lift3d.maps.voxels_to_mesh import VoxelsToMesh

    if options.prompts:
        photos = _segmented(photos, options, run)
    prediction: SolidPrediction = run.step(
        "shape", ImageToVoxels(options.weights, options.mask_weights), photos, keep=False
    )
    _warn_of_doubts(prediction, run)
    how, reason = "the shape is predicted, not measured", "predicted from few photos as a single object"
    run.context.note("reconstruct", photos=len(photos), placed=len(photos), how=how, why=reason)
    extraction = VoxelsToMesh(faces=options.faces or FACES)
    mesh = run.step("surface", extraction, prediction.voxels, keep=False)
    mesh, prediction = place_on_ground(ensure_solid(mesh, MeshToSolid(), run), prediction)
    voxels = prediction.voxels
    plane = prediction.symmetry_plane or symmetry_plane(voxels.inside, voxels.affine)
    run.context.note("symmetry", score=round(plane.score, 4), used=plane.score >= MIN_SYMMETRY)
    surface, scale = apply_scale(Surface(mesh, prediction.views, "object", reason), options.scale)
    factor = _camera_distance(surface.views) / _camera_distance(prediction.views)
    unit = surface.views.unit
    uncertainty = None
    if options.uncertainty:
        uncertainty = set_unit(uncertainty_colours(surface.mesh, voxels, factor), unit)
    seen, preference = with_reflected_view(surface.views, replace(plane, offset=plane.offset * factor))
    if is_packaged(BACK):
        image, camera = back_view(surface.mesh, prediction.images[0], surface.views.cameras[0])
        seen = replace(seen, images=(*seen.images, image), cameras=(*seen.cameras, camera))
        preference = (*preference, BACK_WEIGHT)
    seen, preference = _with_other_photos(surface, prediction.images[1:], seen, preference, run)
    texture = ImagesToTexture(size=options.texture or TEXTURE, preference=preference)
    mesh = without_light(run.step("texture", texture, replace(surface, views=seen), keep=False), options, run)
    return Model(
        set_unit(mesh, unit), surface.views, "object", reason, scale, len(photos), len(photos), how, uncertainty,
        prediction.confidence,
    )  # fmt: skip


def _with_other_photos(
    surface: Surface, others: tuple[Image, ...], seen: Views, preference: tuple[float, ...], run: Run
) -> tuple[Views, tuple[float, ...]]:
    """The views and their weights with those of the other photos whose cameras are found by their silhouettes."""
    placed: tuple[PlacedPhoto, ...] = (PlacedPhoto(surface.views.images[0], surface.views.cameras[0], 1.0),)
    for image in others:
        found = place_photo(surface.mesh, image, placed, LEAST_AGREEMENT)
        if found is None:
            run.warn(
                f"{image.name}: the predicted shape fits its silhouette from no side, so that its colours are not used."
            )
            continue
        placed += (found,)
    run.context.note("colours", photos=len(placed), silhouettes=[round(p.iou, 3) for p in placed[1:]])
    images = (*seen.images, *(erode_mask(p.image) for p in placed[1:]))
    cameras = (*seen.cameras, *(p.camera for p in placed[1:]))
    weights = (*preference, *(OTHER_WEIGHT for _ in placed[1:]))
    return replace(seen, images=images, cameras=cameras), weights


def _segmented(photos: Photos, options: Options, run: Run) -> Photos:
    """The photo with the mask of the object that clicks and a box show."""
    from lift3d.pipelines.mask import segment

    image = segment(photos.images[0], options.prompts, run.context, options.mask_weights)
    return replace(photos, images=(replace(image, alpha=None),))


def place_on_ground(mesh: Mesh, prediction: SolidPrediction) -> tuple[Mesh, SolidPrediction]:
    """The solid with a flat base on z = 0, and the prediction moved with it."""
    from lift3d.geometry.camera.similarity import transform_views

    v, f, low = cut_flat_base(
        np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32), BASE_CUT
    )
    down = np.eye(4)
    down[2, 3] = -low
    moved = replace(
        prediction,
        voxels=replace(prediction.voxels, affine=down @ prediction.voxels.affine),
        views=transform_views(prediction.views, down, prediction.views.unit),
    )
    return trimesh.Trimesh(v, f, process=False, validate=False), moved


def _warn_of_doubts(prediction: SolidPrediction, run: Run) -> None:
    """Warn about masks that may show the wrong object."""
    image = prediction.images[0]
    found = image.segmentation
    if found is not None and found.other_objects:
        run.warn(
            f"There are {found.other_objects + 1} objects in {image.name}; the largest is used. To choose another, "
            "give --at X,Y or --box."
        )
    if found is not None and found.source == "network" and found.area_fraction < SMALL_AREA:
        run.warn(
            f"The object found covers only {100 * found.area_fraction:.1f} % of {image.name}: if it is not the one you want, "
            "go nearer or give --at X,Y (`lift3d mask` shows what is found)."
        )
    if found is not None and found.certainty < DOUBTFUL:
        run.warn(
            f"The outline of the object in {image.name} is uncertain: look at it with `lift3d mask`, and show the object with "
            "--at X,Y or --box if it is wrong."
        )
    if prediction.dissimilar:
        names = ", ".join(prediction.dissimilar)
        run.warn(f"{names}: unlike the first photo; all photos must show the same object.")


def with_reflected_view(views: Views, plane: SymmetryPlane) -> tuple[Views, tuple[float, ...]]:
    """The first view with its mask eroded and, for a symmetric solid, its reflection; and their weights in the texture."""
    image, camera = erode_mask(views.images[0]), views.cameras[0]
    images, cameras, preference = [image], [camera], [1.0]
    if plane.score >= MIN_SYMMETRY:
        other, reflected = reflect_view(image, camera, plane)
        if abs(float(camera.R[2] @ plane.normal)) > FACING:
            other = blur_features(other)  # colours for the back, without the details of the front
        images.append(other)
        cameras.append(reflected)
        preference.append(REFLECTED_WEIGHT)
    empty = np.zeros((0, 2), np.int32)
    return Views(tuple(images), tuple(cameras), Points(np.zeros((0, 3))), empty, views.unit), tuple(
        preference
    )


def reflect_view(image: Image, camera: Camera, plane: SymmetryPlane) -> tuple[Image, Camera]:
    """The photo of the reflected world: the image flipped horizontally, with the reflected camera."""
    assert image.mask is not None
    flipped = replace(
        image,
        pixels=np.ascontiguousarray(image.pixels[:, ::-1]),
        mask=np.ascontiguousarray(image.mask[:, ::-1]),
    )
    pose = np.diag([-1.0, 1, 1, 1]) @ camera.world_to_camera @ plane.reflection()
    return flipped, replace(camera, cx=camera.width - camera.cx, world_to_camera=pose)


def blur_features(image: Image) -> Image:
    """The image, blurred within its mask by `BLUR` times the extent of the mask."""
    assert image.mask is not None
    rows, columns = np.flatnonzero(image.mask.any(1)), np.flatnonzero(image.mask.any(0))
    sigma = BLUR * max(float(np.ptp(rows)), float(np.ptp(columns)), 1.0) if len(rows) else 1.0
    factor = max(1, int(sigma / 4))  # the blurred image is smooth, so it is computed at reduced size

    def soft(values: NDArray[np.uint8]) -> F32:
        small = np.asarray(Pil.fromarray(values).reduce(factor), np.float32)
        wide = Pil.fromarray(ndimage.gaussian_filter(small, sigma / factor))
        size = (image.width, image.height)
        return np.asarray(
            wide.resize(size, Pil.Resampling.BILINEAR, (0, 0, size[0] / factor, size[1] / factor))
        )

    weight = np.maximum(soft(image.mask.astype(np.uint8) * 255), 1e-2) / 255
    inside = image.pixels * image.mask[..., None]
    colours = [soft(np.ascontiguousarray(inside[..., c])) / weight for c in range(3)]
    return replace(image, pixels=(np.stack(colours, -1) + 0.5).clip(0, 255).astype(np.uint8))


def uncertainty_colours(mesh: Mesh, voxels: Voxels, scale: float) -> Mesh:
    """The mesh with vertex colours: blue where the occupancy around a vertex is certain, red where it is not.

    voxels: occupancy in the frame of the mesh divided by `scale`. Uncertainty is 4 p (1 - p), averaged over 7 voxels along
    each axis.
    """
    p = voxels.values
    variance = ndimage.uniform_filter(4 * p * (1 - p), 7)
    at = np.linalg.inv(voxels.affine) @ np.vstack(
        [np.asarray(mesh.vertices).T / scale, np.ones(len(mesh.vertices))]
    )
    value = (ndimage.map_coordinates(variance, at[:3], order=1, mode="nearest") - CERTAIN) / (
        UNCERTAIN - CERTAIN
    )
    value = value.clip(0, 1)[:, None]
    colours = np.where(
        value < 0.5, BLUE + 2 * value * (WHITE - BLUE), WHITE + (2 * value - 1) * (RED - WHITE)
    )
    return trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=colours.astype(np.uint8), process=False)


def _camera_distance(views: Views) -> float:
    """Distance of the first camera from the origin, in the world's unit."""
    return float(np.linalg.norm(views.cameras[0].centre))
