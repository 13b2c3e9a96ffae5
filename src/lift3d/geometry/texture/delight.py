"""The light in a texture estimated from the shape, and divided out: albedo from a lit texture.

The colour of a diffuse surface is its albedo times the irradiance, which for distant light is a function of the normal with nine
coefficients (spherical harmonics of order 2: Ramamoorthi & Hanrahan 2001, equation 12), weighed by the fraction of the sky that
a point sees (ambient occlusion: Zhukov, Iones & Kronin 1998). The shape is known, so that the coefficients follow from the
colours by least squares. That surfaces facing up may be of another material is allowed for: samples are divided into groups of
one chromaticity and lightness, each with its own mean albedo, and both are estimated in turns, robustly (Huber's weights). Cast
shadows and highlights stay.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from lift3d.geometry.image.colour_space import linear_to_srgb8, srgb8_to_linear
from lift3d.geometry.mesh.distances import build_search_tree, hits_in_tree, sample_surface
from lift3d.geometry.mesh.normals import corner_normals
from lift3d.geometry.render.lights import harmonics
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.types import F32, F64, Camera, Mesh

SAMPLES, GROUPS, ROUNDS = 20_000, 8, 16
"""Points on the surface, groups of chromaticity at most, and rounds of the estimation."""
REGROUPED = (4, 8, 12)
"""Rounds in which the groups are formed again, by colours without the tint of the light."""
TINTED = 0.22
"""Distance of the chromaticities of the first groups: larger than what coloured light makes of one material."""
APART, STEP = 0.07, 1.0
"""Distance of two groups' chromaticities (fractions of the sum of the channels), and logarithm of the ratio of their lightness,
below which they are one."""
RIDGE = 0.003
"""Penalty of the coefficients of order 1 and 2, in units of the number of samples."""
HUBER = 0.25
"""Relative residual from which a sample counts less."""
RAYS = 64
"""Directions in which occlusion is measured."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
DARKEST, BRIGHTEST = 0.3, 3.0
"""Limits of the shading in units of its mean."""
MIN_LUMINANCE = 0.004
"""Darker samples tell nothing of the light."""
MIN_OPENNESS = 0.15
"""Samples in deeper hollows are not used."""


@dataclass(frozen=True, eq=False)
class Light:
    """coefficients (9, 3): of the shading of each channel in spherical harmonics of the normal, weighed by openness; the mean
    over the surface is 1. explained: fraction of the variance of the luminance within the groups that it explains, in [0, 1]."""

    coefficients: F64
    explained: float

    def shading(self, normals: F64, openness: F64) -> F64:
        """(N, 3) shading of unit normals (N, 3) and openness (N,), 1 in the mean."""
        values = openness[:, None] * (harmonics(normals) @ self.coefficients)
        return np.asarray(np.clip(values, DARKEST, BRIGHTEST))


def estimate_light(colours: F64, normals: F64, openness: F64) -> Light:
    """The light on samples of a surface: linear colours (N, 3), unit normals (N, 3), openness (N,) in [0, 1]."""
    used = (colours @ LUMINANCE > MIN_LUMINANCE) & (openness > MIN_OPENNESS)
    if int(used.sum()) < 50:
        return Light(_constant(openness), 0.0)
    y, basis = colours[used], openness[used, None] * harmonics(normals[used])
    coefficients = _constant(openness[used])
    group, albedo = _groups(y, TINTED, np.inf), np.median(y, 0)[None]
    for k in range(ROUNDS):
        shading = np.maximum(basis @ coefficients, 0.05)
        if k in REGROUPED:
            group = _groups(y / shading, APART, STEP)
        albedo = np.stack(
            [np.median(y[group == g] / shading[group == g], 0) for g in range(int(group.max()) + 1)]
        )
        target = y / np.maximum(albedo[group], 1e-6)
        weight = np.minimum(1.0, HUBER / np.maximum(np.abs(target - shading).max(1), 1e-9))
        left = (basis * weight[:, None]).T @ basis + np.diag([1e-9] + [1.0] * 8) * RIDGE * len(y)
        coefficients = np.linalg.solve(left, (basis * weight[:, None]).T @ target)
        coefficients = coefficients / np.maximum((basis @ coefficients).mean(0), 1e-6)
    target = (y / np.maximum(albedo[group], 1e-6)) @ LUMINANCE
    around = float(((target - np.median(target)) ** 2 * weight).sum())
    left_over = float(((target - np.maximum(basis @ coefficients, 0.05) @ LUMINANCE) ** 2 * weight).sum())
    return Light(coefficients, float(np.clip(1 - left_over / max(around, 1e-12), 0, 1)))


