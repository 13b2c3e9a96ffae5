"""Arguments of the Python API, paths or values in memory, as representations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import trimesh

from lift3d.context import Context, Progress, silent
from lift3d.errors import InputError
from lift3d.io.image.in_memory import Picture, photos_in_memory
from lift3d.io.image.photos import VIDEO_SUFFIXES, read_photos
from lift3d.types import Image, Mesh, Model

Message = Callable[[str], None]
"""Called with one sentence for the user."""
PathLike = str | os.PathLike[str]
PhotoSource = PathLike | Picture
"""The path of a photo, an array (H, W), (H, W, 3) or (H, W, 4) uint8 sRGB, a Pillow image or an `Image`."""
ModelSource = PathLike | Mesh
"""The path of a model file or a `trimesh.Trimesh`, z up."""


def load_photo(photo: PhotoSource, context: Context | None = None, max_size: int | None = None) -> Image:
    """One photo, upright, sRGB; transparency becomes its mask. Raises InputError for a folder, a video or no photo."""
    if not isinstance(photo, str | os.PathLike):
        return photos_in_memory([photo], max_size=max_size, context=context).images[0]
    path = Path(photo).expanduser()
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name one photo")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise InputError(f"{path.name} is a video", "name one photo")
    return read_photos([path], max_size=max_size, context=context).images[0]


def load_model_mesh(model: ModelSource) -> Mesh:
    """One mesh, z up. A mesh in memory is copied. Raises InputError for a file that cannot be read."""
    from lift3d.io.mesh.meshes import load_mesh

    model = _without_scene(model)
    return model.copy() if isinstance(model, Mesh) else load_mesh(_file(model))


def load_model_parts(model: ModelSource, up: str = "z") -> Model:
    """Parts with their materials, z up. up: "y" or "z", the upright axis of a file whose format does not state it.

    Raises InputError for a file that cannot be read or an unknown axis.
    """
    from lift3d.geometry.parts.convert import mesh_to_part, y_up_to_z_up_parts
    from lift3d.io.mesh.meshes import SUFFIXES_WITH_UP_AXIS, load_parts

    require_axis(up)
    model = _without_scene(model)
    if isinstance(model, Mesh):
        found, convert = Model([mesh_to_part(model)], model.units), up == "y"
    else:
        path = _file(model)
        found, convert = load_parts(path), up == "y" and path.suffix.lower() not in SUFFIXES_WITH_UP_AXIS
    return Model(y_up_to_z_up_parts(found.parts), found.unit, found.warnings) if convert else found


def reader_warnings(source: object, warnings: Iterable[str], otherwise: str = "the mesh") -> tuple[str, ...]:
    """The warnings of a reader as sentences with the name of the file, each once."""
    name = name_of(source, otherwise)
    return tuple(f"{name}: {warning.rstrip('.')}." for warning in dict.fromkeys(warnings))


def mesh_warnings(source: object, mesh: Mesh) -> tuple[str, ...]:
    """What the reader of a mesh could not use, as sentences with the name of the file."""
    return reader_warnings(source, mesh.metadata.get("warnings", ()))


def require_other_file(source: object, output: Path, beside: Iterable[Path] = (), what: str = "") -> None:
    """Raise InputError for an output that is the file of `source` itself, also by a link or another spelling.

    beside: files that are written with it. what: "photo", for the sentence.
    """
    if not isinstance(source, str | os.PathLike):
        return
    path = Path(source).expanduser()
    for written in (output, *beside):
        same = path.resolve() == written.resolve()
        if same or (path.exists() and written.exists() and path.samefile(written)):
            name = (
                "the output" if written == output else f"{written.name}, which is written beside the output,"
            )
            named = f"the {what} {path.name}" if what else path.name
            raise InputError(f"{name} would overwrite {named}, which it is made from", "give it another name")


def require_axis(up: str) -> None:
    """Raise InputError unless `up` is "y" or "z"."""
    if up not in ("y", "z"):
        raise InputError(f"'{up[:40]}' is not an upright axis", "--up takes y or z")


def name_of(source: object, otherwise: str) -> str:
    """The file name of a path, the name of an `Image`, else `otherwise`."""
    if isinstance(source, str | os.PathLike):
        return Path(source).name
    return (source.name if isinstance(source, Image) else "") or otherwise


def or_silent(progress: Progress | None) -> Progress:
    """The progress callback, or one that shows nothing."""
    return progress if progress is not None else silent


def or_ignore(message: Message | None) -> Message:
    """The message callback, or one that ignores the sentence."""
    return message if message is not None else _ignore


def _ignore(sentence: str) -> None:
    """Ignore a sentence."""


def _without_scene(model: ModelSource) -> ModelSource:
    """A `trimesh.Scene`, which `trimesh.load` may return, as one mesh; anything else as it is."""
    return model.to_mesh() if isinstance(model, trimesh.Scene) else model


def _file(model: PathLike) -> Path:
    if not isinstance(model, str | os.PathLike):
        raise InputError(
            f"a {type(model).__name__} is not a mesh", "give the path of a mesh file or a trimesh.Trimesh"
        )
    path = Path(model).expanduser()
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name one mesh in it")
    return path
