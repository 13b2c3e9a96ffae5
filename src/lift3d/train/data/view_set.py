"""The samples of `image_to_voxels`: pictures, and their shapes in the frame of each picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.geometry.image.crop import Crop, square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.voxels.canonical_frame import CUBE_LOW, CUBE_SIDE, RESOLUTION, canonical_grid
from lift3d.geometry.voxels.colour_grid import colour_grid
from lift3d.geometry.voxels.occupancy import occupancy_levels
from lift3d.geometry.voxels.view_frame import ViewFrame, fit_view_frame, resample_affine, resample_to_view
from lift3d.nets.views_to_volume import GRID_SIZE, IMAGE_SIZE
from lift3d.train.data.picture_set import PictureSet
from lift3d.train.data.shape_set import HALF, orient
from lift3d.types import F32, F64, Camera

LEAST = 40
"""Minimum number of pixels of an object in a training picture."""
UPRIGHT = 32
"""Voxels along each side in the upright frame."""


@dataclass(frozen=True, eq=False)
class View:
    """A picture and its ground truth. number: index of the picture; shape: index in the corpus; rgb (S, S, 3) sRGB; mask (S, S);
    frame: the view frame with the true depth extent; to_view (4, 4): from the corpus' frame to the view frame."""

    number: int
    shape: int
    rgb: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    camera: Camera
    frame: ViewFrame
    to_view: F64


class ViewSet:
    """The pictures of one split and the corpus from which they were rendered.

    shapes (N,): index of the shape of each picture; views: pictures of each shape. InputError where a picture's shape is not in
    the corpus."""

    def __init__(self, pictures: Path, corpus: Corpus, split: str) -> None:
        self.corpus, self.pictures = corpus, PictureSet(pictures, split)
        numbers = {key: i for i, key in enumerate(corpus.keys)}
        shapes = []
        for i in range(len(self.pictures)):
            key = self.pictures.record(i)["key"]
            if key not in numbers:
                raise InputError(
                    f"{pictures} shows {key}, which {corpus.folder} does not contain",
                    "give the corpus from which the pictures were rendered",
                )
            shapes.append(numbers[key])
        self.shapes = np.array(shapes)
        self.views: dict[int, NDArray[np.int64]] = {}
        order = np.argsort(self.shapes, kind="stable")
        bounds = np.flatnonzero(np.diff(self.shapes[order])) + 1
        for group in np.split(order, bounds):
            self.views[int(self.shapes[group[0]])] = np.sort(group)

    def __len__(self) -> int:
        return len(self.pictures)

    def view(self, number: int, rng: np.random.Generator | None = None) -> View | None:
        """A picture with its ground truth; None where the visible part of the object is too small. rng: corrupt the mask and
        jitter the crop as in predictions for photos; None: do neither."""
        rgb, mask = self.pictures.rgb(number), self.pictures.mask(number)
        if rng is not None:
            mask = corrupt_mask(mask, rng)
        if int(mask.sum()) < LEAST:
            return None
        crop = square_crop(mask)
        if rng is not None:
            x, y = rng.uniform(-0.04, 0.04, 2) * crop.half
            crop = Crop(crop.x + x, crop.y + y, crop.half * rng.uniform(0.95, 1.1))
        shape = int(self.shapes[number])
        camera = parse_camera(self.pictures.record(number))
        return View(number, shape, rgb, mask, camera, *fit_view_frame(camera, crop, self.points(shape)))

    def points(self, shape: int) -> F64:
        """Points (4096, 3) on the surface of a shape, in the corpus' frame."""
        return self.corpus.surface(shape).xyz

    def levels(self, shape: int) -> NDArray[np.uint8]:
        """Occupancy levels (64, 64, 64) from 0 to 255 in the corpus' grid."""
        return occupancy_levels(self.corpus.inside(shape), self.corpus.surface_voxels(shape))

    def height(self, shape: int) -> float:
        """The largest z of a shape; its base is at 0."""
        return float(self.points(shape)[:, 2].max())


def further_views(more: str) -> list[ViewSet]:
    """All splits of "CORPUS:PICTURES" as training views; none for an empty text. InputError for another form."""
    if not more:
        return []
    corpus, _, pictures = more.partition(":")
    if not corpus or not pictures:
        raise InputError(f"more={more} is not CORPUS:PICTURES", "give two folders with a colon between them")
    opened = Corpus(corpus)
    return [ViewSet(Path(pictures).expanduser(), opened, split) for split in ("train", "val", "test")]


