"""A folder with the undistorted photos and their cameras, the input of radiance fields, Gaussian splatting and other
reconstruction programs.

FOLDER/images/NAME.jpg, FOLDER/sparse/0/{cameras,images,points3D}.bin (COLMAP) and FOLDER/transforms.json, all in the
frame and unit of the reconstructed model.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image as Pillow

from lift3d.errors import InputError
from lift3d.io.camera.colmap_writer import write_colmap
from lift3d.io.camera.transforms import write_transforms
from lift3d.io.files.atomic import write_error
from lift3d.io.files.staging import staging_folder
from lift3d.types import Views

JPEG_QUALITY = 95


def require_empty_folder(
    folder: Path, sources: Sequence[str | Path] = (), others: Sequence[Path] = ()
) -> None:
    """Raise InputError unless `folder` is missing or empty, lies outside the folders of photos (`sources`), and contains
    none of the other outputs of the run (`others`)."""
    target = folder.resolve()
    for other in others:
        if other.resolve().is_relative_to(target):
            raise InputError(f"{other} would lie in {folder}", "give the cameras a folder of their own")
    for source in map(Path, sources):
        if source.is_dir() and target.is_relative_to(source.resolve()):
            raise InputError(f"{folder} lies among the photos", "give another folder for the cameras")
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise write_error(error, folder) from error
    if taken:
        raise InputError(f"{folder} exists and is not empty", "give another folder for the cameras")


@contextlib.contextmanager
def capture_set(folder: str | os.PathLike[str]) -> Iterator[Callable[[Views], None]]:
    """A function that writes the photos and cameras of views; `folder` appears when the block ends without an exception.

    Photos keep their file names with the suffix .jpg; where two names would collide, the later one gets a number.
    Raises InputError when the folder exists and is not empty, or cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    require_empty_folder(folder)
    with staging_folder(folder) as part:

        def write(views: Views) -> None:
            try:
                _fill(views, part)
            except OSError as error:
                raise write_error(error, folder) from error

        yield write


def write_capture_set(views: Views, folder: str | os.PathLike[str]) -> Path:
    """Write the photos and cameras of `views` at once, see `capture_set`. Returns the folder's path."""
    with capture_set(folder) as write:
        write(views)
    return Path(os.path.realpath(folder))


def _fill(views: Views, folder: Path) -> None:
    """Write images, COLMAP model and transforms.json into an empty folder."""
    (folder / "images").mkdir()
    (folder / "sparse" / "0").mkdir(parents=True)
    names = _names([image.name for image in views.images])
    for image, name in zip(views.images, names):
        Pillow.fromarray(image.pixels).save(folder / "images" / name, quality=JPEG_QUALITY, subsampling=0)
    renamed = replace(views, images=tuple(replace(i, name=n) for i, n in zip(views.images, names)))
    write_colmap(renamed, folder / "sparse" / "0")
    relative = tuple(replace(i, name=f"images/{n}") for i, n in zip(views.images, names))
    write_transforms(replace(views, images=relative), folder / "transforms.json")


def _names(originals: list[str]) -> list[str]:
    """Distinct file names with the suffix .jpg."""
    taken: set[str] = set()
    names = []
    for name in originals:
        stem = Path(name).stem or "photo"
        candidate, number = f"{stem}.jpg", 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{stem}_{number}.jpg"
        taken.add(candidate.lower())
        names.append(candidate)
    return names
