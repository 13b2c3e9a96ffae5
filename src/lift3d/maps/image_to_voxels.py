"""One to eight photos of an object to the occupancy of its shape, predicted by a network.

The first photo defines the view frame. The network's spatial transformer (Jaderberg et al. 2015) predicts the upright
rotation; the occupancy is resampled to that frame, standing on z = 0 over the origin, longest side 1. The true size cannot be
inferred from a photo.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.camera.assumed import assumed_intrinsics
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.views import BEHIND_PHOTO, ORDER_OF_PHOTOS, UPRIGHT
from lift3d.geometry.image.crop import Crop, square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.symmetry.plane import symmetry_plane
from lift3d.geometry.voxels.bridge_components import bridge_components, main_components
from lift3d.geometry.voxels.view_frame import ViewFrame
from lift3d.mapping import Card, Mapping, register
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.nets.sizes import PICTURE_SIZE
from lift3d.types import F32, F64, Camera, Image, Photos, Points, SolidPrediction, Views, Voxels
from lift3d.weights import is_packaged

if TYPE_CHECKING:
    from lift3d.inference.single_view import SingleViewPrediction

NAME = "image_to_voxels"
MAX_PHOTOS = 8
LAYERS, FUSED = "image_to_layers", 128
"""The network of the visible surface, and voxels along each side of the crop of a prediction that it sharpens."""
RESOLUTION, FUSED_RESOLUTION, COARSE_RESOLUTION = 80, 112, 40
"""Voxels along the longest side of the upright grid, without and with the sharper visible surface, and of the grid in which the
symmetry plane is searched."""
MARGIN = 2
"""Empty voxels around the object."""
MIN_SYMMETRY = 0.75
"""Symmetry score from which on the shape is rotated about z until its symmetry plane is parallel to an axis."""
MIN_SIMILARITY = 1.16
"""Photos with a smaller similarity are reported as showing another object: 60 % of the pairs of different objects, and 5 % of the
pairs of one object, on the validation set."""
MIN_OBJECT_PIXELS = 24
"""Width in pixels that an object must have."""


@register(
    Card(
        NAME, "Photos", "SolidPrediction",
        (UPRIGHT, BEHIND_PHOTO, ORDER_OF_PHOTOS, SAME_BYTES),
        "learned", "Choy et al. 2016; Jackson et al. 2017; Jaderberg et al. 2015",
    )
)  # fmt: skip
@dataclass(frozen=True)
class ImageToVoxels(Mapping[Photos, SolidPrediction]):
    """weights, mask_weights, layer_weights: a run's folder or a weights file; the package's own if not given, and of the layers
    "" for none. upright: False keeps the orientation of the camera, with z opposite to the photo's downward direction. runtime:
    "torch" or "onnx", as in `lift3d.inference.network.open_network`."""

    weights: str | None = None
    mask_weights: str | None = None
    layer_weights: str | None = None
    upright: bool = True
    runtime: str | None = None

    def apply(self, source: Photos, context: Context) -> SolidPrediction:
        if not 1 <= len(source) <= MAX_PHOTOS:
            raise InputError(
                f"{len(source)} photos were given", f"give one to {MAX_PHOTOS} of the same object"
            )
        images = tuple(_masked(source, ImageToMask(self.mask_weights, runtime=self.runtime), context))
        context.progress(NAME, 0.5)
        crops = [_crop(image) for image in images]
        from lift3d.inference.network import open_network
        from lift3d.inference.single_view import photo_similarity, predict_view

        net = open_network(NAME, self.weights, self.runtime)
        found = net.found
        first = images[0]
        frame = ViewFrame(assumed_intrinsics(first), crops[0], 1.0, 1.0)
        pictures = np.stack([_picture(image, crop) for image, crop in zip(images, crops)])
        level = found.threshold
        predicted = predict_view(net, pictures)
        confidence = round(mean_confidence(predicted.occupancy), 4)
        predicted = predicted.fill_silhouette(level)
        predicted = replace(predicted, occupancy=bridge_components(predicted.occupancy, level))
        predicted = self._sharpened(predicted, first, frame, level, context)
        if not (predicted.occupancy > level).any():
            raise CaptureError(
                f"the network sees no solid in {first.name}",
                "take a photo that shows the whole object from a corner",
            )
        context.progress(NAME, 0.9)
        context.note(NAME, weights=found.name, level=level, photos=len(images), confidence=confidence)
        dissimilar: tuple[str, ...] = ()
        if len(images) > 1:
            near = photo_similarity(net, pictures)
            dissimilar = tuple(image.name for image, value in zip(images[1:], near) if value < MIN_SIMILARITY)
            context.note(NAME, dissimilar=dissimilar, similarity=[round(value, 3) for value in near])
        known_up = self.upright and predicted.rotation is not None
        up = predicted.rotation[2] if known_up else np.array([0.0, -1, 0])  # type: ignore[index]
        axes, placed = upright_axes(up), predicted.frame(frame)
        rough = place_on_ground(predicted.occupancy, placed, axes, images, level, COARSE_RESOLUTION)
        plane = symmetry_plane(rough.voxels.inside, rough.voxels.affine)
        turn = float(np.arctan2(plane.normal[1], plane.normal[0]))
        if (
            plane.score >= MIN_SYMMETRY
        ):  # rotate by less than 45 degrees, so that the photo still shows the front
            quarter = turn - round(turn / (np.pi / 2)) * (np.pi / 2)
            axes, turn = rotation_about_z(-quarter) @ axes, turn - quarter
        long = RESOLUTION if len(predicted.occupancy) < FUSED else FUSED_RESOLUTION
        solid = place_on_ground(predicted.occupancy, placed, axes, images, level, long)
        symmetry = symmetry_plane(solid.voxels.inside, solid.voxels.affine, turn)
        return replace(solid, symmetry_plane=symmetry, dissimilar=dissimilar, confidence=confidence)

    def _sharpened(
        self, predicted: SingleViewPrediction, image: Image, frame: ViewFrame, level: float, context: Context
    ) -> SingleViewPrediction:
        """The prediction with the visible surface and thickness of image_to_layers, where there are weights for it."""
        if self.layer_weights == "" or (self.layer_weights is None and not is_packaged(LAYERS)):
            return predicted
        from lift3d.inference.layered_depth import input_side, predict_layers
        from lift3d.inference.network import open_network

        net = open_network(LAYERS, self.layer_weights or None, self.runtime)
        assert image.mask is not None
        alpha = image.mask.astype(np.uint8) * 255
        cutout = cut_out(image.pixels, alpha, frame.crop, input_side(net.found))
        coverage = cut_out(image.pixels, alpha, frame.crop, 2 * FUSED)[3]
        context.note(LAYERS, weights=net.found.name)
        return predicted.with_layers(predict_layers(net, cutout), coverage, level, frame, FUSED)


def upright_axes(up: F64) -> F64:
    """(3, 3) axes of the upright frame in the view frame: z is `up` (3,), y the viewing direction projected onto the ground."""
    ahead = np.array([0.0, 0, 1]) - up[2] * up
    if np.linalg.norm(ahead) < 0.05:  # seen from straight above or below: the top of the photo is ahead
        ahead = np.array([0.0, -1, 0]) + up[1] * up
    ahead = ahead / np.linalg.norm(ahead)
    return np.stack([np.cross(ahead, up), ahead, up])


def rotation_about_z(angle: float) -> F64:
    """(3, 3) rotation by `angle` radians about z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _masked(source: Photos, find: ImageToMask, context: Context) -> list[Image]:
    """The photos with masks; notes how each was obtained."""
    images = [replace(find(image, replace(context, report={})), alpha=None) for image in source.images]
    rows = [
        {"name": image.name} | (asdict(image.segmentation) if image.segmentation else {}) for image in images
    ]
    context.note(find.card.name, photos=rows)
    return images


