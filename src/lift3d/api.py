"""The Python API: one function for each task, in memory or on files. The command line and the server call these functions.

Conventions. A mesh is a `trimesh.Trimesh`, z up; `mesh.units` is "m" if the scale is known, else None. Where a mesh or a
photo is expected, a path serves as well. Nothing is written unless an `output` is given; a file appears whole or
not at all. `progress` is called with the name of a step and the completed fraction, `message` with sentences for the user.
The same input, options and seed give the same bytes. Every failure that the user can act on is raised as a
`lift3d.errors.Lift3dError`, one sentence with the cause and what to try.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image as PillowImage

    from lift3d.mapping import Card, Mapping
    from lift3d.pipelines.classify import classify
    from lift3d.pipelines.complete import complete
    from lift3d.pipelines.convert import convert, save
    from lift3d.pipelines.explanations.explain import explain
    from lift3d.pipelines.generate import categories, generate
    from lift3d.pipelines.index import index
    from lift3d.pipelines.interpolate import interpolate
    from lift3d.pipelines.mask import mask
    from lift3d.pipelines.medical.measure import measure
    from lift3d.pipelines.medical.segment import segment
    from lift3d.pipelines.medical.source import list_series, load_volume
    from lift3d.pipelines.medical.volume import volume_to_meshes
    from lift3d.pipelines.networks.export import export
    from lift3d.pipelines.networks.page import export_page
    from lift3d.pipelines.pictures.depth import depth
    from lift3d.pipelines.pictures.texture import texture
    from lift3d.pipelines.print_check import check
    from lift3d.pipelines.reconstruct import Reconstruction
    from lift3d.pipelines.reliefs.lithophane import lithophane
    from lift3d.pipelines.reliefs.relief import relief
    from lift3d.pipelines.render import render
    from lift3d.pipelines.repair import RepairReport
    from lift3d.pipelines.search import search
    from lift3d.types import Image, Mesh
    from lift3d.viewer.view import view
    from lift3d.weights import PretrainedCfg

    PathLike = str | os.PathLike[str]
    Photo = PathLike | NDArray[Any] | PillowImage | Image
    """A file, an array (H, W, 3) or (H, W, 4) uint8 sRGB, a Pillow image, or a `lift3d.types.Image`."""
    Progress = Callable[[str, float], None]
    Message = Callable[[str], None]


PIPELINES = {
    "categories": "generate",
    "check": "print_check",
    "classify": "classify",
    "complete": "complete",
    "convert": "convert",
    "depth": "pictures.depth",
    "explain": "explanations.explain",
    "export": "networks.export",
    "export_page": "networks.page",
    "generate": "generate",
    "index": "index",
    "interpolate": "interpolate",
    "list_series": "medical.source",
    "lithophane": "reliefs.lithophane",
    "load_volume": "medical.source",
    "mask": "mask",
    "measure": "medical.measure",
    "relief": "reliefs.relief",
    "render": "render",
    "save": "convert",
    "search": "search",
    "segment": "medical.segment",
    "texture": "pictures.texture",
    "volume_to_meshes": "medical.volume",
}
"""Functions that are defined in a module of `lift3d.pipelines`, imported when first used."""
ELSEWHERE = {"view": "lift3d.viewer.view"}
"""The same for functions whose module is not there."""

__all__ = [
    "categories", "check", "classify", "complete", "convert", "create", "depth", "explain", "export",
    "export_page", "generate", "index", "interpolate", "list_mappings", "list_models", "list_series",
    "lithophane", "load", "load_volume", "mask", "measure", "reconstruct", "relief", "render", "repair",
    "save", "search", "segment", "texture", "view", "volume_to_meshes",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in ELSEWHERE:
        return getattr(import_module(ELSEWHERE[name]), name)
    if name not in PIPELINES:
        raise AttributeError(f"module 'lift3d.api' has no attribute {name!r}")
    return getattr(import_module(f"lift3d.pipelines.{PIPELINES[name]}"), name)


def reconstruct(
    photos: Photo | Sequence[Photo],
    output: PathLike | None = None,
    *,
    kind: str = "auto",
    method: str = "auto",
    height: str | float | None = None,
    width: str | float | None = None,
    marks: str | None = None,
    cameras: PathLike | None = None,
    masks: PathLike | Sequence[NDArray[Any]] | None = None,
    at: str | Sequence[Any] | None = None,
    not_at: str | Sequence[Any] | None = None,
    box: str | Sequence[float] | None = None,
    max_size: int = 1600,
    texture: int | None = None,
    faces: int | None = None,
    frames: int = 48,
    weights: str | None = None,
    uncertainty: bool = False,
    shared_intrinsics: bool | None = None,
    turntable: bool | None = None,
    delight: bool = False,
    depth_unit: str | float | None = None,
    fill_holes: bool = False,
    force: bool = False,
    seed: int = 0,
    memory: str | int = "3GB",
    work: PathLike | None = None,
    save_cameras: PathLike | None = None,
    progress: Progress | None = None,
    message: Message | None = None,
    command: Sequence[str] = (),
) -> Reconstruction:
    """Reconstruct a solid, textured model from photos of an object, or an open one from photos of a scene.

    photos: a folder, a file pattern, a video, one photo, or a list of photos, see `Photo`; or a folder of colour and depth frames
    (docs/rgbd.md), whose depth has the unit `depth_unit` ("mm", "cm", "m" or steps per metre) if not that of its layout.
    method: "measured" (multi-view stereo, from three photos on), "predicted" (by a network, from one to eight photos) or
    "auto". height, width: real size, as "24cm" or in metres. marks: "PHOTO,x1,y1,x2,y2,12cm", two pixels and their distance.
    masks: a folder, or one array (H, W) for each picture in memory. at, not_at, box: clicks on and beside the object and a box
    around it, in pixels of the one photo, as in `lift3d.mask`. The other options are those of
    `lift3d.pipelines.reconstruction.options.Options`.

    Returns a `Reconstruction` with `mesh`, `views` (photos with cameras), `kind`, `report`, `warnings` and `save(path)`.
    """
    from lift3d.context import silent
    from lift3d.pipelines.pictures.prompts import parse_prompts
    from lift3d.pipelines.reconstruct import reconstruct as run
    from lift3d.pipelines.reconstruction.inputs import with_masks
    from lift3d.pipelines.reconstruction.options import Options
    from lift3d.pipelines.reconstruction.scale import Marks, Scale
    from lift3d.units import length_in_metres, memory_in_bytes

    sources: list[Any] = list(photos) if isinstance(photos, list | tuple) else [photos]
    if masks is not None and not isinstance(masks, str | os.PathLike):
        sources, masks = with_masks(sources, masks), None
    options = Options(
        kind=kind,
        method=method,
        weights=weights,
        uncertainty=uncertainty,
        scale=Scale(
            height=length_in_metres(height, "height"),
            width=length_in_metres(width, "width"),
            marks=None if marks is None else Marks.parse(marks),
        ),
        cameras=_path(cameras),
        masks=_path(masks),
        max_size=max_size,
        texture=texture,
        faces=faces,
        frames=frames,
        shared_intrinsics=shared_intrinsics,
        turntable=turntable,
        delight=delight,
        depth_unit=depth_unit,
        fill_holes=fill_holes,
        prompts=parse_prompts(at, not_at, box),
        force=force,
        seed=seed,
        memory=memory_in_bytes(memory),
        work=_path(work),
        save_cameras=_path(save_cameras),
    )
    return run(sources, output, options, progress or silent, message or _quiet, command)


def load(path: PathLike) -> Mesh:
    """The mesh in a file: .glb .gltf .obj .ply .stl .3mf .off .usdz. What could not be used is listed in
    `mesh.metadata["warnings"]`."""
    from lift3d.pipelines.arguments import load_model_mesh

    return load_model_mesh(path)


@overload
def repair(mesh: Mesh | PathLike, output: PathLike | None = None, *, seed: int = 0,
           progress: Progress | None = None, return_report: Literal[False] = False) -> Mesh: ...  # fmt: skip
@overload
def repair(mesh: Mesh | PathLike, output: PathLike | None = None, *, seed: int = 0,
           progress: Progress | None = None, return_report: Literal[True]) -> tuple[Mesh, RepairReport]: ...  # fmt: skip
def repair(
    mesh: Mesh | PathLike,
    output: PathLike | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    return_report: bool = False,
) -> Mesh | tuple[Mesh, RepairReport]:
    """The solid nearest to a broken mesh: closed, oriented, free of self-intersection. The input is not changed.

    return_report: return (mesh, `RepairReport`); the report has the defects, the repair steps and how far the surface moved.

    >>> import trimesh, lift3d
    >>> box = trimesh.creation.box()
    >>> box.update_faces([True] * 11 + [False])
    >>> lift3d.repair(box).is_watertight
    True
    """
    from lift3d.context import silent
    from lift3d.pipelines.repair import repair as run

    solid, report = run(mesh, output, seed=seed, progress=progress or silent)
    return (solid, report) if return_report else solid


def create(name: str, weights: str | None = None, **options: Any) -> Mapping[Any, Any]:
    """Any mapping by name, ready to be called. weights: of a learned mapping, a run's folder, a weights file or an exported .onnx
    file. runtime="onnx" among its options computes its networks by onnxruntime, without torch.

    >>> import lift3d
    >>> lift3d.create("voxels_to_mesh").card.target
    'Mesh'
    """
    from lift3d.maps import create as run

    return run(name, weights, **options)


def list_models() -> list[PretrainedCfg]:
    """The cards of the networks in this package, sorted by name: `name`, `task`, `bytes`, `licence`, `metrics` beside
    `baselines`, `command` and so on (`lift3d.weights.PretrainedCfg`; docs/python_api.md has a table).

    >>> import lift3d
    >>> {card.name: card.licence for card in lift3d.list_models()}["autoencoder"]
    'Apache-2.0, as lift3d'
    """
    from lift3d.weights import list_models as run

    return run()


def list_mappings() -> list[Card]:
    """The cards of all mappings: name, source, target, method, guarantees, reference."""
    from lift3d.maps import registry

    return [mapping.card for mapping in registry().values()]


def _path(path: Any) -> Path | None:
    return None if path is None else Path(path)


def _quiet(sentence: str) -> None:
    """Show nothing."""