def parse_camera(record: dict[str, object]) -> Camera:
    """The camera of a picture's JSON."""
    c = dict(record["camera"])  # type: ignore[call-overload]
    pose = np.array(c.pop("world_to_camera"), np.float64)
    return Camera(**c, world_to_camera=pose)


def view_to_index(to_view: F64) -> F64:
    """The affine map (4, 4) from the view frame to indices of the corpus' grid."""
    first, step = canonical_grid(RESOLUTION)
    scale = np.eye(4)
    scale[:3, :3] /= step
    scale[:3, 3] = -first / step
    return scale @ np.linalg.inv(to_view)


def view_target(view: View, levels: NDArray[np.uint8], cells: int = GRID_SIZE) -> NDArray[np.uint8]:
    """Occupancy levels (cells, cells, cells) from 0 to 255, axes w v u, in the grid of the view."""
    return resample_to_view(levels, view_to_index(view.to_view), view.frame, cells)


def view_pose(view: View, height: float) -> F32:
    """The similarity (10,) from the upright frame to the view's, in units of the lateral extent: last and first row of the
    rotation, centre, logarithm of the size (nets/views_to_volume.py, POSE)."""
    frame = view.frame
    rotation = view.to_view[:3, :3].T
    centre = view.to_view[:3, :3] @ np.array([0, 0, height / 2]) + view.to_view[:3, 3]
    centre = (centre - np.array([0, 0, frame.centre_depth])) / frame.half_width
    return np.concatenate([rotation[2], rotation[0], centre, [-np.log(frame.half_width)]]).astype(np.float32)


def upright_target(levels: NDArray[np.uint8], height: float, cells: int = UPRIGHT) -> NDArray[np.uint8]:
    """Occupancy levels (cells, cells, cells), axes x y z, over [-0.55, 0.55]^3 around the shape's centre, which is
    (0, 0, height / 2) in the corpus' frame."""
    first, step = canonical_grid(RESOLUTION)
    own = 1.1 / cells
    start = np.full(3, -0.55 + own / 2) + [0, 0, height / 2]
    return resample_affine(levels, (start - first) / step, np.eye(3) * (own / step), cells)


def symmetry_axis(inside: NDArray[np.bool_]) -> int:
    """The axis, 0 or 1, across which a shape (n, n, n) is more symmetric."""
    overlap = [int((inside & np.flip(inside, axis)).sum()) for axis in (0, 1)]
    return int(overlap[1] > overlap[0])


def network_input(view: View, size: int = IMAGE_SIZE) -> F32:
    """The network's input (4, size, size): the cropped cut-out, RGB and mask."""
    return cut_out(view.rgb, view.mask.astype(np.uint8) * 255, view.frame.crop, size)


def corrupt_mask(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """A mask (S, S) with errors as in predicted masks: dilated by up to four pixels, eroded by up to two, a box removed or added,
    or no error. Dilation is the most frequent error, so that networks learn to recognise background by its colours."""
    choice = rng.random()
    if choice < 0.3:
        return np.asarray(ndimage.binary_dilation(mask, iterations=int(rng.integers(1, 5))))
    if choice < 0.45:
        return np.asarray(ndimage.binary_erosion(mask, iterations=int(rng.integers(1, 3))))
    if choice < 0.7:
        rows, columns = np.nonzero(mask)
        if not len(rows):
            return mask
        out = mask.copy()
        pixel = rng.integers(len(rows))
        h, w = (int(x * rng.uniform(0.1, 0.5)) + 1 for x in (np.ptp(rows) + 1, np.ptp(columns) + 1))
        y, x = max(rows[pixel] - h // 2, 0), max(columns[pixel] - w // 2, 0)
        out[y : y + h, x : x + w] = rng.random() < 0.2
        return out
    return mask


def oriented_shape(solids: ViewSet, shape: int, move: int, coloured: bool) -> tuple[NDArray[np.bool_], F32]:
    """Occupancy (64, 64, 64) bool and colours (4, 16, 16, 16) of a shape in one of the ORIENTATIONS of train/data/shape_set.py;
    coloured: False sets the colours to 0."""
    full = orient(solids.levels(shape) > HALF, move)
    surface = solids.corpus.surface(shape)
    assert surface.colours is not None
    colours = colour_grid(surface.xyz, surface.colours, np.array(CUBE_LOW), CUBE_SIDE)
    if not coloured:
        colours[:3] = 0
    rotated = np.rot90(colours, move % 4, (1, 2))
    return full, np.ascontiguousarray(rotated[:, ::-1] if move >= 4 else rotated)