def _crop(image: Image) -> Crop:
    assert image.mask is not None
    crop = square_crop(image.mask)
    if crop.half * 2 < MIN_OBJECT_PIXELS:
        raise CaptureError(
            f"the object in {image.name} is only {crop.half * 2:.0f} pixels wide",
            "take a larger photo, or move closer",
        )
    return crop


def _picture(image: Image, crop: Crop) -> F32:
    assert image.mask is not None
    return cut_out(image.pixels, image.mask.astype(np.uint8) * 255, crop, PICTURE_SIZE)


def mean_confidence(share: F32) -> float:
    """1 minus the mean binary entropy, in bits, over voxels with an occupancy above 0.05; 0 if there are none."""
    p = np.clip(share[share > 0.05], 1e-6, 1 - 1e-6).astype(np.float64)
    return float(1 + (p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean()) if len(p) else 0.0


def place_on_ground(
    share: F32, frame: ViewFrame, axes: F64, images: tuple[Image, ...], level: float, long: int = RESOLUTION
) -> SolidPrediction:
    """The occupancy of the view frustum resampled to an upright grid, with the first photo's camera in that frame.

    share (D, H, W) float32: occupancy in view coordinates (w, v, u); axes (3, 3): axes of the upright frame in the view frame;
    long: voxels along the longest side. The shape stands on z = 0, its longest side is 1.
    """
    n = len(share)
    share = np.where(main_components(share > level), share, np.minimum(share, level * 0.999))
    corner = np.zeros((n + 1,) * 3, bool)
    for a, b, c in np.ndindex(2, 2, 2):
        corner[a : n + a, b : n + b, c : n + c] |= share > level
    cells = np.argwhere(corner)[:, ::-1] / n * 2 - 1
    points = frame.unproject(cells) @ axes.T
    low, high = points.min(0), points.max(0)
    scale = 1 / float((high - low).max())
    shift = -np.array([low[0] + high[0], low[1] + high[1], 2 * low[2]]) / 2 * scale
    step = 1 / long
    count = np.ceil((high - low) * scale / step).astype(int) + 2 * MARGIN
    start = low * scale + shift + step / 2 - MARGIN * step
    grid = np.stack(
        np.meshgrid(*(start[k] + step * np.arange(count[k]) for k in range(3)), indexing="ij"), -1
    )
    at = frame.project(((grid.reshape(-1, 3) - shift) / scale) @ axes)[:, ::-1]
    values = ndimage.map_coordinates(
        share, ((at + 1) / 2 * n - 0.5).T, np.float32, 1, mode="constant", cval=0.0
    )
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = start
    pose = np.eye(4)
    pose[:3, :3] = frame.rotation.T @ axes.T
    pose[:3, 3] = -pose[:3, :3] @ shift
    first = images[0]
    k = frame.K
    camera = Camera(
        first.width, first.height, float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), pose
    )
    empty = Points(np.zeros((0, 3)))
    views = Views((first,), (camera,), empty, np.zeros((0, 2), np.int32))
    voxels = Voxels(values.reshape(tuple(count)), affine, "occupancy", level)
    return SolidPrediction(voxels, views, images)


def erode_mask(image: Image, share: float = 0.006) -> Image:
    """The image with its mask eroded by a fraction of the longer side, at least one pixel, so that no background is used."""
    assert image.mask is not None
    pixels = max(1, round(share * max(image.width, image.height)))
    inner = ndimage.binary_erosion(image.mask, iterations=pixels, border_value=1)
    return replace(image, mask=np.asarray(inner if inner.any() else image.mask, bool))
