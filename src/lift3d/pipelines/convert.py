"""A mesh from one file format to another: the pipeline of `lift3d convert`."""

from __future__ import annotations

import warnings
from pathlib import Path

from lift3d.errors import Lift3dWarning
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines.arguments import (
    Message,
    ModelSource,
    PathLike,
    load_model_mesh,
    mesh_warnings,
    require_other_file,
)
from lift3d.pipelines.reconstruction.inputs import check_output


def convert(source: PathLike, target: PathLike, *, message: Message | None = None) -> list[Path]:
    """Write a mesh file in the format of the ending of `target`, with texture and unit. Returns the files written.

    message: called with a sentence for whatever in the source could not be used; without it, each sentence is a Python warning.
    Raises InputError for a file that cannot be read or written, and a target that is the source.
    """
    return save(source, target, message=message)


def save(mesh: ModelSource, path: PathLike, *, message: Message | None = None) -> list[Path]:
    """Write a mesh in the format of the ending: .glb .obj .ply .stl .3mf .usdz. Returns the files written.

    message: see `convert`.

    >>> import tempfile, trimesh, lift3d
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = lift3d.save(trimesh.creation.box(), folder + "/box.stl")
    ...     round(float(lift3d.load(files[0]).volume), 6)
    1.0
    """
    check_output(Path(path), [])
    require_other_file(mesh, Path(path))
    loaded = load_model_mesh(mesh)
    if not hasattr(mesh, "vertices"):  # the warnings of a mesh in memory came when it was loaded
        for sentence in mesh_warnings(mesh, loaded):
            if message is not None:
                message(sentence)
            else:
                warnings.warn(sentence, Lift3dWarning, stacklevel=3)
    return [Path(file) for file in save_mesh(loaded, path)]
