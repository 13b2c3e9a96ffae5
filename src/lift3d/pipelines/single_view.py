"""One to eight photos of a thing in, a solid out: the shape is guessed, what the first photo shows is laid on it, and the back
is painted from the front where the solid is its own mirror image.

    photos -> image_to_voxels (with image_to_mask) -> voxels_to_mesh -> (mesh_to_solid) -> images_to_texture
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.errors import InputError
from lift3d.geometry.repair.flat_base import cut_flat_base
from lift3d.geometry.symmetry.plane import symmetry_plane
from lift3d.maps.image_to_voxels import MOST, with_mask_eroded
from lift3d.types import F32, Camera, Image, Points, Surface, SymmetryPlane, Views

if TYPE_CHECKING:
    from lift3d.pipelines.options import Options
    from lift3d.runtime.runner import Run
    from lift3d.types import Mesh, Photos, SolidPrediction

FEWEST_MEASURED = 3
ALIKE = 0.6
"""Solids that are their own mirror image to this share are painted on both sides."""
SURE, OPEN = 0.15, 0.65
"""Openness around a surface that is drawn as sure, and as open: a sharp one has about 0.15 from interpolation alone."""
BLUE, WHITE, RED = (np.array(c, float) for c in ((40, 80, 200), (235, 235, 235), (205, 45, 35)))
TEXTURE, FACES = 1024, 12_000
"""Of a guess, unless the user says otherwise: the photo's square of the thing seldom has more to show."""
FACING, SMEAR = 0.8, 0.06
"""A mirror plane whose normal lies so near the line of sight has the photo's back on the other side: features smaller than
this, in the thing's size, are not repeated there."""
FOOT = 0.012
"""Of the longest side: so much is cut off below, for the thing to stand."""
SMALL = 0.03
"""A thing that takes less of its photo is doubted."""
BEHIND = 0.02
"""Weight of the mirrored photo beside the photo: only where that sees nothing."""


def wants_a_guess(count: int, options: Options) -> bool:
    """Whether these photos are to be guessed from without trying to measure; InputError where that cannot be."""
    if options.method == "guessed":
        if options.kind == "scene":
            raise InputError(
                "a scene cannot be guessed: the network knows single things", "leave --kind or --method out"
            )
        if count > MOST:
            raise InputError(
                f"{count} photos were given, and the guess is made from {MOST} at most",
                "name fewer, or leave --method out: so many can be measured",
            )
        return True
    return options.method == "auto" and count < FEWEST_MEASURED


def model_from_few(photos: Photos, options: Options, run: Run) -> tuple[Mesh, Views, str, dict[str, Any]]:
    """The textured solid, upright, of known size if given; its view; "object"; how the scale was found."""
    from lift3d.maps.image_to_voxels import ImageToVoxels
    from lift3d.maps.images_to_texture import ImagesToTexture
    from lift3d.maps.mesh_to_solid import MeshToSolid
    from lift3d.maps.voxels_to_mesh import VoxelsToMesh
    from lift3d.pipelines.finish import sized, solid
    from lift3d.units import set_unit

    guess: SolidPrediction = run.step(
        "shape", ImageToVoxels(options.weights, options.mask_weights), photos, keep=False
    )
    _doubts(guess, run)
    how, why = "; the shape is guessed, not measured", "guessed from few photos as a single thing"
    if len(photos) > 1:
        how += ", the colours are those of the first"
    run.context.note("reconstruct", photos=len(photos), placed=len(photos), how=how, why=why)
    wanted = VoxelsToMesh(faces=options.faces or FACES)
    mesh = run.step("surface", wanted, guess.voxels, keep=False)
    mesh, guess = stood(solid(mesh, MeshToSolid(), run), guess)
    plane = guess.symmetry_plane or symmetry_plane(guess.voxels.inside, guess.voxels.affine)
    run.context.note("mirror", likeness=round(plane.score, 4), used=plane.score >= ALIKE)
    mesh, views, scale = sized(mesh, guess.views, options, run)
    factor = _length(views) / _length(guess.views)
    if options.uncertainty:
        run.extras["uncertainty"] = set_unit(coloured(mesh, guess, factor), views.unit)
    seen, preference = painted_from(views, replace(plane, offset=plane.offset * factor))
    mesh = run.step(
        "texture",
        ImagesToTexture(options.texture or TEXTURE, preference=preference),
        Surface(mesh, seen, "object", why),
        keep=False,
    )
    return set_unit(mesh, views.unit), views, "object", scale


