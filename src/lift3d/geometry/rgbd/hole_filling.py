"""Small holes of a depth frame, filled from their border along the colours of the image.

Inverse depth is linear on the image of a plane, so that the membrane over a hole (the least sum of squared differences of
neighbours, with the border given) continues planes exactly. Neighbours of different colour are held together less, so that a
step runs along an edge of the image (weights as of Levin, Lischinski & Weiss 2004, equation 2). Wide holes, as of the
sky and of windows, and those at the border of the frame stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from lift3d.geometry.kernels import njit_kernel
from lift3d.geometry.rgbd import sparse_kernels as kernels
from lift3d.geometry.rgbd.depth_noise import CONSTANT, QUADRATIC, without_edges
from lift3d.types import F32, Camera, Depth, RgbdFrame

LARGEST_RADIUS = 0.025
"""Radius of the largest circle that fits in a gap that is filled, as a fraction of the width of the frame."""
COLOUR_SIGMA = 6.0
"""Difference of colour at which the bond of neighbours falls by exp(-1/2)."""
WEAKEST = 1e-3
"""Least bond of neighbours."""
STEEPEST = 5.0
"""Tangent of the angle between the viewing ray and the normal above which a filled surface bridges others and is left out."""
PLANE = 3
"""Pixels to each side from which the plane of a pixel at the border of a hole is fitted."""
AROUND = 3
"""Pixels around a hole whose edge pixels are not trusted, and are solved for beside it."""


def fill_holes(z: F32, colour: NDArray[np.uint8], focal: float) -> tuple[F32, NDArray[np.bool_]]:
    """(depth (H, W), 0 where unknown, bool (H, W) of the pixels that were filled) of a depth map z (H, W) with the colours
    (H, W, 3) of its pixels. focal: focal length in pixels."""
    holes = _small_holes(z <= 0)
    if not holes.any():
        return z, holes
    clean = without_edges(z)
    near = ndimage.binary_dilation(holes, np.ones((3, 3), bool), AROUND)
    unknown = holes | ((clean <= 0) & (z > 0) & near)
    border = ndimage.binary_dilation(unknown) & (clean > 0)
    held = np.zeros(z.shape)
    _fit_planes(clean, border, PLANE, CONSTANT, QUADRATIC, held)
    inverse = _membrane(held, colour, unknown)
    found = np.where(holes & (inverse > 1e-3), 1 / np.maximum(inverse, 1e-3), 0).astype(np.float32)
    found[_steep(np.where(z > 0, z, found), focal) | (z > 0)] = 0
    filled = found > 0
    return np.where(filled, found, z).astype(np.float32), filled


def _small_holes(unknown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) bool: unknown pixels that no circle of the largest radius covers without a known pixel in it: the morphological
    closing of what is known, where nothing is known outside the frame."""
    if unknown.all():
        return np.zeros_like(unknown)
    radius = max(LARGEST_RADIUS * unknown.shape[1], 1.5)
    margin = int(radius) + 2
    far = ndimage.distance_transform_edt(np.pad(unknown, margin, constant_values=True)) > radius
    out = np.ones(unknown.shape, bool)
    if far.any():
        reached = ndimage.distance_transform_edt(~far)[margin:-margin, margin:-margin] <= radius
        out = ~reached
    return out & unknown


@njit_kernel
def _fit_planes(z: Any, chosen: Any, reach: int, constant: float, quadratic: float, out: Any) -> None:
    """out (H, W): inverse depth at the chosen pixels, of the plane through the pixels around them that lie on the same surface;
    the measured one where these do not fix a plane."""
    h, w = z.shape
    for i in range(h):
        for j in range(w):
            if not chosen[i, j]:
                continue
            here = z[i, j]
            step = 3 * (constant + quadratic * here * here) + 0.003 * here
            n = sx = sy = sxx = sxy = syy = sd = sxd = syd = 0.0
            for a in range(max(i - reach, 0), min(i + reach + 1, h)):
                for b in range(max(j - reach, 0), min(j + reach + 1, w)):
                    x, y = float(b - j), float(a - i)
                    far = step + 0.01 * here * (abs(x) + abs(y))
                    if z[a, b] <= 0 or abs(z[a, b] - here) > far:
                        continue
                    d = 1.0 / z[a, b]
                    n, sx, sy, sd = n + 1, sx + x, sy + y, sd + d
                    sxx, sxy, syy = sxx + x * x, sxy + x * y, syy + y * y
                    sxd, syd = sxd + x * d, syd + y * d
            out[i, j] = 1.0 / here
            cxx, cxy, cyy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
            det = cxx * cyy - cxy * cxy
            if n >= 8 and det > 1e-3 * (cxx + cyy) ** 2:
                cxd, cyd = sxd - sx * sd / n, syd - sy * sd / n
                p, q = (cxd * cyy - cyd * cxy) / det, (cyd * cxx - cxd * cxy) / det
                out[i, j] = (sd - p * sx - q * sy) / n


