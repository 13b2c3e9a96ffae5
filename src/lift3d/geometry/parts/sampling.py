"""Samples of a thing's surface with normals and colours, and how they are packed: 12 bytes a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.distances import sample_surface
from lift3d.types import F64, WHITE, Part

SPARE = 2
"""Samples drawn for each one kept, since some fall on what a texture leaves out."""
RANGE = 1.2
"""Coordinates are packed as 16 bits over [-RANGE / 2, RANGE / 2] in x and y, [-0.1, RANGE - 0.1] in z."""
OPAQUE = 128
BYTES_PER_SAMPLE = 12


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """points (N, 3), normals (N, 3) unit, colours (N, 3) uint8 sRGB; area of the whole surface."""

    points: F64
    normals: F64
    colours: NDArray[np.uint8]
    area: float

    def pack(self) -> NDArray[np.uint8]:
        """(N, 12): x y z little-endian 16 bits, normal 3 x signed 8 bits, colour 3 x 8 bits."""
        low = np.array([-RANGE / 2, -RANGE / 2, -0.1])
        xyz = np.rint((self.points - low) / RANGE * 65535).clip(0, 65535).astype("<u2")
        n = np.rint(self.normals * 127).astype(np.int8)
        return np.concatenate([xyz.view(np.uint8).reshape(-1, 6), n.view(np.uint8), self.colours], 1)


def unpack_samples(rows: NDArray[np.uint8]) -> tuple[F64, F64, NDArray[np.uint8]]:
    """Points, unit normals and colours of packed rows (N, 12)."""
    low = np.array([-RANGE / 2, -RANGE / 2, -0.1])
    xyz = np.ascontiguousarray(rows[:, :6]).view("<u2").astype(np.float64) / 65535 * RANGE + low
    n = np.ascontiguousarray(rows[:, 6:9]).view(np.int8).astype(np.float64)
    return xyz, n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9), rows[:, 9:12]


def sample_parts(parts: list[Part], n: int, seed: int = 0) -> SurfaceSamples:
    """n samples, even over the area that is not transparent."""
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    v = np.concatenate([part.vertices for part in parts])
    f = np.concatenate([part.faces + at for part, at in zip(parts, starts)])
    rng = np.random.default_rng(seed)
    points, normals, face = sample_surface(v, f, SPARE * n, rng)
    a, b, c = (v[f[face, k]] for k in range(3))
    weight = _weights(a, b, c, points)
    owner = np.searchsorted(np.cumsum([len(part.faces) for part in parts]), face, side="right")
    colours = np.zeros((len(points), 4))
    first = np.cumsum([0] + [len(part.faces) for part in parts])
    for k in np.unique(owner):
        mine = owner == k
        colours[mine] = colours_at(parts[k], face[mine] - first[k], weight[mine])
    seen = colours[:, 3] >= OPAQUE
    kept = np.flatnonzero(seen) if seen.sum() >= n // 2 else np.arange(len(points))
    kept = kept[np.linspace(0, len(kept) - 1, n).astype(int)]
    corners = v[f]
    area = 0.5 * float(
        np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    )
    return SurfaceSamples(points[kept], normals[kept], np.rint(colours[kept, :3]).astype(np.uint8), area)


def colours_at(part: Part, face: NDArray[np.integer], weight: F64) -> F64:
    """(N, 4) sRGB with alpha, 0 to 255, of points given by face (N,) and barycentrics (N, 3)."""
    corner = part.faces[face]
    if part.colours is not None:
        own = np.einsum("nk,nkc->nc", weight, part.colours[corner].astype(np.float64))
    else:
        own = np.full((len(face), 4), 255.0)
    tint = np.array(part.material.colour if part.material else WHITE, np.float64) / 255
    picture = part.material.texture if part.material else None
    if picture is not None and part.uv is not None:
        uv = np.einsum("nk,nkc->nc", weight, part.uv[corner])
        pixels = np.asarray(picture.convert("RGBA"))
        h, w = pixels.shape[:2]
        x = (np.floor((uv[:, 0] % 1) * w)).astype(int).clip(0, w - 1)
        y = (np.floor((1 - uv[:, 1] % 1) * h)).astype(int).clip(0, h - 1)
        own = own * pixels[y, x] / 255
    return np.asarray(own * tint)


def _weights(a: F64, b: F64, c: F64, q: F64) -> F64:
    """(N, 3) barycentric coordinates of points in their triangles."""
    n = np.cross(b - a, c - a)
    size = np.maximum((n * n).sum(1), 1e-300)
    s = (np.cross(q - a, c - a) * n).sum(1) / size
    r = (np.cross(b - a, q - a) * n).sum(1) / size
    weight = np.clip(np.stack([1 - s - r, s, r], 1), 0, 1)
    return np.asarray(weight / weight.sum(1, keepdims=True))


SAMPLES = 4096
