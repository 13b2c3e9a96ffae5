"""Representations: what a thing *is*. Small frozen dataclasses of arrays, checked when they are made.

Frames. Cameras follow OpenCV: x right, y down, z forward; pixel centres lie at integer + 0.5, so a point
at u in [0, width) falls in pixel floor(u). `world_to_camera` is 4x4 and maps world points to the camera
frame. The world is right-handed; its unit is "m" when the scale is known and None when it is not.
A `Mesh` is simply a `trimesh.Trimesh` (`mesh.units` is "m" or None).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lift3d.types.arrays import F32, F64, _require

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, eq=False)
class Image:
    """A photo. pixels (H, W, 3) uint8 sRGB, upright; mask (H, W) bool, True on the object, or None;
    focal: focal length in pixels of `pixels` if known (EXIF, calibration); sha256 of the file it came from."""

    pixels: NDArray[np.uint8]
    name: str = ""
    mask: NDArray[np.bool_] | None = None
    focal: float | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        p = self.pixels
        _require(
            p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3, "Image.pixels must be (H, W, 3) uint8"
        )
        _require(
            self.mask is None or (self.mask.dtype == np.bool_ and self.mask.shape == p.shape[:2]),
            "Image.mask must be (H, W) bool",
        )

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def grey(self) -> F32:
        """(H, W) float32 in [0, 255], Rec. 601 luma of the sRGB values; computed at each call, since many photos'
        grey kept beside them would outweigh them."""
        return (self.pixels @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera in OpenCV's convention. distortion: () or (k1, k2, p1, p2), OpenCV's model."""

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
    """xyz (N, 3) float64 in the world; normals (N, 3) unit float32; colours (N, 3) uint8; dropped: number of points of the file
    that were not finite or had no normal."""

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
    """An unordered (or, from a video, ordered) set of photos of one thing, before cameras are known."""

    images: tuple[Image, ...]
    ordered: bool = False

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Views:
    """Photos with known pinhole cameras (undistorted, aligned index by index) and what was triangulated.

    points: sparse points; observations (M, 2) int32 rows of (view index, point index). unit: "m" or None.
    """

    images: tuple[Image, ...]
    cameras: tuple[Camera, ...]
    points: Points
    observations: NDArray[np.int32]
    unit: str | None = None

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
            _require(camera.distortion == (), "Views holds undistorted pinhole cameras")

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, eq=False)
class Depth:
    """z (H, W) float32 distance along the optical axis, 0 where unknown; normals (H, W, 3) float32 or float16 unit,
    camera frame, facing the camera (n_z < 0); confidence (H, W) float32 in [0, 1]; propagated (H, W) bool: True where
    the depth was taken over from other views, which says that the surface is there but not that nothing is before it."""

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
    """One depth map per view of `views` (sizes may be smaller than the photos; each carries its camera)."""

    views: Views
    depths: tuple[Depth, ...]

    def __post_init__(self) -> None:
        _require(len(self.views) == len(self.depths), "DepthMaps needs one depth map per view")