def openness_of(v: F64, f: NDArray[np.integer], points: F64, normals: F64) -> F64:
    """(N,) fraction of the hemisphere above each point (N, 3) that the mesh does not hide, weighed by the cosine; the same RAYS
    directions for all, so that the result is smooth."""
    tree = build_search_tree(v, f)
    start = 1e-4 * float(np.linalg.norm(np.ptp(v, axis=0)))
    k = np.arange(RAYS) + 0.5
    z, turn = 1 - 2 * k / RAYS, np.pi * (1 + np.sqrt(5)) * k
    ring = np.sqrt(1 - z * z)
    directions = np.stack([ring * np.cos(turn), ring * np.sin(turn), z], 1)
    free, total = np.zeros(len(points)), np.zeros(len(points))
    for direction in directions:
        cosine = normals @ direction
        up = np.flatnonzero(cosine > 0.05)
        ray = np.broadcast_to(direction, (len(up), 3))
        far, _ = hits_in_tree(tree, points[up] + start * normals[up], ray, start)
        total[up] += cosine[up]
        free[up] += np.where(np.isinf(far), cosine[up], 0)
    return free / np.maximum(total, 1e-9)


def remove_shading(mesh: Mesh) -> tuple[Mesh, Light]:
    """The textured mesh with the estimated shading divided out of its texture, and the light. ValueError without a texture."""
    material = getattr(mesh.visual, "material", None)
    picture = getattr(material, "baseColorTexture", None)
    if material is None or picture is None:
        raise ValueError("the mesh has no texture")
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    uv = np.asarray(getattr(mesh.visual, "uv", None), np.float64)
    texels = np.asarray(picture.convert("RGB"))
    corners = corner_normals(v, f)
    light = _light_of(v, f, uv, corners, texels)
    spread = openness_of(v, f, v[f].reshape(-1, 3), corners.reshape(-1, 3).astype(np.float64))
    shading = light.shading(corners.reshape(-1, 3).astype(np.float64), spread).reshape(-1, 3, 3)
    divided = _divided(texels, uv, f, shading.astype(np.float32))
    out = mesh.copy()
    out.visual.material.baseColorTexture = PIL.Image.fromarray(divided)  # type: ignore[union-attr]
    return out, light


def _light_of(v: F64, f: NDArray[np.int32], uv: F64, corners: F32, texels: NDArray[np.uint8]) -> Light:
    """The light on samples of the mesh."""
    points, flat, face = sample_surface(v, f, SAMPLES, np.random.default_rng(0))
    a, b, c = v[f[face]].transpose(1, 0, 2)
    w2 = np.einsum("ij,ij->i", np.cross(b - a, points - a), flat)
    w1 = np.einsum("ij,ij->i", np.cross(points - a, c - a), flat)
    area = np.maximum(np.einsum("ij,ij->i", np.cross(b - a, c - a), flat), 1e-300)
    weights = np.stack([1 - (w1 + w2) / area, w1 / area, w2 / area], 1)
    normals = (corners[face] * weights[..., None]).sum(1).astype(np.float64)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    at = (uv[f[face]] * weights[..., None]).sum(1)
    h, w = texels.shape[:2]
    x, y = (at[:, 0] * w).astype(int).clip(0, w - 1), ((1 - at[:, 1]) * h).astype(int).clip(0, h - 1)
    colours = srgb8_to_linear(texels[y, x]).astype(np.float64)
    return estimate_light(colours, normals, openness_of(v, f, points, normals))


def _divided(texels: NDArray[np.uint8], uv: F64, f: NDArray[np.int32], shading: F32) -> NDArray[np.uint8]:
    """The texture divided by the shading (F, 3, 3) of the corners and channels, interpolated; texels outside all charts take that
    of the nearest chart."""
    from scipy import ndimage

    h, w = texels.shape[:2]
    # a camera at the origin that sees the plane z = 1, on which the texture lies
    plane = np.column_stack([uv[:, 0] * w, (1 - uv[:, 1]) * h, np.ones(len(uv))])
    camera = Camera(w, h, 1.0, 1.0, 0.0, 0.0, np.eye(4))
    face, _, weights = rasterize(camera, plane, f)
    factor = np.ones((h, w, 3), np.float32)
    inside = face >= 0
    factor[inside] = (shading[face[inside]] * weights[inside][..., None]).sum(1)
    if not inside.all() and inside.any():
        near = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
        factor = factor[tuple(near)]
    return linear_to_srgb8(srgb8_to_linear(texels) / factor)


def _groups(colours: F64, apart: float, step: float) -> NDArray[np.int64]:
    """(N,) group of each colour (N, 3), numbered without gaps: of one chromaticity and one lightness; see APART."""
    total = np.maximum(colours.sum(1, keepdims=True), 1e-6)
    features = np.hstack([colours / total / apart, np.log(total) / step])
    if float(np.ptp(features, axis=0).max()) < 1e-3:  # one colour
        return np.zeros(len(features), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of groups that stay empty
        centres, _ = kmeans2(features, min(GROUPS, len(features)), minit="++", seed=0)
    kept: list[F64] = []
    for centre in centres:
        if np.isfinite(centre).all() and all(np.abs(centre - other).sum() > 1 for other in kept):
            kept.append(centre)
    nearest = np.abs(features[:, None] - np.array(kept)[None]).sum(2).argmin(1)
    return np.asarray(np.unique(nearest, return_inverse=True)[1], np.int64)


def _constant(openness: F64) -> F64:
    """(9, 3) coefficients of white light from everywhere, 1 in the mean."""
    first = float(harmonics(np.array([[0.0, 0, 1]]))[0, 0])
    out = np.zeros((9, 3))
    out[0] = 1 / (first * max(float(openness.mean()), 1e-6))
    return out
