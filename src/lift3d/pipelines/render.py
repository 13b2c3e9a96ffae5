"""Views of a model with depth, normals, masks and cameras, or a turntable film: the pipeline of `lift3d render`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

import numpy as np

from lift3d.context import Progress
from lift3d.errors import InputError
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.geometry.render.lights import Lighting
from lift3d.geometry.render.renderer import Rendering, render_many
from lift3d.io.files.atomic import write_error
from lift3d.io.image.animation import ANIMATION_SUFFIXES, write_animation
from lift3d.pipelines.arguments import (
    ModelSource,
    PathLike,
    load_model_parts,
    name_of,
    or_silent,
    reader_warnings,
)
from lift3d.pipelines.render_files import write_views
from lift3d.pipelines.render_options import (
    Options,
    is_film,
    load_lighting,
    make_cameras,
    parse_background,
    require_film,
)
from lift3d.types import Camera, Model
from lift3d.units import format_count

BATCH = 8
"""Views that are rendered at the same time."""


def render(
    model: ModelSource,
    output: PathLike | None = None,
    *,
    views: int | None = None,
    size: int = 512,
    width: int | None = None,
    height: int | None = None,
    elevation: float | Sequence[float] = (),
    light: str = "studio",
    background: str = "white",
    seed: int | None = None,
    up: str = "z",
    progress: Progress | None = None,
) -> Renderings:
    """Render views of a model.

    model: a mesh file or a mesh. output: a new folder for images, depth/, normals/, masks/ and transforms.json, or a film
    NAME.gif or NAME.mp4; None keeps the views in memory. views: 24 if None, 72 for a film. size: pixels of both sides, unless
    width or height is given, 16 to 4096. elevation: degrees above the horizon, several in turn; 15 and 35 if not given, 20
    for a film.
    light: "studio", "sun", "flat", "bare" or the path of an equirectangular image. background: a colour's name, #rrggbb or
    "transparent". seed: random directions instead of an orbit. up: "z" or "y", the upright axis of a model whose format does not
    state it.

    Raises InputError for an argument that cannot be used or a model without faces.
    """
    angles = (elevation,) if isinstance(elevation, int | float) else tuple(elevation)
    options = Options(
        views, size if width is None else width, size if height is None else height, angles, light,
        background, seed, up,
    )  # fmt: skip
    path = None if output is None else Path(output)
    if path is not None:
        options = _check_output(path, options)
    film = path is not None and is_film(path)
    colour, lighting = parse_background(options.background), load_lighting(options.light)
    loaded = load_model_parts(model, options.up)
    surface = _surface(loaded, name_of(model, "the mesh"))
    cameras = make_cameras(surface.v[np.unique(surface.f)], options, film)
    scene = Scene(surface, cameras, colour, lighting, loaded.unit, reader_warnings(model, loaded.warnings))
    if path is None:
        return Renderings(scene, list(scene.render(or_silent(progress))))
    return _write(scene, path, or_silent(progress))


def _surface(loaded: Model, name: str) -> Drawable:
    """The surface to draw; InputError for a model without a face that has an area."""
    if any(len(part.faces) for part in loaded.parts):
        surface = drawable(loaded.parts)
        a, b, c = (surface.v[surface.f[:, k]] for k in range(3))
        if np.cross(b - a, c - a).any():
            return surface
    raise InputError(f"{name} has no faces with an area", "inspect it with `lift3d check`")


@dataclass(frozen=True, eq=False)
class Scene:
    """The scene to render: a surface, its cameras, background (sRGB, None for transparent) and light; unit: "m" or None;
    warnings: sentences on what in the model's file could not be used."""

    surface: Drawable
    cameras: tuple[Camera, ...]
    background: tuple[int, int, int] | None
    lighting: Lighting | None
    unit: str | None
    warnings: tuple[str, ...] = ()

    def render(self, progress: Progress, cameras: Sequence[Camera] | None = None) -> Iterator[Rendering]:
        """The views of all or of some cameras in order, a batch at a time."""
        cameras = self.cameras if cameras is None else cameras
        for start in range(0, len(cameras), BATCH):
            progress("render", start / len(cameras))
            batch = cameras[start : start + BATCH]
            yield from render_many(self.surface, batch, 2, 0.0, self.background, self.lighting)
        progress("render", 1.0)

    @property
    def max_depth(self) -> float:
        """An upper bound on the depth of all pixels of all views."""
        centre, radius = self.surface.bounding_sphere
        return max(float(camera.R[2] @ centre + camera.t[2]) for camera in self.cameras) + radius


