"""Area-uniform samples of a model with normals and colours, and their packed form of 12 bytes per point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.distances import sample_surface
from lift3d.types import F64, WHITE, Part

SAMPLES = 4096
"""Samples per shape of the corpus."""
OVERSAMPLING = 2
"""Candidates per sample, since some lie on transparent parts of a texture."""
RANGE = 1.2
"""Coordinates are packed as 16 bits over [-RANGE / 2, RANGE / 2] in x and y, [-0.1, RANGE - 0.1] in z."""
OPAQUE = 128
"""Least alpha of a sample."""
BYTES_PER_SAMPLE = 12


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """points (N, 3); unit normals (N, 3); colours (N, 3) uint8 sRGB; area of the whole surface."""

    points: F64
    normals: F64
    colours: NDArray[np.uint8]
    area: float

    def pack(self) -> NDArray[np.uint8]:
        """(N, 12) uint8: x y z as little-endian 16 bits, normal as 3 signed bytes, colour as 3 bytes."""
        low = np.array([-RANGE / 2, -RANGE / 2, -0.1])
        xyz = np.rint((self.points - low) / RANGE * 65535).clip(0, 65535).astype("<u2")
        n = np.rint(self.normals * 127).astype(np.int8)
        return np.concatenate([xyz.view(np.uint8).reshape(-1, 6), n.view(np.uint8), self.colours], 1)


def unpack_samples(rows: NDArray[np.uint8]) -> tuple[F64, F64, NDArray[np.uint8]]:
    """(points (N, 3), unit normals (N, 3), colours (N, 3) uint8) of packed rows (N, 12)."""
    low = np.array([-RANGE / 2, -RANGE / 2, -0.1])
    xyz = np.ascontiguousarray(rows[:, :6]).view("<u2").astype(np.float64) / 65535 * RANGE + low
    n = np.ascontiguousarray(rows[:, 6:9]).view(np.int8).astype(np.float64)
    return xyz, n / np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9), rows[:, 9:12]


def sample_parts(parts: list[Part], n: int, seed: int = 0) -> SurfaceSamples:
    """n samples, uniform over the area that is not transparent."""
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    v = np.concatenate([part.vertices for part in parts])
    f = np.concatenate([part.faces + at for part, at in zip(parts, starts)])
    rng = np.random.default_rng(seed)
    points, normals, face = sample_surface(v, f, OVERSAMPLING * n, rng)
    a, b, c = (v[f[face, k]] for k in range(3))
    weight = _weights(a, b, c, points)
    owner = np.searchsorted(np.cumsum([len(part.faces) for part in parts]), face, side="right")
    colours = np.zeros((len(points), 4))
    first_face = np.cumsum([0] + [len(part.faces) for part in parts])
    for k in np.unique(owner):
        in_part = owner == k
        colours[in_part] = colours_at(parts[k], face[in_part] - first_face[k], weight[in_part])
    visible = colours[:, 3] >= OPAQUE
    kept = np.flatnonzero(visible) if visible.sum() >= n // 2 else np.arange(len(points))
    kept = kept[np.linspace(0, len(kept) - 1, n).astype(int)]
    corners = v[f]
    area = 0.5 * float(
        np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    )
    return SurfaceSamples(points[kept], normals[kept], np.rint(colours[kept, :3]).astype(np.uint8), area)


def colours_at(part: Part, face: NDArray[np.integer], weight: F64) -> F64:
    """(N, 4) sRGB and alpha in [0, 255] at points given by face (N,) and barycentric coordinates (N, 3).

    The product of vertex colour, nearest texel and base colour.
    """
    corner = part.faces[face]
    if part.colours is not None:
        colour = np.einsum("nk,nkc->nc", weight, part.colours[corner].astype(np.float64))
    else:
        colour = np.full((len(face), 4), 255.0)
    tint = np.array(part.material.colour if part.material else WHITE, np.float64) / 255
    texture = part.material.texture if part.material else None
    if texture is not None and part.uv is not None:
        uv = np.einsum("nk,nkc->nc", weight, part.uv[corner])
        pixels = np.asarray(texture.convert("RGBA"))
        h, w = pixels.shape[:2]
        x = (np.floor((uv[:, 0] % 1) * w)).astype(int).clip(0, w - 1)
        y = (np.floor((1 - uv[:, 1] % 1) * h)).astype(int).clip(0, h - 1)
        colour = colour * pixels[y, x] / 255
    return np.asarray(colour * tint)


def _weights(a: F64, b: F64, c: F64, q: F64) -> F64:
    """(N, 3) barycentric coordinates of points q (N, 3) in triangles with corners a, b, c (N, 3), clipped to [0,
    1]."""
    n = np.cross(b - a, c - a)
    size = np.maximum((n * n).sum(1), 1e-300)
    s = (np.cross(q - a, c - a) * n).sum(1) / size
    r = (np.cross(b - a, q - a) * n).sum(1) / size
    weight = np.clip(np.stack([1 - s - r, s, r], 1), 0, 1)
    return np.asarray(weight / weight.sum(1, keepdims=True))
