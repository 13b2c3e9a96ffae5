"""Photos, cameras, posed views, depth maps and points.

Cameras follow OpenCV (x right, y down, z forward). Pixel centres lie at integers + 0.5: a point at u in [0, width) falls
in pixel floor(u).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lift3d.types.arrays import F32, F64, _require

MASK_SOURCES = ("alpha", "given", "network", "backdrop")


@dataclass(frozen=True)
class Segmentation:
    """How the mask of an image was obtained.

    source: "alpha" (transparency of the file), "given" (a mask file), "network" or "backdrop" (a plain one). area_fraction:
    fraction of the pixels inside the mask. other_objects: number of further objects that the network found. weights: name of
    its weights. certainty: IoU of the mask that is to be expected from the network's probabilities, 1 for other sources.
    """

    source: str
    area_fraction: float
    other_objects: int = 0
    weights: str | None = None
    certainty: float = 1.0

    def __post_init__(self) -> None:
        _require(self.source in MASK_SOURCES, "Segmentation.source is alpha, given, network or backdrop")
        _require(0 <= self.area_fraction <= 1, "Segmentation.area_fraction lies in [0, 1]")
        _require(0 <= self.certainty <= 1, "Segmentation.certainty lies in [0, 1]")


@dataclass(frozen=True, eq=False)
class Image:
    """A photo.

    pixels (H, W, 3) uint8 sRGB, upright. mask (H, W) bool, True on the object, or None. focal: focal length in pixels of
    `pixels` if known (EXIF, calibration). sha256: checksum of the file. original_size: (width, height) of the file's
    upright picture before it was reduced, if known. segmentation: how `mask` was obtained, if known. orientation: the EXIF
    orientation, 1 to 8, that was undone to make the picture upright. warnings: sentences without the name of the photo on what
    the reader changed or could not use. gravity: unit vector that points down in the camera's frame (x right, y down, z forward),
    if the file states it. alpha (H, W) uint8: opacity of the object with fractions at its edge, above 127 where `mask` is True,
    or None.
    """

    pixels: NDArray[np.uint8]
    name: str = ""
    mask: NDArray[np.bool_] | None = None
    focal: float | None = None
    sha256: str | None = None
    original_size: tuple[int, int] | None = None
    segmentation: Segmentation | None = None
    orientation: int = 1
    warnings: tuple[str, ...] = ()
    gravity: tuple[float, float, float] | None = None
    alpha: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        p = self.pixels
        _require(
            p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3, "Image.pixels must be (H, W, 3) uint8"
        )
        _require(
            self.mask is None or (self.mask.dtype == np.bool_ and self.mask.shape == p.shape[:2]),
            "Image.mask must be (H, W) bool",
        )
        _require(
            self.alpha is None or (self.alpha.dtype == np.uint8 and self.alpha.shape == p.shape[:2]),
            "Image.alpha must be (H, W) uint8",
        )

    @property
    def height(self) -> int:
        """Number of pixel rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Number of pixel columns."""
        return int(self.pixels.shape[1])

    @property
    def grey(self) -> F32:
        """(H, W) float32 in [0, 255]: Rec. 601 luma of the sRGB values. Not cached, to save memory."""
        return (self.pixels @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera in OpenCV's convention.

    width, height, fx, fy, cx, cy in pixels; world_to_camera (4, 4) float64, rigid; distortion: () or (k1, k2, p1, p2) of
    OpenCV's lens model. Raises ValueError if the pose is no rotation or a size is not positive.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    world_to_camera: F64
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        w2c = self.world_to_camera
        _require(
            w2c.shape == (4, 4) and bool(np.isfinite(w2c).all()), "Camera.world_to_camera must be finite 4x4"
        )
        _require(
            self.width > 0 and self.height > 0 and self.fx > 0 and self.fy > 0,
            "Camera sizes must be positive",
        )
        r = w2c[:3, :3]
        _require(
            bool(np.allclose(r @ r.T, np.eye(3), atol=1e-4)) and np.linalg.det(r) > 0,
            "Camera needs a rotation",
        )
        _require(len(self.distortion) in (0, 4), "Camera.distortion must be () or (k1, k2, p1, p2)")

    @cached_property
    def K(self) -> F64:
        """(3, 3) intrinsics."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    @cached_property
    def R(self) -> F64:
        """(3, 3) world-to-camera rotation."""
        return self.world_to_camera[:3, :3]

    @cached_property
    def t(self) -> F64:
        """(3,) world-to-camera translation."""
        return self.world_to_camera[:3, 3]

    @cached_property
    def centre(self) -> F64:
        """(3,) camera centre in the world."""
        return -self.R.T @ self.t

    @cached_property
    def direction(self) -> F64:
        """(3,) unit viewing direction in the world."""
        return self.R[2]


