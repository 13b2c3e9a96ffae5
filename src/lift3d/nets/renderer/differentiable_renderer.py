"""Pictures of a surface with gradients to vertices, colours, texture, light and cameras; optimised for the CPU.

The face at each pixel's centre is found exactly and outside of autograd (`lift3d.geometry.render.face_ids`). The position on the
face is then computed in torch, in closed form: with camera-frame corners p_i and the pixel's ray d = (x, y, 1),
q_i = (X_i - x Z_i, Y_i - y Z_i) and e_i = q_{i+1} x q_{i+2}, the perspective-correct weights are e_i / (e_0 + e_1 + e_2).

The colour at a pixel's centre has no gradient for a silhouette that passes beside the centre. Each pixel at a silhouette is
therefore replaced by its mean: along the pixel's central row where the silhouette is steep, along the central column where it is
flat. `lift3d.geometry.render.discontinuities` finds the points at which the visible face changes, and the faces on both sides.
The colours on both sides are computed as for any point, and a discontinuity at distance d from the end of the pixel on its side
adds d times the difference of the colours. The method is that of Li et al. 2018 (edge sampling) with the samples of Laine et al.
2020 (analytic antialiasing). docs/differentiable_rendering.md compares this renderer with theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lift3d.nets.renderer.scene import Cameras, Light, Surface
from lift3d.nets.renderer.shading import albedo, interpolate, irradiance, shading_normals
from lift3d.nets.renderer.visibility import Crossings, rasterize


@dataclass(frozen=True, eq=False)
class RenderedImages:
    """rgb (B, 3, H, W) linear, over the background; mask (B, 1, H, W) coverage in [0, 1]. At the pixel centres: depth
    (B, 1, H, W) along the optical axis, 0 outside the silhouette; normals (B, 3, H, W) of unit length in the camera frame, on
    the side of the face that the camera sees, 0 outside; face (B, H, W) int32 index, -1 outside."""

    rgb: Tensor
    mask: Tensor
    depth: Tensor
    normals: Tensor
    face: Tensor


@dataclass(frozen=True, eq=False)
class _Points:
    """Points to shade: image, face (N,) int64; weights (N, 3) barycentric; side (N,) 1 or -1, the sign with which the face's
    normal points to the camera; z (N,) camera depth."""

    image: Tensor
    face: Tensor
    weights: Tensor
    side: Tensor
    z: Tensor


def render(
    surface: Surface | Sequence[Surface],
    cameras: Cameras,
    light: Light | None = None,
    background: float | Tensor = 0.0,
    antialias: bool = True,
) -> RenderedImages:
    """B pictures: of one surface from B cameras; of B sets of vertices (B, V, 3); or of a list of B surfaces.

    light: None for unlit colours. background: a number, (3,), or an array that broadcasts to (B, 3, H, W), linear. antialias:
    if false, a pixel has the colour of its centre, and silhouettes have no gradient. The result has the dtype of the vertices;
    the geometry is computed in float64, because the e_i of small faces are differences of large numbers. ValueError unless a
    list has as many surfaces as there are cameras.
    """
    if not isinstance(surface, Surface):
        return _each(list(surface), cameras, light, background, antialias)
    n, h, w = len(cameras), cameras.height, cameras.width
    dtype, device = surface.vertices.dtype, surface.vertices.device
    pose = cameras.world_to_camera.double()
    p = surface.vertices.double() @ pose[:, :3, :3].mT + pose[:, None, :3, 3]
    lens = torch.cat([cameras.focal, cameras.centre], -1).double()
    face_id, found = rasterize(p, lens, surface, (w, h), antialias)
    ids = torch.from_numpy(face_id).to(device)
    hit = torch.nonzero(ids.reshape(-1) >= 0)[:, 0]
    image = hit.div(h * w, rounding_mode="floor")
    position = torch.stack([hit.remainder(w), hit.remainder(h * w).div(w, rounding_mode="floor")], 1) + 0.5
    here = _points(p, lens, surface, image, ids.reshape(-1)[hit].long(), position.double(), dtype)
    unit = shading_normals(surface)
    colour, normal = _shade(surface, unit, light, here)

    sky = torch.as_tensor(background, dtype=dtype, device=device)
    sky = (sky[:, None, None] if sky.dim() == 1 else sky).expand(n, 3, h, w)
    base = torch.cat([sky.movedim(1, -1), sky.new_zeros(n, h, w, 1)], -1).reshape(-1, 4)
    flat = base.index_copy(0, hit, torch.cat([colour, torch.ones_like(colour[:, :1])], 1))
    if antialias and len(found.pixel):
        change = _jumps(p, lens, surface, unit, light, found, base, w)
        flat = flat.index_add(0, found.pixel, change)
    picture = flat.view(n, h, w, 4).movedim(-1, 1)
    depth = torch.zeros(n * h * w, dtype=dtype, device=device).index_copy(0, hit, here.z)
    turned = (normal[:, None] @ pose[:, :3, :3].mT.to(dtype).index_select(0, image))[:, 0]
    normals = torch.zeros(n * h * w, 3, dtype=dtype, device=device).index_copy(0, hit, turned)
    return RenderedImages(
        picture[:, :3],
        picture[:, 3:].clamp(0, 1),
        depth.view(n, 1, h, w),
        normals.view(n, h, w, 3).movedim(-1, 1),
        ids,
    )


def _each(
    surfaces: list[Surface],
    cameras: Cameras,
    light: Light | None,
    background: float | Tensor,
    antialias: bool,
) -> RenderedImages:
    """One picture of each surface."""
    if len(surfaces) != len(cameras):
        raise ValueError("a list of surfaces needs one camera for each")

    def of(value: Tensor, i: int, single: int) -> Tensor:
        return value[i] if value.dim() > single and value.shape[0] > 1 else value

    shots = []
    for i, surface in enumerate(surfaces):
        camera = Cameras(
            cameras.world_to_camera[i : i + 1],
            cameras.focal[i : i + 1],
            cameras.centre[i : i + 1],
            cameras.width,
            cameras.height,
        )
        lit = light and Light(
            of(light.sun_direction, i, 2), of(light.sun_colour, i, 2), of(light.environment, i, 2)
        )
        behind = of(background, i, 3) if isinstance(background, Tensor) else background
        shots.append(render(surface, camera, lit, behind, antialias))
    fields = ("rgb", "mask", "depth", "normals", "face")
    return RenderedImages(*(torch.cat([getattr(s, name) for s in shots]) for name in fields))


def _points(
    p: Tensor,
    lens: Tensor,
    surface: Surface,
    image: Tensor,
    face: Tensor,
    position: Tensor,
    dtype: torch.dtype,
) -> _Points:
    """The points of `face` that are visible at `position` (N, 2), in pixels, of picture `image`."""
    index = surface.faces[face] + (image * p.shape[1])[:, None]
    corners = p.reshape(-1, 3).index_select(0, index.reshape(-1)).view(len(face), 3, 3)
    g = lens.index_select(0, image)
    d = (position - g[:, 2:]) / g[:, :2]
    q = corners[..., :2] - d[:, None] * corners[..., 2:]
    one, two = q[:, [1, 2, 0]], q[:, [2, 0, 1]]
    e = one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0]
    total = e.sum(1, keepdim=True)
    weights = e / total
    z = (weights * corners[..., 2]).sum(1)
    # e_i are positive where the corners are clockwise in the picture (y down), which shows the back of a face.
    return _Points(image, face, weights.to(dtype), -torch.sign(total.detach())[:, 0].to(dtype), z.to(dtype))


def _shade(surface: Surface, unit: Tensor, light: Light | None, at: _Points) -> tuple[Tensor, Tensor]:
    """Colour (N, 3) and unit normal (N, 3), world frame, of points."""
    normal = interpolate(unit, surface.normals.corners[at.face], at.weights, at.image)
    normal = torch.nn.functional.normalize(normal, dim=-1, eps=1e-20) * at.side[:, None]
    colour = albedo(surface, at.face, at.weights, at.image)
    return (colour if light is None else colour * irradiance(light, normal, at.image)), normal


def _jumps(
    p: Tensor,
    lens: Tensor,
    surface: Surface,
    unit: Tensor,
    light: Light | None,
    found: Crossings,
    base: Tensor,
    w: int,
) -> Tensor:
    """(N, 4): the change that each crossing makes to the colour and coverage of its pixel."""
    dtype, n = base.dtype, len(found.pixel)
    index = (found.ends + (found.image * p.shape[1])[:, None]).reshape(-1)
    a, b = p.reshape(-1, 3).index_select(0, index).view(n, 2, 3).unbind(1)
    g = lens.index_select(0, found.image)
    rows = torch.arange(n, device=p.device)
    along, across = found.axis, 1 - found.axis
    ray = (found.line - g[rows, 2 + across]) / g[rows, across]
    qa, qb = a[rows, across] - ray * a[:, 2], b[rows, across] - ray * b[:, 2]
    s = qa / (qa - qb)
    point = a + s[:, None] * (b - a)
    x = g[rows, along] * point[rows, along] / point[:, 2] + g[rows, 2 + along]
    position = torch.where(
        found.axis[:, None] == 0, torch.stack([x, found.line], 1), torch.stack([found.line, x], 1)
    )

    faces = found.faces.reshape(-1)
    on = torch.nonzero(faces >= 0)[:, 0]
    crossing = on.div(2, rounding_mode="floor")
    image, face = found.image[crossing], faces[on]
    at = _points(p, lens, surface, image, face, position[crossing], dtype)
    # On the edge's own faces the weights follow from s, without a division by an area that may be almost zero.
    own = surface.faces[face]
    is_a, is_b = own == found.ends[crossing, :1], own == found.ends[crossing, 1:]
    of_edge = (is_a.any(1) & is_b.any(1))[:, None]
    fraction = s.to(dtype)[crossing, None]
    weights = torch.where(of_edge, is_a * (1 - fraction) + is_b * fraction, at.weights)
    colour, _ = _shade(surface, unit, light, _Points(image, face, weights, at.side, at.z))
    sides = base.index_select(0, found.pixel)[:, None].repeat(1, 2, 1).view(-1, 4)
    sides = sides.index_copy(0, on, torch.cat([colour, torch.ones_like(colour[:, :1])], 1)).view(-1, 2, 4)
    fraction = (x - found.start).to(dtype)
    return (sides[:, 1] - sides[:, 0]) * torch.where(found.late, 1 - fraction, -fraction)[:, None]
