"""Random patches of a case and their augmentation: rotation, scaling and elastic deformation in one resampling, then noise, blur,
brightness, contrast, lower resolution, bias field and gamma, with the probabilities of nnU-Net where it has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.nets.segmentation.plan import Plan, Sizes

F32 = NDArray[np.float32]
ROTATION, SCALES = np.radians(20.0), (0.8, 1.25)
P_ROTATE = P_SCALE = 0.4
P_ELASTIC, ELASTIC_STEP, ELASTIC_MM = 0.4, 16.0, 2.0
"""Probability, distance of control points in millimetres, and standard deviation of their displacements in millimetres."""
FOREGROUND = 1 / 3
"""Fraction of patches that are centred on a voxel of a random label."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A case at the planned spacing. image (X, Y, Z) float16, normalised; classes (X, Y, Z); places: flat indices of voxels of
    each class that occurs, at most some thousands each."""

    name: str
    image: NDArray[np.float16]
    classes: NDArray[np.uint8]
    places: dict[int, NDArray[np.int64]]


def sample_centre(
    case: Prepared, patch: Sizes, foreground: bool, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(3,) centre of a patch in voxels. Along axes on which the volume is smaller than the patch, it is the volume's centre,
    give or take a sixteenth of the patch; elsewhere the patch lies inside the volume."""
    shape = np.array(case.image.shape)
    free = (shape - patch) / 2.0
    middle = (shape - 1) / 2.0
    if foreground and case.places:
        chosen = int(rng.choice(sorted(case.places)))
        flat = int(rng.choice(case.places[chosen]))
        wanted = np.array(np.unravel_index(flat, case.image.shape), float)
        inside = np.clip(wanted, middle - np.maximum(free, 0), middle + np.maximum(free, 0))
    else:
        inside = middle + rng.uniform(-1, 1, 3) * np.maximum(free, 0)
    shift = rng.uniform(-1, 1, 3) * np.array(patch) / 16
    return np.asarray(np.where(free > 0, inside, middle + shift), np.float64)


def sampling_positions(
    centre: NDArray[np.float64], plan: Plan, rng: np.random.Generator
) -> tuple[torch.Tensor, bool]:
    """(positions (X, Y, Z, 3) float32 in voxels at which a patch samples its case, whether they are not plain nodes)."""
    spacing = np.array(plan.spacing)
    matrix = np.eye(3)
    if rng.random() < P_ROTATE:
        matrix = _rotation(rng.uniform(-ROTATION, ROTATION, 3))
    if rng.random() < P_SCALE:
        matrix = matrix * np.exp(rng.uniform(*np.log(SCALES)))
    for axis in plan.mirror:
        if rng.random() < 0.5:
            matrix = matrix @ np.diag([-1.0 if k == axis else 1.0 for k in range(3)])
    axes = [np.arange(p) - (p - 1) / 2.0 for p in plan.patch]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).astype(np.float32)
    in_voxels = np.asarray((matrix * spacing[None]) / spacing[:, None], np.float32)
    positions = torch.from_numpy(grid @ in_voxels.T)
    elastic = rng.random() < P_ELASTIC
    if elastic:
        nodes = [max(4, int(np.ceil(p * s / ELASTIC_STEP)) + 1) for p, s in zip(plan.patch, spacing)]
        control = (
            rng.normal(0, ELASTIC_MM, (1, 3, *nodes)) * rng.uniform(0.3, 1.0) / spacing[:, None, None, None]
        )
        smooth = torch.nn.functional.interpolate(
            torch.from_numpy(control.astype(np.float32)), plan.patch, mode="trilinear", align_corners=True
        )
        positions = positions + smooth[0].permute(1, 2, 3, 0)
    plain = np.array_equal(np.abs(matrix), np.eye(3)) and not elastic
    if plain:  # whole voxels, so that labels and values are exact copies
        centre = np.floor(centre) + ((np.array(plan.patch) + 1) % 2) / 2
    return positions + torch.from_numpy(np.asarray(centre, np.float32)), not plain