@dataclass(frozen=True, eq=False)
class Points:
    """A point cloud.

    xyz (N, 3) float64 in the world; normals (N, 3) float32, unit length; colours (N, 3) uint8 sRGB; unit: "m" or None;
    dropped: number of points of the file that were not finite or had no normal.
    """

    xyz: F64
    normals: F32 | None = None
    colours: NDArray[np.uint8] | None = None
    unit: str | None = None
    dropped: int = 0

    def __post_init__(self) -> None:
        _require(self.xyz.ndim == 2 and self.xyz.shape[1] == 3, "Points.xyz must be (N, 3)")
        for extra in (self.normals, self.colours):
            _require(extra is None or extra.shape == self.xyz.shape, "Points attributes must be (N, 3)")

    def __len__(self) -> int:
        return len(self.xyz)


@dataclass(frozen=True, eq=False)
class Photos:
    """Photos of one object or scene, before cameras are known.

    ordered: consecutive photos are neighbours, as the frames of a video are. memory_limited_size: long side in pixels to
    which the reader reduced the photos to stay within the memory budget, or None. warnings: sentences for the user on what the
    reader changed or could not use.
    """

    images: tuple[Image, ...]
    ordered: bool = False
    memory_limited_size: int | None = None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class PhotoStatus:
    """The outcome of camera estimation for one photo.

    placed: whether its camera is known; reason: why not, empty if placed; lens: its camera before undistortion, intrinsics
    rounded as in the report, or None if the photo was a pinhole image already. sharpness: fraction of the gradient that a small
    blur takes from its sharpest edges, if measured.
    """

    name: str
    placed: bool
    reason: str = ""
    lens: Camera | None = None
    sharpness: float | None = None


@dataclass(frozen=True, eq=False)
class Views:
    """Undistorted photos with known pinhole cameras, and the sparse points that were triangulated from them.

    images and cameras correspond index by index. points: sparse points in the world. observations (M, 2) int32: rows of
    (view index, point index). unit: "m" or None. photos: the status of every input photo, including those left
    out; empty if unknown. warnings: sentences for the user on how the cameras were read. background: (H, W) bool for each
    view, True on surroundings that stood still while the object turned, whose depth means nothing; empty if they did not.
    """

    images: tuple[Image, ...]
    cameras: tuple[Camera, ...]
    points: Points
    observations: NDArray[np.int32]
    unit: str | None = None
    photos: tuple[PhotoStatus, ...] = ()
    warnings: tuple[str, ...] = ()
    background: tuple[NDArray[np.bool_], ...] = ()

    def __post_init__(self) -> None:
        _require(len(self.images) == len(self.cameras), "Views needs one camera per image")
        _require(
            self.observations.ndim == 2 and self.observations.shape[1] == 2,
            "Views.observations must be (M, 2)",
        )
        for image, camera in zip(self.images, self.cameras):
            _require(
                (image.width, image.height) == (camera.width, camera.height), "image and camera sizes differ"
            )
            _require(camera.distortion == (), "Views needs undistorted pinhole cameras")
        _require(len(self.background) in (0, len(self.images)), "Views.background needs one mask per image")
        for image, still in zip(self.images, self.background):
            _require(still.shape == image.pixels.shape[:2], "Views.background must be (H, W)")

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Depth:
    """A depth map.

    z (H, W) float32: depth along the optical axis in the world's unit, 0 where unknown. normals (H, W, 3) float32 or
    float16: unit normals in the camera frame that face the camera: n . ray < 0 for the ray of their pixel. confidence (H, W)
    float32 in [0, 1]. propagated (H, W) bool: True where the depth was transferred from other views; such a pixel is evidence
    of a surface point, but not of free space in front of it.
    """

    z: F32
    camera: Camera
    normals: F32 | NDArray[np.float16] | None = None
    confidence: F32 | None = None
    propagated: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        _require(self.z.ndim == 2 and self.z.dtype == np.float32, "Depth.z must be (H, W) float32")
        _require(self.z.shape == (self.camera.height, self.camera.width), "Depth and camera sizes differ")


@dataclass(frozen=True, eq=False)
class DepthMaps:
    """One depth map per view of `views`. A map may have fewer pixels than its photo and carries its own camera."""

    views: Views
    depths: tuple[Depth, ...]

    def __post_init__(self) -> None:
        _require(len(self.views) == len(self.depths), "DepthMaps needs one depth map per view")