def _membrane(
    values: NDArray[np.floating], colour: NDArray[np.uint8], unknown: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(H, W) the membrane over the unknown pixels, held by the values (H, W) above zero around them; 0 elsewhere, and where
    nothing holds it."""
    row = np.full(values.shape, -1, np.int64)
    row[unknown] = np.arange(int(unknown.sum()))
    n = int(unknown.sum())
    rows, columns, weights = [], [], []
    diagonal, right = np.full(n, 1e-12), np.zeros(n)
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        difference = colour[first].astype(np.float64) - colour[second]
        bond = np.maximum(np.exp(-0.5 * (difference**2).mean(-1) / COLOUR_SIGMA**2), WEAKEST)
        for a, b in ((first, second), (second, first)):
            inside = row[a] >= 0
            held = inside & (row[b] < 0) & (values[b] > 0)
            np.add.at(diagonal, row[a][held], bond[held])
            np.add.at(right, row[a][held], bond[held] * values[b][held])
            both = inside & (row[b] >= 0)
            np.add.at(diagonal, row[a][both], bond[both])
            rows.append(row[a][both])
            columns.append(row[b][both])
            weights.append(-bond[both])
    triplets = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
    matrix = coo_matrix(triplets, (n, n)) + coo_matrix((diagonal, (range(n), range(n))), (n, n))
    out = np.zeros(values.shape)
    out[unknown] = spsolve(matrix.tocsc(), right, permc_spec="MMD_AT_PLUS_A")
    return out


def _steep(z: F32, focal: float) -> NDArray[np.bool_]:
    """(H, W) bool: pixels that differ from a neighbour as a surface does that is nearly parallel to the viewing ray."""
    out = np.zeros(z.shape, bool)
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        known = (z[a] > 0) & (z[b] > 0)
        wide = known & (np.abs(z[a] - z[b]) > STEEPEST * np.minimum(z[a], z[b]) / focal)
        out[a] |= wide
        out[b] |= wide
    return out


def filled_frame(frame: RgbdFrame) -> RgbdFrame:
    """The frame with its small holes filled; `depth.propagated` marks the filled pixels."""
    depth = frame.depth
    z, filled = fill_holes(depth.z, _colours(frame, depth.camera), depth.camera.fx)
    if depth.propagated is not None:
        filled = filled | depth.propagated
    return RgbdFrame(
        frame.image, frame.camera, Depth(z, depth.camera, depth.normals, depth.confidence, filled)
    )


def _colours(frame: RgbdFrame, camera: Camera) -> NDArray[np.uint8]:
    """(H, W, 3) colours at the depth pixels; where the depth is unknown, at that of the nearest known pixel."""
    z = frame.depth.z
    if (z > 0).any():
        at = ndimage.distance_transform_edt(z <= 0, return_distances=False, return_indices=True)
        z = np.ascontiguousarray(z[tuple(at)])
    out = np.empty((*z.shape, 3), np.uint8)
    c, back = frame.camera, np.linalg.inv(camera.world_to_camera)
    kernels.sample_colour(
        z, np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32),
        np.array([c.fx, c.fy, c.cx, c.cy], np.float32), back[:3].astype(np.float32),
        np.ascontiguousarray(frame.image.pixels), out,
    )  # fmt: skip
    return out


class FilledFrames(Sequence[RgbdFrame]):
    """Frames whose small holes are filled when they are needed; what was filled is kept, 8 bytes for each pixel of it."""

    def __init__(self, frames: Sequence[RgbdFrame]) -> None:
        self._frames = frames
        self._kept: dict[int, tuple[NDArray[np.int32], F32]] = {}
        self._pixels = 0

    @property
    def share(self) -> float:
        """Fraction of the pixels of the frames read so far that were filled."""
        return sum(len(at) for at, _ in self._kept.values()) / max(self._pixels, 1)

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, index: int) -> RgbdFrame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RgbdFrame]: ...
    def __getitem__(self, index: int | slice) -> RgbdFrame | Sequence[RgbdFrame]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        if index < -len(self) or index >= len(self):
            raise IndexError(index)
        k, frame = index % len(self), self._frames[index]
        depth = frame.depth
        if k not in self._kept:
            found = filled_frame(frame).depth
            assert found.propagated is not None
            at = np.flatnonzero(found.propagated).astype(np.int32)
            self._kept[k] = at, found.z.reshape(-1)[at]
            self._pixels += depth.z.size
        at, values = self._kept[k]
        z, filled = depth.z.reshape(-1).copy(), np.zeros(depth.z.size, bool)
        z[at], filled[at] = values, True
        shape = depth.z.shape
        return RgbdFrame(
            frame.image, frame.camera,
            Depth(z.reshape(shape), depth.camera, depth.normals, depth.confidence, filled.reshape(shape)),
        )  # fmt: skip