def _rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation by three angles around the axes."""
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        out = out @ turn
    return out


def sample_volume(values: torch.Tensor, positions: torch.Tensor, mode: str) -> torch.Tensor:
    """Channels (C, X, Y, Z) at positions (..., 3) in voxels, "bilinear" or "nearest"; 0 outside."""
    size = torch.tensor(values.shape[1:], dtype=torch.float32)
    scaled = (positions + 0.5) * (2 / size) - 1
    return torch.nn.functional.grid_sample(
        values[None].float(), scaled.flip(-1)[None], mode, "zeros", align_corners=False
    )[0]


def sample_patch(
    case: Prepared, plan: Plan, foreground: bool, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """(image (1, X, Y, Z) float32, classes (X, Y, Z) int64) of an augmented patch."""
    positions, _ = sampling_positions(sample_centre(case, plan.patch, foreground, rng), plan, rng)
    image = sample_volume(torch.from_numpy(case.image)[None], positions, "bilinear")
    classes = sample_volume(torch.from_numpy(case.classes)[None].float(), positions, "nearest")[0].long()
    return change_values(image, plan.spacing, rng), classes


def change_values(
    x: torch.Tensor, spacing: tuple[float, float, float], rng: np.random.Generator
) -> torch.Tensor:
    """Random changes of the values of a patch (1, X, Y, Z) with mean near 0 and deviation near 1."""
    if rng.random() < 0.15:
        noise = rng.standard_normal(x.shape, np.float32) * np.float32(np.sqrt(rng.uniform(0, 0.1)))
        x = x + torch.from_numpy(noise)
    if rng.random() < 0.2:
        x = blur(x, [float(s) for s in rng.uniform(0.5, 1.0, 3)])
    if rng.random() < 0.3:
        x = x + bias_field(x.shape[1:], spacing, 0.3, rng)[None]
    if rng.random() < 0.15:
        x = x * float(rng.uniform(0.75, 1.25))
    if rng.random() < 0.15:
        x = _contrast(x, float(rng.uniform(0.75, 1.25)))
    if rng.random() < 0.15:
        x = lower_resolution(x, rng.uniform(0.5, 1.0, 3))
    if rng.random() < 0.1:
        x = -gamma(-x, float(rng.uniform(0.7, 1.5)))
    if rng.random() < 0.3:
        x = gamma(x, float(rng.uniform(0.7, 1.5)))
    return x


def blur(x: torch.Tensor, sigmas: list[float]) -> torch.Tensor:
    """A patch (C, X, Y, Z) after a Gaussian filter with standard deviations in voxels; boundary values are repeated."""
    out = x[:, None]
    for axis, sigma in enumerate(sigmas):
        reach = max(1, int(np.ceil(3 * sigma)))
        kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
        shape, pad = [1, 1, 1, 1, 1], [0] * 6
        shape[2 + axis] = -1
        pad[4 - 2 * axis] = pad[5 - 2 * axis] = reach
        padded = torch.nn.functional.pad(out, pad, mode="replicate")
        out = torch.nn.functional.conv3d(padded, (kernel / kernel.sum()).view(shape))
    return out[:, 0]


def bias_field(
    shape: tuple[int, ...], spacing: tuple[float, float, float], deviation: float, rng: np.random.Generator
) -> torch.Tensor:
    """A smooth random field (X, Y, Z) of this standard deviation at its 4 x 4 x 4 nodes at most."""
    nodes = torch.from_numpy(rng.normal(0, deviation * rng.random(), (1, 1, 4, 4, 4)).astype(np.float32))
    return torch.nn.functional.interpolate(nodes, tuple(shape), mode="trilinear", align_corners=True)[0, 0]


def _contrast(x: torch.Tensor, factor: float) -> torch.Tensor:
    """Values spread around their mean, within their former range."""
    return ((x - x.mean()) * factor + x.mean()).clamp(float(x.min()), float(x.max()))


def gamma(x: torch.Tensor, exponent: float) -> torch.Tensor:
    """Values to a power inside their range, with the former mean and deviation."""
    low, span = x.min(), (x.max() - x.min()).clamp_min(1e-7)
    out = ((x - low) / span) ** exponent
    return (out - out.mean()) / out.std().clamp_min(1e-7) * x.std() + x.mean()


def lower_resolution(x: torch.Tensor, factors: NDArray[np.float64]) -> torch.Tensor:
    """A patch (C, X, Y, Z) sampled at fewer voxels (factors below 1) and interpolated back."""
    small = tuple(max(2, int(round(side * f))) for side, f in zip(x.shape[1:], factors))
    down = torch.nn.functional.interpolate(x[None], small, mode="nearest")
    return torch.nn.functional.interpolate(down, tuple(x.shape[1:]), mode="trilinear", align_corners=False)[0]
