"""Frames of a rotated shape: two exact candidates, from which a spatial transformer chooses (nets/spatial_transformer.py).

rectilinear     most man-made shapes have faces along three orthogonal axes. With unit normals n of the surface and weights w (the
                magnitude of the occupancy's gradient), these axes are the frame R that minimises sum w |R n|_1: the
                rectilinearity of Lian, Rosin & Sun 2010 (Int. J. Comput. Vis. 89:130-151), of normals instead of faces.
principal axes  of the occupied volume (Pearson 1901): a shape without flat faces is mostly longest, or flattest, along one axis.

Frames are known up to the 24 rotations of a cube, so that only a 24th of all rotations is searched: Rodrigues vectors r with
|r_i| <= tan(pi / 8) and |r_1| + |r_2| + |r_3| <= 1 (Heinz & Neumann 1991, Acta Cryst. A47:780-789).
"""

from __future__ import annotations

import functools
import math

import torch
from torch import nn

BINS = 16
"""Bins of the histogram of normals along each side of the three faces of half a cube."""
STEP = 0.06
"""Spacing of the Rodrigues vectors of the first search: 7 degrees."""
REFINEMENTS = ((0.03, 2), (0.01, 2), (0.004, 1))
"""(step, number of steps in each direction) of the searches around the best frame so far."""
CHUNK = 16
"""Number of shapes that are processed together."""


def rectilinear_frames(occupancy: torch.Tensor) -> torch.Tensor:
    """Occupancy (B, n, n, n), axes x y z, to rotations (B, 3, 3) whose rows are the rectilinear axes."""
    return torch.cat([_search(*_normals(part)) for part in occupancy.float().split(CHUNK)])


def principal_axis_frames(occupancy: torch.Tensor) -> torch.Tensor:
    """Occupancy (B, n, n, n) to rotations (B, 3, 3) whose rows are the principal axes, the longest first."""
    n = occupancy.shape[-1]
    line = (torch.arange(n, device=occupancy.device, dtype=torch.float32) + 0.5) / n * 2 - 1
    x = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    w = occupancy.float().flatten(1)
    w = w / w.sum(1, keepdim=True).clamp(min=1e-6)
    centre = w @ x
    second = torch.einsum("bi,ij,ik->bjk", w, x, x) - centre[:, :, None] * centre[:, None]
    axes = torch.linalg.eigh(
        second.double() + 1e-9 * torch.eye(3, device=occupancy.device, dtype=torch.float64)
    )
    rows = axes.eigenvectors.flip(2).transpose(1, 2)
    sign = torch.linalg.det(rows)[:, None, None].sign()
    return (rows * sign).float()


def _normals(occupancy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Histogram (B, 3 * BINS^2) of normals by direction, with n and -n in one bin, and the mean normal of each bin
    (B, 3 * BINS^2, 3)."""
    b = len(occupancy)
    soft = nn.functional.pad(occupancy[:, None], (2,) * 6)
    for _ in range(2):
        soft = nn.functional.avg_pool3d(soft, 3, 1, 1)
    soft = soft[:, 0]
    inner = slice(1, -1)
    gradient = torch.stack(
        [soft[:, 2:, inner, inner] - soft[:, :-2, inner, inner],
         soft[:, inner, 2:, inner] - soft[:, inner, :-2, inner],
         soft[:, inner, inner, 2:] - soft[:, inner, inner, :-2]], -1,
    ).view(b, -1, 3)  # fmt: skip
    sharp = gradient.norm(dim=2)
    sharp = torch.where(sharp > 0.1, sharp, torch.zeros_like(sharp))
    normal = gradient / sharp.clamp(min=1e-6)[..., None]
    size, axis = normal.abs().max(2)
    main = normal.gather(2, axis[..., None])
    normal = normal * torch.where(main < 0, -1.0, 1.0)
    others = torch.tensor([[1, 2], [0, 2], [0, 1]], device=occupancy.device)[axis]
    side = normal.gather(2, others) / size.clamp(min=1e-6)[..., None]
    cell = ((side + 1) / 2 * BINS).long().clamp(0, BINS - 1)
    which = (axis * BINS + cell[..., 0]) * BINS + cell[..., 1]
    weight = torch.zeros(b, 3 * BINS**2, device=occupancy.device).scatter_add_(1, which, sharp)
    total = torch.zeros(b, 3 * BINS**2, 3, device=occupancy.device)
    total.scatter_add_(1, which[..., None].expand(-1, -1, 3), normal * sharp[..., None])
    return weight, nn.functional.normalize(total, dim=2)


def _search(weight: torch.Tensor, normal: torch.Tensor) -> torch.Tensor:
    """Frames (B, 3, 3) that minimise sum w |R n|_1, by a search with ever smaller steps."""
    table = _table().to(weight.device)
    best = rotations_from_rodrigues(_zone().to(weight.device))[(weight @ table.T).argmin(1)]
    for step, count in REFINEMENTS:
        line = torch.arange(-count, count + 1, device=weight.device) * step
        small = rotations_from_rodrigues(
            torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
        )
        tried = small[None] @ best[:, None]
        cost = ((tried @ normal.transpose(1, 2)[:, None]).abs().sum(2) * weight[:, None]).sum(2)
        best = tried[torch.arange(len(best)), cost.argmin(1)]
    return best


def rotations_from_rodrigues(rodrigues: torch.Tensor) -> torch.Tensor:
    """Rotations (N, 3, 3) of Rodrigues vectors (N, 3): axis times the tangent of half the angle."""
    r = torch.cat([torch.ones_like(rodrigues[:, :1]), rodrigues], 1)
    w, x, y, z = nn.functional.normalize(r, dim=1).unbind(1)
    return torch.stack(
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
         2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
         2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], 1,
    ).view(-1, 3, 3)  # fmt: skip


@functools.cache
def _zone() -> torch.Tensor:
    """Rodrigues vectors (R, 3): one of every 24 that are equivalent under the rotations of a cube."""
    most = math.tan(math.pi / 8)
    count = math.ceil(most / STEP)
    line = torch.arange(-count, count + 1) * (most / count)
    every = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).view(-1, 3)
    return every[every.abs().sum(1) <= 1 + 1e-6]


@functools.cache
def _table() -> torch.Tensor:
    """|R n|_1 (R, 3 * BINS^2) for each frame R and the normal n at the centre of each bin."""
    line = (torch.arange(BINS) + 0.5) / BINS * 2 - 1
    u, v = torch.meshgrid(line, line, indexing="ij")
    one = torch.ones_like(u)
    faces = [torch.stack(p, -1).view(-1, 3) for p in ((one, u, v), (u, one, v), (u, v, one))]
    centre = nn.functional.normalize(torch.cat(faces), dim=1)
    return (rotations_from_rodrigues(_zone()) @ centre.T).abs().sum(1)
