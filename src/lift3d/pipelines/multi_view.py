"""Many photos to a measured model: the mappings of one run and their composition."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.mapping import Card, Mapping
from lift3d.pipelines.finish import sized, solid
from lift3d.pipelines.inputs import grid_nodes
from lift3d.pipelines.options import TEXTURE, Options
from lift3d.runtime.runner import Run
from lift3d.types import PhotoStatus
from lift3d.units import set_unit

if TYPE_CHECKING:
    from lift3d.types import DepthMaps, Mesh, Photos, Surface, Views


@dataclass
class Recipe:
    """The mappings of one run."""

    cameras: Mapping[Photos, Views]
    depths: Mapping[Views, DepthMaps]
    surface: Mapping[DepthMaps, Surface]
    solid: Mapping[Mesh, Mesh]
    texture: Mapping[Surface, Mesh]


@dataclass(frozen=True)
class KnownCameras(Mapping["Photos", "Views"]):
    """Stands in for images_to_cameras when the cameras are in a file (COLMAP model or transforms.json)."""

    path: Path
    card = Card("images_to_cameras", "Photos", "Views", ("the given poses are kept",))

    def apply(self, source: Photos, context: Context) -> Views:
        from lift3d.geometry.sfm.known_cameras import views_from_cameras
        from lift3d.io.camera.cameras import read_known_cameras
        from lift3d.io.camera.matching import match_cameras

        known = read_known_cameras(self.path)
        photos, cameras = match_cameras(source, known.cameras)
        used = {image.name for image in photos.images}
        missing = f"no camera of this name in {self.path.name}"
        status = tuple(
            PhotoStatus(image.name, image.name in used, "" if image.name in used else missing)
            for image in source.images
        )
        rows = [
            {"name": p.name, "status": "registered" if p.placed else "left out", "reason": p.reason}
            for p in status
        ]
        context.note(self.card.name, photos=rows)
        views, figures = views_from_cameras(photos, cameras, known.unit, context.seed, context.progress)
        context.note(self.card.name, **figures)
        return dataclasses.replace(views, photos=status)


def recipe(options: Options, photos: Photos) -> Recipe:
    """The mappings as the options wish them and as the memory beside these photos allows."""
    from lift3d.maps.depths_to_mesh import DepthsToMesh
    from lift3d.maps.images_to_cameras import ImagesToCameras
    from lift3d.maps.images_to_depths import ImagesToDepths
    from lift3d.maps.images_to_texture import ImagesToTexture
    from lift3d.maps.mesh_to_solid import MeshToSolid

    surface = DepthsToMesh(options.kind, nodes=grid_nodes(options.memory, photos))
    return Recipe(
        ImagesToCameras(options.shared_intrinsics)
        if options.cameras is None
        else KnownCameras(options.cameras),
        ImagesToDepths(),
        surface if options.faces is None else dataclasses.replace(surface, faces=options.faces),
        MeshToSolid(),
        ImagesToTexture(options.texture or TEXTURE),
    )


def _model(
    photos: Photos, maps: Recipe, options: Options, run: Run
) -> tuple[Mesh, Views, str, dict[str, Any]]:
    """The textured mesh, upright and of known size if given; the views in its frame; its kind; how the scale was
    found."""
    views = run.step("cameras", maps.cameras, photos)
    run.context.note("reconstruct", photos=len(photos), placed=len(views))
    if len(views) < len(photos):
        run.warn(
            f"{len(photos) - len(views)} of {len(photos)} photos could not be placed; the report says why."
        )
    surface: Surface = run.step("surface", maps.surface, run.step("depths", maps.depths, views))
    mesh = surface.mesh
    if len(mesh.faces) == 0:
        raise CaptureError("no surface came out of the photos", "take more photos with more overlap")
    mesh, views, scale = sized(mesh, surface.views, options, run)
    if surface.kind == "object":
        mesh = solid(mesh, maps.solid, run)
    sized_surface = dataclasses.replace(surface, mesh=mesh, views=views)
    mesh = set_unit(run.step("texture", maps.texture, sized_surface, keep=False), views.unit)
    return mesh, views, surface.kind, scale
