"""Photos onto a mesh that has no colours: the pipeline of `lift3d texture`.

photos -> image_to_mask -> poses by silhouettes -> images_to_texture
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.symmetry.plane import symmetry_plane
from lift3d.io.files.staging import staging
from lift3d.io.mesh.meshes import SUFFIXES_WITH_UP_AXIS
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.maps.images_to_texture import ImagesToTexture
from lift3d.maps.mesh_to_albedo import MeshToAlbedo
from lift3d.maps.mesh_to_voxels import MeshToVoxels
from lift3d.pipelines.arguments import (
    Message,
    ModelSource,
    PathLike,
    PhotoSource,
    Progress,
    load_model_mesh,
    load_photo,
    mesh_warnings,
    name_of,
    or_ignore,
    or_silent,
    require_axis,
    require_other_file,
)
from lift3d.pipelines.reconstruction.inputs import check_output
from lift3d.pipelines.reconstruction.photo_poses import USUAL_IOU, PlacedPhoto, place_photo
from lift3d.pipelines.reconstruction.single_view import MIN_SYMMETRY, erode_mask, with_reflected_view
from lift3d.pipelines.write_model import write_mesh_and_preview
from lift3d.types import Mesh, Points, Surface, SymmetryPlane, Views
from lift3d.units import set_unit

MAX_PHOTOS = 24
SIZES = (256, 8192)
"""Smallest and largest side of the texture."""
MAX_SIZE = 2400
"""Longer side in pixels to which photos are reduced."""
WITHOUT_COLOURS = (".stl",)
SYMMETRY_CELLS = 48


def texture(
    mesh: ModelSource,
    photos: PhotoSource | Sequence[PhotoSource],
    output: PathLike | None = None,
    *,
    size: int = 2048,
    up: str = "z",
    delight: bool = False,
    weights: str | None = None,
    progress: Progress | None = None,
    message: Message | None = None,
) -> Mesh:
    """Colour a mesh by photos of the object, whose cameras are found by its silhouette.

    mesh: a mesh file or a mesh, upright; its shape stays as it is. photos: one to 24, each showing the whole object;
    transparency is taken as the mask, otherwise the object that stands out is cut out. output: a model file with colours, and
    beside it NAME.png, four views. size: texels along each side of the texture, 256 to 8192. up: "z" or "y", the upright axis of
    a file whose format does not state it. delight: remove the estimated light from the texture. weights: of the network for
    masks.

    Returns the textured mesh, in the unit of the given one. What no photo shows is painted with the reflected photo where the
    mesh is symmetric, and filled smoothly elsewhere. `message` is called with a sentence on where each photo was taken from.
    Raises InputError for arguments that cannot be used, CaptureError where the mesh fits into none of the photos.
    """
    tell, report = or_ignore(message), or_silent(progress)
    require_axis(up)
    many: list[PhotoSource] = list(photos) if isinstance(photos, list | tuple) else [photos]  # type: ignore[list-item]
    if not 1 <= len(many) <= MAX_PHOTOS:
        raise InputError(f"{len(many)} photos were given", f"name one to {MAX_PHOTOS} of the object")
    if not SIZES[0] <= size <= SIZES[1]:
        raise InputError(
            f"a texture of {size} texels a side is not supported", f"choose {SIZES[0]} to {SIZES[1]}"
        )
    target = None if output is None else Path(output)
    if target is not None:
        _check_target(target, mesh, many)
    shape = load_model_mesh(mesh)
    for warning in mesh_warnings(mesh, shape):
        tell(warning)
    turned = up == "y" and _states_no_axis(mesh)
    if turned:
        shape.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    if not len(shape.faces):
        raise InputError(f"{name_of(mesh, 'the mesh')} has no faces", "give a surface, not only points")
    context = Context(progress=report)
    placed, left = _place_all(shape, many, weights, context, tell)
    if not placed:
        raise CaptureError(
            f"the silhouette of {name_of(mesh, 'the mesh')} fits none of the photos ({', '.join(left)})",
            "give photos of this object, whole, with its mask, and a mesh that stands upright (--up y turns it)",
        )
    coloured = _painted(shape, placed, size, context)
    if delight:
        coloured = MeshToAlbedo()(coloured, context)
    if target is not None:
        with staging(target) as folder:
            write_mesh_and_preview(coloured, folder, target.name, solid=False)
    return coloured


def _check_target(target: Path, mesh: ModelSource, photos: Sequence[PhotoSource]) -> None:
    """Raise InputError for an output that cannot be written, holds no colours, or is one of the inputs."""
    if target.suffix.lower() in WITHOUT_COLOURS:
        raise InputError(
            f"a {target.suffix} file holds no colours", "give the output the ending .glb or .obj"
        )
    check_output(target, photos)
    require_other_file(mesh, target)


def _states_no_axis(mesh: ModelSource) -> bool:
    """Whether the upright axis is unknown: of a mesh in memory, and of a file whose format does not state it."""
    return isinstance(mesh, trimesh.Trimesh) or Path(str(mesh)).suffix.lower() not in SUFFIXES_WITH_UP_AXIS


def _place_all(
    shape: Mesh, photos: Sequence[PhotoSource], weights: str | None, context: Context, tell: Message
) -> tuple[tuple[PlacedPhoto, ...], list[str]]:
    """The photos with cameras, and the names of those that the mesh fits from nowhere."""
    placed: tuple[PlacedPhoto, ...] = ()
    left = []
    names = [name_of(photo, "") for photo in photos]
    for k, photo in enumerate(photos):
        context.progress("cameras", k / len(photos))
        image = load_photo(photo, max_size=MAX_SIZE)
        for warning in image.warnings:
            tell(f"{image.name}: {warning}.")
        image = ImageToMask(weights)(image, Context())
        found = place_photo(shape, image, placed)
        name = image.name or f"photo {k + 1}"
        name = f"{name} ({k + 1})" if names.count(image.name) > 1 else name
        if found is None:
            left.append(name)
            tell(f"{name} is left out: the silhouette of the mesh fits it from nowhere.")
            continue
        placed += (found,)
        azimuth, elevation = direction_of(found, shape)
        tell(
            f"{name}: taken from azimuth {azimuth:.0f} degrees, {elevation:.0f} degrees above the horizon; the silhouettes "
            f"agree to {100 * found.iou:.0f} %."
        )
        if found.iou < USUAL_IOU:
            tell(
                f"{name} fits the mesh badly: check that it shows this object whole, and that the mesh stands upright."
            )
    return placed, left


def direction_of(photo: PlacedPhoto, shape: Mesh) -> tuple[float, float]:
    """Azimuth in [0, 360), 0 at +x and 90 at +y, and elevation in degrees, of a camera seen from the middle of the mesh."""
    out = photo.camera.centre - np.asarray(shape.bounds, np.float64).mean(0)
    flat = float(np.hypot(out[0], out[1]))
    return round(float(np.degrees(np.arctan2(out[1], out[0])))) % 360, float(
        np.degrees(np.arctan2(out[2], flat))
    )


def _painted(shape: Mesh, placed: tuple[PlacedPhoto, ...], size: int, context: Context) -> Mesh:
    """The mesh with the texture of the photos; of the reflected first one where it is symmetric and no other shows it."""
    none = np.zeros((0, 2), np.int32)
    first = placed[0]
    views = Views((first.image,), (first.camera,), Points(np.zeros((0, 3))), none)
    seen, preference = with_reflected_view(views, _symmetry(shape, context))
    images = (*seen.images, *(erode_mask(p.image) for p in placed[1:]))
    cameras = (*seen.cameras, *(p.camera for p in placed[1:]))
    every = Views(images, cameras, Points(np.zeros((0, 3))), none)
    bare = trimesh.Trimesh(shape.vertices, shape.faces, process=False, validate=False)
    paint = ImagesToTexture(size=size, preference=(*preference, *(1.0 for _ in placed[1:])))
    return set_unit(paint(Surface(bare, every, "object", "photos of a given mesh"), context), shape.units)


def _symmetry(shape: Mesh, context: Context) -> SymmetryPlane:
    """The upright symmetry plane of the mesh, with its score."""
    voxels = MeshToVoxels(SYMMETRY_CELLS)(shape, context)
    found = symmetry_plane(voxels.inside, voxels.affine)
    context.note("symmetry", score=round(found.score, 4), used=found.score >= MIN_SYMMETRY)
    return found
