"""Many photos to a measured model: the mappings of one run and their composition."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.mapping import Card, Mapping
from lift3d.pipelines.finish import sized, solid
from lift3d.pipelines.inputs import grid_nodes
from lift3d.pipelines.options import TEXTURE, Options
from lift3d.runtime.runner import Run
from lift3d.units import set_unit

if TYPE_CHECKING:
    from lift3d.types import DepthMaps, Mesh, Photos, Views


@dataclass
class Recipe:
    """The mappings of one run."""

    cameras: Mapping[Photos, Views]
    depths: Mapping[Views, DepthMaps]
    surface: Mapping[DepthMaps, Mesh]
    solid: Mapping[Mesh, Mesh]
    texture: Callable[[Views], Mapping[Mesh, Mesh]]


@dataclass(frozen=True)
class KnownCameras(Mapping["Photos", "Views"]):
    """Stands in for images_to_cameras when the cameras are in a file (COLMAP model or transforms.json)."""

    path: Path
    card = Card("images_to_cameras", "Photos", "Views", ("the given poses are kept",))

    def apply(self, source: Photos, context: Context) -> Views:
        from lift3d.io.camera.cameras import read_known_cameras
        from lift3d.io.camera.matching import match_cameras
        from lift3d.maps.images_to_cameras import views_from_cameras

        known = read_known_cameras(self.path)
        photos, cameras = match_cameras(source, known.cameras)
        used = {image.name for image in photos.images}
        rows = [
            {"name": name, "status": "registered", "reason": ""}
            if name in used
            else {"name": name, "status": "left out", "reason": f"no camera of this name in {self.path.name}"}
            for name in (image.name for image in source.images)
        ]
        context.note(self.card.name, photos=rows)
        return views_from_cameras(photos, cameras, context, known.unit)


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
        lambda views: ImagesToTexture(views=views, size=options.texture or TEXTURE),
    )


def _model(
    photos: Photos, maps: Recipe, options: Options, run: Run
) -> tuple[Mesh, Views, str, dict[str, Any]]:
    """The textured mesh, upright and of known size if given; the views in its frame; its kind; how the scale was
    found."""
    from lift3d.geometry.camera.similarity import transform_views

    views = run.step("cameras", maps.cameras, photos)
    run.context.note("reconstruct", photos=len(photos), placed=len(views))
    if len(views) < len(photos):
        run.warn(
            f"{len(photos) - len(views)} of {len(photos)} photos could not be placed; the report says why."
        )
    mesh = run.step("surface", maps.surface, run.step("depths", maps.depths, views))
    if len(mesh.faces) == 0:
        raise CaptureError("no surface came out of the photos", "take more photos with more overlap")
    world_from_model = np.asarray(mesh.metadata.pop("world_from_model", np.eye(4)), np.float64)
    views = transform_views(views, np.linalg.inv(world_from_model).astype(np.float64), views.unit)
    mesh, views, scale = sized(mesh, views, options, run)
    kind = run.context.report[maps.surface.card.name]["kind"]
    if kind == "object":
        mesh = solid(mesh, maps.solid, run)
    mesh = set_unit(run.step("texture", maps.texture(views), mesh, keep=False), views.unit)
    return mesh, views, kind, scale
