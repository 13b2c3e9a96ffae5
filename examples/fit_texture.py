"""From pictures back to a model: shape, place and texture of a ball, by following gradients through the renderer.

    python examples/fit_texture.py [-o DIR] [--steps 120]

Eight pictures of a squashed, striped ball are made. Starting from a grey round ball beside the place, the vertices'
scale and shift are found from the outlines first, then the texture from the colours. Needs the extra `learn`; takes
about 10 s on 2 cores. Writes target.png and fitted.png, and prints the errors.
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
    """A unit ball, its texture laid on by longitude and latitude; the longitudes 0 and 1 have points of their own."""
    mesh = trimesh.creation.icosphere(3)
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    u = np.arctan2(v[f][..., 1], v[f][..., 0]) / (2 * np.pi)
    u = u + (
        (u.max(1, keepdims=True) - u) > 0.5
    )  # faces over the seam go beyond 1, where the texture repeats
    uv = np.stack([u, 0.5 + np.arcsin(v[f][..., 2].clip(-1, 1)) / np.pi], -1).reshape(-1, 2)
    corners = np.arange(3 * len(f)).reshape(-1, 3)
    return make_surface(v, f, texture=(texture, torch.tensor(uv, dtype=torch.float32), corners))


def stripes() -> torch.Tensor:
    """(3, 32, 64) a texture with stripes one way and the other."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 32), torch.linspace(0, 1, 65)[:-1], indexing="ij")
    wave = torch.stack([torch.sin(25.1 * x), torch.sin(18 * y), torch.sin(12.6 * x + 9 * y)])
    return 0.5 + 0.35 * wave


def contact_sheet(rgb: torch.Tensor) -> Image.Image:
    """Pictures (B, 3, H, W) linear, side by side in sRGB."""
    row = torch.cat(list(rgb.detach().clamp(0, 1)), 2).permute(1, 2, 0) ** (1 / 2.2)
    return Image.fromarray((255 * row).round().byte().numpy())


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", type=Path, default=Path("."), help="folder for the two pictures")
    parser.add_argument("--steps", type=int, default=120)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # pictures this small gain nothing from threads
    truth = ball(stripes())
    cameras = Cameras.of(orbit_cameras(np.asarray(truth.vertices) * 1.2, 8, 64, 64))
    light = Light.simple()
    placed = truth.vertices * torch.tensor(SCALE) + torch.tensor(SHIFT)
    target = render(truth.but(vertices=placed), cameras, light)

    scale, shift = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    texture = torch.full((3, 32, 64), 0.5, requires_grad=True)
    first = torch.optim.Adam([scale, shift], lr=0.02)
    second = torch.optim.Adam([texture], lr=0.05)
    for step in range(options.steps):
        outlines = step < options.steps // 2
        thing = truth.but(vertices=truth.vertices * scale + shift, texture=texture)
        p = render(thing, cameras, light)
        loss = (p.mask - target.mask).square().mean() if outlines else (p.rgb - target.rgb).square().mean()
        optimiser = first if outlines else second
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