class Renderings(Sequence[Rendering]):
    """Views of a model in their order. Items are `Rendering`s; after writing they are rendered again on access, so that any
    number of views fits into memory.

    cameras: one for each view. unit: of depth and cameras, "m" or None. path: the folder or film, None for views in memory;
    empty: indices of the views that show nothing. warnings: sentences on what in the model's file could not be used.
    """

    def __init__(
        self,
        scene: Scene,
        views: Sequence[Rendering] | None,
        path: Path | None = None,
        empty: Sequence[int] | None = None,
    ) -> None:
        self.scene, self.path, self._views = scene, path, views
        if empty is None:
            empty = [i for i, view in enumerate(views or ()) if not view.mask.any()]
        self.cameras, self.unit, self.empty = scene.cameras, scene.unit, tuple(empty)
        self.warnings = scene.warnings

    def __len__(self) -> int:
        return len(self.cameras)

    @overload
    def __getitem__(self, index: int) -> Rendering: ...

    @overload
    def __getitem__(self, index: slice) -> list[Rendering]: ...

    def __getitem__(self, index: int | slice) -> Rendering | list[Rendering]:
        """One view, or a list of views."""
        if self._views is not None:
            return self._views[index] if isinstance(index, int) else list(self._views[index])
        cameras = self.cameras[index] if isinstance(index, slice) else (self.cameras[index],)
        views = list(self.scene.render(or_silent(None), cameras))
        return views if isinstance(index, slice) else views[0]

    def save(self, folder: PathLike) -> Path:
        """Write images, depth/, normals/, masks/ and transforms.json into a new folder; returns its path.

        Raises InputError for a folder that is not empty or cannot be written.
        """
        folder = Path(folder)
        _require_free(folder)
        views = self.scene.render(or_silent(None)) if self._views is None else iter(self._views)
        _write_folder(self.scene, folder, views)
        return folder

    def to_text(self) -> str:
        """One sentence that describes the files written."""
        camera, film = self.cameras[0], self.path is not None and is_film(self.path)
        many = format_count(len(self), "frame" if film else "view")
        text = f"wrote {self.path}: {many} of {camera.width}x{camera.height}"
        text += "" if film else ", depth, normals, masks, cameras"
        if self.empty:
            text += (
                f"; {len(self.empty)} of them show nothing, since the model is thinner than a pixel: "
                "make them larger (--size)"
            )
        return text


def _write(scene: Scene, path: Path, progress: Progress) -> Renderings:
    views = scene.render(progress)
    if not is_film(path):
        return _write_folder(scene, path, views)
    empty: list[int] = []
    write_animation(path, (view.rgb for view in _note_empty(views, empty.append)))
    return Renderings(scene, None, path, empty)


def _write_folder(scene: Scene, folder: Path, views: Iterator[Rendering]) -> Renderings:
    empty: list[int] = []
    noted = _note_empty(views, empty.append)
    write_views(folder, noted, scene.cameras, scene.max_depth, scene.unit, scene.background is None)
    return Renderings(scene, None, folder, empty)


def _note_empty(views: Iterator[Rendering], note: Callable[[int], None]) -> Iterator[Rendering]:
    """The views; calls `note` with the index of each that shows nothing."""
    for i, view in enumerate(views):
        if not view.mask.any():
            note(i)
        yield view


def _check_output(output: Path, options: Options) -> Options:
    """The options for this output: a film has even sides. Raises InputError for an output that cannot be written."""
    if is_film(output):
        require_film(options)
        # half the colours of a film are stored
        return replace(options, width=options.width // 2 * 2, height=options.height // 2 * 2)
    endings = " or ".join(ANIMATION_SUFFIXES)
    if output.is_file():
        raise InputError(
            f"{output} is a file", f"name a folder for the images, or a film that ends in {endings}"
        )
    if output.suffix:
        raise InputError(
            f"{output.name} is neither a folder nor a film", f"end it in {endings}, or name a folder"
        )
    _require_free(output)
    return options


def _require_free(folder: Path) -> None:
    """Raise InputError for a folder that is not empty or cannot be read."""
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise write_error(error, folder) from error
    if taken:
        raise InputError(f"{folder} exists already and is not empty", "name another folder for the images")
