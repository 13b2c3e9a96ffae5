"""Fit the shape, position and texture of a ball to images, with gradients through the differentiable renderer.

    python examples/fit_texture.py [-o DIR] [--steps 120]

Eight images of a squashed, striped ball are rendered. Starting from a round grey ball at the origin, the scale and shift
of the vertices are fitted to the silhouettes first, then the texture to the colours. The example needs the extra `learn`
and about 10 s on 2 cores. It writes target.png and fitted.png, and prints the errors.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import trimesh
from PIL import Image

from lift3d.geometry.camera.orbit import orbit_cameras
from lift3d.nets.renderer.differentiable_renderer import render
from lift3d.nets.renderer.scene import Cameras, Light, Surface, make_surface

SCALE, SHIFT = (1.0, 0.7, 0.85), (0.12, -0.08, 0.1)


def ball(texture: torch.Tensor) -> Surface:
    """A unit ball, textured by longitude and latitude; vertices on the seam are duplicated."""
    mesh = trimesh.creation.icosphere(3)
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    u = np.arctan2(v[f][..., 1], v[f][..., 0]) / (2 * np.pi)
    u = u + (
        (u.max(1, keepdims=True) - u) > 0.5
    )  # faces across the seam have u > 1, where the texture repeats
    uv = np.stack([u, 0.5 + np.arcsin(v[f][..., 2].clip(-1, 1)) / np.pi], -1).reshape(-1, 2)
    corners = np.arange(3 * len(f)).reshape(-1, 3)
    return make_surface(v, f, texture=(texture, torch.tensor(uv, dtype=torch.float32), corners))


def stripes() -> torch.Tensor:
    """(3, 32, 64) linear RGB: stripes in three directions, one for each channel."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 65)[:-1], indexing="ij")
    wave = torch.stack([torch.sin(25.1 * x), torch.sin(18 * y), torch.sin(12.6 * x + 9 * y)])
    return 0.5 + 0.35 * wave


def contact_sheet(rgb: torch.Tensor) -> Image.Image:
    """Linear images (B, 3, H, W) side by side, as sRGB."""
    row = torch.cat(list(rgb.detach().clamp(0, 1)), 2).permute(1, 2, 0) ** (1 / 2.2)
    return Image.fromarray((255 * row).round().byte().numpy())


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", type=Path, default=Path("."), help="folder for the two images")
    parser.add_argument("--steps", type=int, default=120)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # threads gain nothing on images of this size
    truth = ball(stripes())
    cameras = Cameras.of(orbit_cameras(np.asarray(truth.vertices) * 1.2, 8, 64, 64))
    light = Light.simple()
    vertices = truth.vertices * torch.tensor(SCALE) + torch.tensor(SHIFT)
    target = render(truth.but(vertices=vertices), cameras, light)

    scale, shift = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    texture = torch.full((3, 32, 64), 0.5, requires_grad=True)
    first = torch.optim.Adam([scale, shift], lr=0.02)
    second = torch.optim.Adam([texture], lr=0.05)
    for step in range(options.steps):
        silhouettes = step < options.steps // 2
        surface = truth.but(vertices=truth.vertices * scale + shift, texture=texture)
        p = render(surface, cameras, light)
        loss = (p.mask - target.mask).square().mean() if silhouettes else (p.rgb - target.rgb).square().mean()
        optimiser = first if silhouettes else second
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fitted = render(truth.but(vertices=truth.vertices * scale + shift, texture=texture), cameras, light)
    options.o.mkdir(parents=True, exist_ok=True)
    contact_sheet(target.rgb).save(options.o / "target.png")
    contact_sheet(fitted.rgb).save(options.o / "fitted.png")
    differences = {
        "scale (RMS)": scale - torch.tensor(SCALE),
        "shift (RMS)": shift - torch.tensor(SHIFT),
        "colour of pixels (RMS)": fitted.rgb - target.rgb,
        "texture, middle half (RMS)": (texture - stripes())[:, 8:24],
    }
    errors = {name: float(d.detach().square().mean().sqrt()) for name, d in differences.items()}
    for name, value in errors.items():
        print(f"{name:28} {value:.4f}")
    return errors


if __name__ == "__main__":
    main()
