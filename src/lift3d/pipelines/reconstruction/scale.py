"""The real size of a model from a height, a width, or the distance between two marks in a photo.

Height is the extent along the up axis (Z). Width is the larger of the two horizontal extents (X or Y). A mark is a pixel of
a photo, upright and in its original size, and is projected onto the surface. Without any of these the unit stays None.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.errors import InputError
from lift3d.geometry.camera.undistort import undistort_points
from lift3d.geometry.mesh.bvh import build_bvh, first_hit
from lift3d.types import F64, Camera, Mesh, Views
from lift3d.units import format_length, parse_length


@dataclass(frozen=True)
class Marks:
    """Two points of one photo, in pixels (x, y) from its upper left corner, and their real distance in metres."""

    photo: str
    first: tuple[float, float]
    second: tuple[float, float]
    distance: float

    @classmethod
    def parse(cls, text: str) -> Marks:
        """Parse "PHOTO,x1,y1,x2,y2,DISTANCE", such as "IMG_3.jpg,812,440,1520,455,12cm"; raises InputError."""
        parts = [part.strip() for part in text.split(",")]
        invalid = InputError(
            f"'{text}' does not describe two marks",
            "write PHOTO,x1,y1,x2,y2,DISTANCE such as IMG_3.jpg,812,440,1520,455,12cm",
        )
        if len(parts) < 6:
            raise invalid
        try:
            x1, y1, x2, y2 = (float(part) for part in parts[-5:-1])
        except ValueError:
            raise invalid from None
        if not np.isfinite([x1, y1, x2, y2]).all() or (x1, y1) == (x2, y2):
            raise InputError("the two marks must be different pixels", "give two points that are far apart")
        return cls(",".join(parts[:-5]), (x1, y1), (x2, y2), parse_length(parts[-1], "a distance"))


@dataclass(frozen=True)
class Scale:
    """The real size of the object, by at most one of: height, width (metres), marks."""

    height: float | None = None
    width: float | None = None
    marks: Marks | None = None

    def __post_init__(self) -> None:
        if sum(size is not None for size in (self.height, self.width, self.marks)) > 1:
            raise InputError("more than one size is given", "give only one of --height, --width and --marks")

    @property
    def is_given(self) -> bool:
        """Whether the real size is known."""
        return (self.height, self.width, self.marks) != (None, None, None)

    def factor(self, mesh: Mesh, views: Views, mark_pixels: F64 | None = None) -> tuple[float, str]:
        """(metres per unit of the mesh, a phrase that says how it was found).

        views: cameras in the frame of the mesh. mark_pixels (2, 2): the marks as pixels of the undistorted view of their
        photo. Raises InputError where the mesh has no extent or a mark misses it.
        """
        extent = np.ptp(np.asarray(mesh.vertices), axis=0)
        if self.height is not None:
            return self.height / _positive(
                extent[2]
            ), f"height (extent along Z, up) is {format_length(self.height)}"
        if self.width is not None:
            axis = int(np.argmax(extent[:2]))
            how = f"width (largest horizontal extent, along {'XY'[axis]}) is {format_length(self.width)}"
            return self.width / _positive(extent[axis]), how
        if self.marks is None or mark_pixels is None:
            raise ValueError("no size is known")
        camera = views.cameras[view_named(views, self.marks.photo)]
        first, second = (
            self._cast(camera, mesh, pixel, n) for pixel, n in zip(mark_pixels, ("first", "second"))
        )
        how = f"two marks in {self.marks.photo} are {format_length(self.marks.distance)} apart"
        return self.marks.distance / _positive(float(np.linalg.norm(first - second))), how

    def _cast(self, camera: Camera, mesh: Mesh, pixel: F64, which: str) -> F64:
        direction = camera.R.T @ np.array(
            [(pixel[0] - camera.cx) / camera.fx, (pixel[1] - camera.cy) / camera.fy, 1.0]
        )
        tree = build_bvh(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32))
        ray = (*camera.centre.tolist(), *direction.tolist())
        hit, face, _, _ = first_hit(tree.tri, tree.face, tree.box, *ray, 0.0, np.inf)
        if face < 0:
            raise InputError(
                f"the {which} mark misses the reconstructed surface",
                "mark a point on the object, a little away from its edge",
            )
        return camera.centre + hit * direction


def photo_named(names: list[str], name: str, which: str = "photo") -> int:
    """Index of the photo called `name`, with or without folder and ending; raises InputError unless exactly one matches.

    which: how the error calls the photos, "photo" or "registered photo".
    """
    for same in (lambda n: n == name, lambda n: _base(n) == _base(name), lambda n: _stem(n) == _stem(name)):
        found = [i for i, n in enumerate(names) if same(n)]
        if len(found) == 1:
            return found[0]
    raise InputError(
        f"no {which} is called {name}", f"mark one of {', '.join(sorted(names)[:3])} and the others"
    )


def view_named(views: Views, name: str) -> int:
    """Index of the view of a photo."""
    return photo_named([image.name for image in views.images], name, "registered photo")


def mark_pixels(marks: Marks, views: Views) -> F64:
    """(2, 2) the marks as pixels of the undistorted view of their photo.

    The marks count pixels of the photo in its original size. They are scaled to the working size and mapped through the
    lens model that camera estimation found for the photo.
    """
    index = view_named(views, marks.photo)
    image, camera = views.images[index], views.cameras[index]
    width, height = image.original_size or (image.width, image.height)
    marked = np.array([marks.first, marks.second], np.float64)
    if not ((marked >= 0) & (marked <= [width, height])).all():
        raise InputError(
            f"a mark lies outside {image.name}, which is {width} x {height} pixels",
            "count from its upper left corner",
        )
    scaled = marked * [camera.width / width, camera.height / height]
    lens = next((photo.lens for photo in views.photos if photo.name == image.name), None)
    if lens is None:
        return scaled
    distorted = (scaled - [lens.cx, lens.cy]) / [lens.fx, lens.fy]
    return undistort_points(distorted, lens.distortion) * [camera.fx, camera.fy] + [camera.cx, camera.cy]


def _positive(extent: float) -> float:
    if not extent > 0:
        raise InputError("the reconstruction has no extent there", "give the size in another way")
    return float(extent)


def _base(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def _stem(name: str) -> str:
    return _base(name).rsplit(".", 1)[0]
