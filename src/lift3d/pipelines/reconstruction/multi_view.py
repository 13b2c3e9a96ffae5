"""From many photos to a measured model: images_to_cameras >> images_to_depths >> depths_to_mesh >> images_to_texture."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace

from lift3d.errors import CaptureError
from lift3d.mapping import Mapping
from lift3d.pipelines.reconstruction.finish import Model, apply_scale, ensure_solid, without_light
from lift3d.pipelines.reconstruction.inputs import grid_nodes
from lift3d.pipelines.reconstruction.known_cameras import KnownCameras
from lift3d.pipelines.reconstruction.options import MEASURED_TEXTURE, Options
from lift3d.pipelines.reconstruction.quality import (
    named,
    require_agreement,
    require_measured,
    require_placed,
    require_whole,
    warn_if_flat,
)
from lift3d.runtime.runner import Run
from lift3d.types import DepthMaps, Mesh, Photos, Surface, Views
from lift3d.units import set_unit


@dataclass(frozen=True)
class MultiViewMappings:
    """The mappings of one run."""

    cameras: Mapping[Photos, Views]
    depths: Mapping[Views, DepthMaps]
    surface: Mapping[DepthMaps, Surface]
    solid: Mapping[Mesh, Mesh]
    texture: Mapping[Surface, Mesh]


MakeMappings = Callable[[Options, Photos], MultiViewMappings]


def multi_view_mappings(options: Options, photos: Photos) -> MultiViewMappings:
    """The mappings for these options, with a grid that fits the memory budget together with these photos."""
    from lift3d.maps.depths_to_mesh import DepthsToMesh
    from lift3d.maps.images_to_cameras import ImagesToCameras
    from lift3d.maps.images_to_depths import ImagesToDepths
    from lift3d.maps.images_to_texture import ImagesToTexture
    from lift3d.maps.mesh_to_solid import MeshToSolid

    surface = DepthsToMesh(options.kind, nodes=grid_nodes(options.memory, photos))
    if options.faces is not None:
        surface = dataclasses.replace(surface, faces=options.faces)
    return MultiViewMappings(
        ImagesToCameras(options.shared_intrinsics, turntable=options.turntable)
        if options.cameras is None
        else KnownCameras(options.cameras),
        ImagesToDepths(),
        surface,
        MeshToSolid(),
        ImagesToTexture(size=options.texture or MEASURED_TEXTURE),
    )


def measure_model(photos: Photos, mappings: MultiViewMappings, options: Options, run: Run) -> Model:
    """The textured model, upright, in metres if its size is known. Raises CaptureError where the photos do not suffice."""
    views = run.step("cameras", mappings.cameras, photos)
    run.context.note("reconstruct", photos=len(photos), placed=len(views))
    for warning in views.warnings:
        run.warn(warning)
    if len(views) < len(photos):
        _warn_of_left_out(views, len(photos), run)
    require_placed(len(views), len(photos), options, run)
    _warn_of_blur(views, run)
    if views.background:
        run.say(
            "The surroundings stand still while the object turns (a turntable); cameras come from what moves."
        )
    surface: Surface = run.step("surface", mappings.surface, run.step("depths", mappings.depths, views))
    if len(surface.mesh.faces) == 0:
        raise CaptureError(
            "no surface could be reconstructed from the photos", "take more photos with more overlap"
        )
    return model_from_surface(
        surface, mappings.solid, mappings.texture, len(photos), len(views), options, run
    )


def model_from_surface(
    surface: Surface,
    solid: Mapping[Mesh, Mesh],
    texture: Mapping[Surface, Mesh],
    given: int,
    placed: int,
    options: Options,
    run: Run,
) -> Model:
    """The last steps of a measured model: checks, real size, solid and texture. given, placed: numbers of photos.

    Raises CaptureError where the model is not good enough to be written.
    """
    require_measured(surface, options.force, run)
    require_whole(surface, options.force, run)
    warn_if_flat(surface, run)
    surface, scale = apply_scale(surface, options.scale)
    if surface.kind == "object":
        surface = replace(surface, mesh=ensure_solid(surface.mesh, solid, run))
    mesh = run.step("texture", texture, surface, keep=False)
    require_agreement(mesh, surface.views, surface.kind, options.force, run)
    mesh, unit = without_light(mesh, options, run), surface.views.unit
    return Model(set_unit(mesh, unit), surface.views, surface.kind, surface.reason, scale, given, placed)


def _warn_of_left_out(views: Views, total: int, run: Run) -> None:
    """Say how many photos were not placed, and which of them belong together without the others."""
    run.warn(f"{total - len(views)} of {total} photos could not be placed; the report says why.")
    group = [status.name for status in views.photos if status.reason == "another group"]
    if group:
        run.warn(
            f"{named(group)} match each other and none of the photos used: do they show another object? If not, take photos "
            "between the two groups."
        )


def _warn_of_blur(views: Views, run: Run) -> None:
    """Warn if most of the photos are blurred."""
    from lift3d.geometry.sfm.sharpness import BLURRED

    sharp = sorted(status.sharpness for status in views.photos if status.sharpness is not None)
    if sharp and sharp[len(sharp) // 2] < BLURRED:
        run.warn(
            f"The photos are blurred (median sharpness {sharp[len(sharp) // 2]:.2f}, {BLURRED} is the least): detail is lost. "
            "Take them again with more light, a steady hand and the focus on the object."
        )
