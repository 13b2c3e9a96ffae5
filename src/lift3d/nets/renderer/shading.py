"""Colour of points of a surface: interpolated colours, bilinear texture, Lambert's law under suns and an environment.

The environment's irradiance is that of Ramamoorthi & Hanrahan, "An efficient representation for irradiance environment
maps", 2001: nine coefficients of spherical harmonics suffice, because Lambert's cosine is a low-pass filter.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lift3d.nets.renderer.scene import Light, Surface

_BASIS = (0.2820948, 0.4886025, 0.4886025, 0.4886025, 1.0925484, 1.0925484, 0.3153916, 1.0925484, 0.5462742)


def interpolate(values: Tensor, index: Tensor, weights: Tensor, image: Tensor) -> Tensor:
    """(N, D): values (K, D) or (B, K, D) at the corners index (N, 3), averaged with weights (N, 3); image (N,): index into
    B."""
    if values.dim() == 3:
        if values.shape[0] > 1:
            index = index + (image * values.shape[1])[:, None]
        values = values.reshape(-1, values.shape[-1])
    corners = values.index_select(0, index.reshape(-1)).view(*index.shape, values.shape[-1])
    return torch.bmm(weights[:, None], corners)[:, 0]


def shading_normals(surface: Surface) -> Tensor:
    """(G, 3) or (B, G, 3) unit shading normals, differentiable in the vertices; the zero vector where faces have no
    area."""
    v, f = surface.vertices, surface.faces
    corners = v.index_select(-2, f.reshape(-1)).unflatten(-2, (-1, 3))
    a, b, c = corners.unbind(-2)
    area = torch.linalg.cross(b - a, c - a)
    groups = surface.normals
    total = area.new_zeros(*area.shape[:-2], groups.count, 3)
    total = total.index_add(-2, groups.group, area.index_select(-2, groups.face))
    return F.normalize(total, dim=-1, eps=1e-20)


def sample_texture(texture: Tensor, uv: Tensor, image: Tensor) -> Tensor:
    """(N, 3): bilinear lookup of texture (3, h, w) or (B, 3, h, w) at uv (N, 2), v up, repeated beyond the border;
    image (N,): index into B."""
    h, w = texture.shape[-2:]
    texels = texture.movedim(-3, -1).reshape(-1, texture.shape[-3])
    s, t = uv[:, 0] * w - 0.5, (1 - uv[:, 1]) * h - 0.5
    s0, t0 = s.detach().floor(), t.detach().floor()
    s, t = (s - s0)[:, None], (t - t0)[:, None]
    left, top = s0.long().remainder(w), t0.long().remainder(h)
    right, low = (left + 1).remainder(w), (top + 1).remainder(h)
    if texture.dim() == 4 and texture.shape[0] > 1:
        top, low = top + image * h, low + image * h
    index = torch.stack([top * w + left, top * w + right, low * w + left, low * w + right])
    a, b, c, d = texels.index_select(0, index.reshape(-1)).view(4, len(uv), texels.shape[-1])
    above = torch.lerp(a, b, s)
    return above + t * (torch.lerp(c, d, s) - above)


def irradiance(light: Light, normals: Tensor, image: Tensor) -> Tensor:
    """(N, 3): the colour of a white face of unit normal (N, 3), world frame; image (N,): index into the light's batch, if
    any."""
    sun, colour, sky = light.sun_direction, light.sun_colour, light.environment
    facing = _times(normals, F.normalize(sun, dim=-1, eps=1e-20).mT, image).clamp(min=0)
    x, y, z = normals.unbind(-1)
    one = torch.ones_like(x)
    basis = torch.stack([one, y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], -1)
    around = _times(basis * normals.new_tensor(_BASIS), sky, image).clamp(min=0)
    return _times(facing, colour, image) + around


def _times(rows: Tensor, matrix: Tensor, image: Tensor) -> Tensor:
    """(N, D): rows (N, K) times matrix (K, D), or each row times the matrix of its image, (B, K, D)."""
    if matrix.dim() == 2:
        return rows @ matrix
    if matrix.shape[0] == 1:
        return rows @ matrix[0]
    return torch.bmm(rows[:, None], matrix.index_select(0, image))[:, 0]


def albedo(surface: Surface, face: Tensor, weights: Tensor, image: Tensor) -> Tensor:
    """(N, 3) linear albedo of points given by face (N,), barycentric weights (N, 3) and image (N,)."""
    colour = weights.new_ones(len(face), 3)
    if surface.colours is not None and surface.colour_faces is not None:
        colour = interpolate(surface.colours, surface.colour_faces[face], weights, image)
    if surface.texture is not None and surface.uv is not None and surface.uv_faces is not None:
        uv = interpolate(surface.uv, surface.uv_faces[face], weights, image)
        colour = colour * sample_texture(surface.texture, uv, image)
    return colour