def stood(mesh: Mesh, guess: SolidPrediction) -> tuple[Mesh, SolidPrediction]:
    """The solid on a flat foot on z = 0, and the guess moved with it."""
    from lift3d.geometry.camera.similarity import transform_views

    v, f, low = cut_flat_base(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32), FOOT)
    down = np.eye(4)
    down[2, 3] = -low
    moved = replace(
        guess,
        voxels=replace(guess.voxels, affine=down @ guess.voxels.affine),
        views=transform_views(guess.views, down, guess.views.unit),
    )
    return trimesh.Trimesh(v, f, process=False, validate=False), moved


def _doubts(guess: SolidPrediction, run: Run) -> None:
    """What may have gone wrong in finding the thing, told."""
    name, found = guess.images[0].name, guess.images[0].segmentation
    assert found is not None
    many = found.other_objects
    share = found.area_fraction if found.source == "network" else 1.0
    if many:
        run.warn(
            f"There are {many + 1} things in {name}; the largest is taken. To choose another, cut it out or give --masks."
        )
    if share < SMALL:
        run.warn(
            f"The thing found takes only {100 * share:.1f} % of {name}: if it is not what you meant, go nearer or give --masks "
            "(`lift3d mask` shows what is found)."
        )
    if guess.dissimilar:
        run.warn(
            f"{', '.join(guess.dissimilar)}: not like the first photo; all photos must show the same thing."
        )


def painted_from(views: Views, plane: SymmetryPlane) -> tuple[Views, tuple[float, ...]]:
    """The photo, its edge drawn in, and, for a solid that is its own mirror image, the photo in the mirror; their weights."""
    image, camera = with_mask_eroded(views.images[0]), views.cameras[0]
    images, cameras, preference = [image], [camera], [1.0]
    if plane.score >= ALIKE:
        other, seen_from = mirrored(image, camera, plane)
        if abs(float(camera.R[2] @ plane.normal)) > FACING:
            other = smeared(other)  # the back takes its colours from the front, but not its face
        images.append(other)
        cameras.append(seen_from)
        preference.append(BEHIND)
    empty = np.zeros((0, 2), np.int32)
    return Views(tuple(images), tuple(cameras), Points(np.zeros((0, 3))), empty, views.unit), tuple(
        preference
    )


def mirrored(image: Image, camera: Camera, plane: SymmetryPlane) -> tuple[Image, Camera]:
    """What the photo would show of the mirrored world: its pixels from right to left, seen by the camera's mirror image."""
    assert image.mask is not None
    flipped = replace(
        image,
        pixels=np.ascontiguousarray(image.pixels[:, ::-1]),
        mask=np.ascontiguousarray(image.mask[:, ::-1]),
    )
    pose = np.diag([-1.0, 1, 1, 1]) @ camera.world_to_camera @ plane.reflection()
    return flipped, replace(camera, cx=camera.width - camera.cx, world_to_camera=pose)


def smeared(image: Image) -> Image:
    """The image without its features, from within its mask."""
    assert image.mask is not None
    rows, columns = np.flatnonzero(image.mask.any(1)), np.flatnonzero(image.mask.any(0))
    sigma = SMEAR * max(float(np.ptp(rows)), float(np.ptp(columns)), 1.0) if len(rows) else 1.0
    factor = max(1, int(sigma / 4))  # what is left is smooth: it is made small, and large again

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


def coloured(mesh: Mesh, guess: SolidPrediction, factor: float) -> Mesh:
    """The mesh with colours that say how sure the network is there: blue where the cells around are full or empty for
    certain, red where most are open. Openness of a cell: 4 p (1 - p), in the mean over 7 cells each way."""
    p = guess.voxels.values
    open_ = ndimage.uniform_filter(4 * p * (1 - p), 7)
    at = np.linalg.inv(guess.voxels.affine) @ np.vstack(
        [np.asarray(mesh.vertices).T / factor, np.ones(len(mesh.vertices))]
    )
    value = (ndimage.map_coordinates(open_, at[:3], order=1, mode="nearest") - SURE) / (OPEN - SURE)
    value = value.clip(0, 1)[:, None]
    colours = np.where(
        value < 0.5, BLUE + 2 * value * (WHITE - BLUE), WHITE + (2 * value - 1) * (RED - WHITE)
    )
    return trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=colours.astype(np.uint8), process=False)


def _length(views: Views) -> float:
    """From the camera to the origin, in the world's unit."""
    return float(np.linalg.norm(views.cameras[0].centre))
