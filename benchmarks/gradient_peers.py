"""Two published methods for differentiable silhouettes, re-implemented for comparison only (benchmarks/differentiable.py).

`neighbours`: Laine et al., "Modular primitives for high-performance differentiable rendering", 2020, section 3.6: two pixels
with different faces are blended by the position at which a silhouette edge of the nearer face passes between their centres.
`soft`: Liu et al., "Soft Rasterizer", 2019: every face covers every pixel partly, by the sigmoid of its squared distance; faces
are blended by a softmax over depth. The computation is dense and therefore restricted to small meshes and images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lift3d.nets.renderer.differentiable_renderer import render
from lift3d.nets.renderer.scene import Cameras, Surface


def projected(surface: Surface, cameras: Cameras) -> tuple[Tensor, Tensor]:
    """Pixel positions (V, 2) and depths (V,) in the first camera."""
    pose = cameras.world_to_camera[0]
    p = surface.vertices @ pose[:3, :3].T + pose[:3, 3]
    return p[:, :2] / p[:, 2:] * cameras.focal[0] + cameras.centre[0], p[:, 2]


def neighbours(surface: Surface, cameras: Cameras) -> Tensor:
    """(4, H, W) colour and coverage of one picture, blended over the silhouette edges of each pixel's face."""
    bare = render(surface, cameras, antialias=False)
    picture = torch.cat([bare.rgb[0], bare.mask[0]])
    xy, _ = projected(surface, cameras)
    face, depth = bare.face[0].long(), bare.depth[0, 0].detach()
    fold = folds(surface, xy.detach())
    out = picture
    for axis in (0, 1):  # pairs along a row, pairs along a column
        here = (slice(None), slice(0, -1)) if axis == 0 else (slice(0, -1), slice(None))
        there = (slice(None), slice(1, None)) if axis == 0 else (slice(1, None), slice(None))
        one, two = face[here], face[there]
        z_one, z_two = (torch.where(i >= 0, depth[s], torch.inf) for i, s in ((one, here), (two, there)))
        rows, columns = torch.nonzero(one != two, as_tuple=True)
        first = z_one[rows, columns] < z_two[rows, columns]
        near = torch.where(first, one[rows, columns], two[rows, columns])
        centre = torch.stack([columns, rows], 1) + 0.5
        taken = torch.zeros(len(rows), dtype=torch.bool)
        change = torch.zeros_like(picture)
        for k in range(3):
            a, b = xy[surface.faces[near, k]], xy[surface.faces[near, (k + 1) % 3]]
            run, rise = (b - a)[:, axis], (b - a)[:, 1 - axis]
            s = (centre[:, 1 - axis] - a[:, 1 - axis]) / torch.where(rise == 0, 1.0, rise)
            x = a[:, axis] + s * run - centre[:, axis]
            ok = (
                fold[near, k] & (rise.abs() >= run.abs()) & (s >= 0) & (s <= 1) & (x >= 0) & (x <= 1) & ~taken
            )
            taken |= ok
            r, c, x = rows[ok], columns[ok], x[ok]
            r2, c2 = (r, c + 1) if axis == 0 else (r + 1, c)
            early = x < 0.5  # the edge passes through the first pixel, which is blended with the second
            jump = (picture[:, r2, c2] - picture[:, r, c]) * (0.5 - x)
            target = torch.where(early, r, r2), torch.where(early, c, c2)
            change = change.index_put((torch.arange(4)[:, None], *target), jump, accumulate=True)
        out = out + change
    return out


def folds(surface: Surface, xy: Tensor) -> Tensor:
    """(F, 3) bool: whether edge k of a face, from corner k to the next, has both its faces on one side, or only one face."""
    ends = torch.from_numpy(surface.edges.ends).long()
    c, d = torch.from_numpy(surface.edges.opposite).long().unbind(1)
    a, b = xy[ends[:, 0]], xy[ends[:, 1]]

    def side(p: Tensor) -> Tensor:
        return (b - a)[:, 0] * (p - a)[:, 1] - (b - a)[:, 1] * (p - a)[:, 0]

    fold = (d < 0) | (side(xy[c]) * side(xy[d]) > 0)
    lookup = {tuple(e): i for i, e in enumerate(ends.tolist())}
    f = surface.faces.tolist()
    number = [[lookup[tuple(sorted((t[k], t[(k + 1) % 3])))] for k in range(3)] for t in f]
    return fold[torch.tensor(number)]


def soft(surface: Surface, cameras: Cameras, sigma: float, gamma: float = 1e-3) -> Tensor:
    """(4, H, W). sigma: in pixels squared; gamma: of the depth normalised to [0, 1]."""
    h, w = cameras.height, cameras.width
    xy, z = projected(surface, cameras)
    t, tz = xy[surface.faces], z[surface.faces]
    y, x = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    pixel = torch.stack([x, y], -1).reshape(-1, 1, 1, 2).to(xy.dtype)
    a, b = t[None], t.roll(-1, 1)[None]
    s = (((pixel - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1).clamp(min=1e-9)).clamp(0, 1)
    distance = ((pixel - a - s[..., None] * (b - a)) ** 2).sum(-1).min(-1).values
    cross = (b - a)[..., 0] * (pixel - a)[..., 1] - (b - a)[..., 1] * (pixel - a)[..., 0]
    inside = (cross >= 0).all(-1) | (cross <= 0).all(-1)
    cover = torch.sigmoid(torch.where(inside, distance, -distance) / sigma)
    mask = 1 - torch.exp(torch.log1p(-cover.clamp(max=1 - 1e-9)).sum(-1))
    weights = (cross / cross.sum(-1, keepdim=True)).roll(-1, -1).clamp(0, 1)
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-9) / tz
    near = 1 / weights.sum(-1).clamp(min=1e-9)
    weights = weights * near[..., None]
    depth = (tz.max() - near.clamp(tz.min(), tz.max())) / (tz.max() - tz.min())
    score = torch.log(cover.clamp(min=1e-30)) + depth / gamma
    score = torch.cat([score, torch.full_like(score[:, :1], 1e-3 / gamma)], 1)
    weight = torch.softmax(score, 1)[:, :-1]
    assert surface.colours is not None and surface.colour_faces is not None
    colour = (weights[..., None] * surface.colours[surface.colour_faces]).sum(-2)
    rgb = (weight[..., None] * colour).sum(1)
    return torch.cat([rgb, mask[:, None]], 1).T.reshape(4, h, w)
