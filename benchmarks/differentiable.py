"""Accuracy of the gradients of the differentiable renderer, compared with two published methods, and time per image.

    python benchmarks/differentiable.py [--quick]

The reference is central differences of the mean over a pixel, computed with 24 x 24 exact samples per pixel by the exact
rasteriser and numpy; it is accurate to about 3 %. The measure is the scalar product of an image with smooth random
weights; the directions are motions of the whole mesh and smooth random displacements of its vertices. Writes
results/differentiable.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import trimesh
from scipy.ndimage import gaussian_filter

from gradient_peers import neighbours, soft
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.nets.renderer.differentiable_renderer import render
from lift3d.nets.renderer.scene import Cameras, Light, Surface, make_surface
from lift3d.types import Camera

HERE = Path(__file__).resolve().parent
FINE = 24
"""Samples along each side of a pixel."""
STEP = 0.1
"""Step of the central differences, in pixels of motion."""


def shape(faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a knobby ring with about this many faces; it hides parts of itself."""
    minor = max(6, round((faces / 8) ** 0.5))
    major = max(8, round(faces / (2 * minor)))
    ring = trimesh.creation.torus(1.0, 0.42, major_sections=major, minor_sections=minor)
    v = np.asarray(ring.vertices)
    v = v * (1 + 0.12 * np.sin(5 * np.arctan2(v[:, 1], v[:, 0])))[:, None]
    return v, np.asarray(ring.faces)


def exact(v: np.ndarray, f: np.ndarray, colours: np.ndarray, camera: Camera) -> np.ndarray:
    """(4, H, W) colour and coverage, means over FINE x FINE samples."""
    fine = resize_camera(camera, camera.width * FINE, camera.height * FINE)
    face, _, weights = rasterize(fine, v, f)
    hit = face >= 0
    out = np.zeros((*face.shape, 4))
    out[hit, :3] = np.einsum("nkc,nk->nc", colours[f[face[hit]]], weights[hit])
    out[..., 3] = hit
    return out.reshape(camera.height, FINE, camera.width, FINE, 4).mean((1, 3)).transpose(2, 0, 1)


def moves(v: np.ndarray, camera: Camera, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Directions (V, 3) that move the silhouette by about one pixel."""
    depth = float(np.linalg.norm(v.mean(0) - camera.centre))
    pixel = depth / camera.fx
    reach = np.abs(v).max()
    out = {"shift along " + "xyz"[i]: pixel * np.eye(3)[i] * np.ones((len(v), 1)) for i in range(3)}
    out["grow"] = pixel / reach * v
    for i in range(3):
        out["turn about " + "xyz"[i]] = pixel / reach * np.cross(np.eye(3)[i], v)
    for i in range(8):
        wave, phase = rng.normal(size=(3, 3)) * 3, rng.uniform(0, 6, 3)
        out[f"bumps {i}"] = pixel * np.sin(v @ wave + phase)
    return out


Way = Callable[[Surface, Cameras], torch.Tensor]
Errors = dict[str, tuple[float, float]]


def gradient_error(faces: int, size: int, ways: dict[str, Way], measures: int = 4) -> Errors:
    """The relative error of (colour, coverage): RMS of the error over directions and measures, divided by the RMS of the
    truth."""
    v, f = shape(faces)
    rng = np.random.default_rng(0)
    colours = 0.5 + 0.5 * np.sin(v @ rng.normal(size=(3, 3)) * 3 + rng.uniform(0, 6, 3))
    truth: list[np.ndarray] = []
    mine: dict[str, list[np.ndarray]] = {way: [] for way in ways}
    for azimuth, elevation in ((20, 25), (130, 50)):
        camera = orbit_camera(v, azimuth, elevation, size, size, 1.2 * size)
        noise = rng.normal(size=(measures, 4, size, size))
        weights = np.stack([gaussian_filter(n, (0, 3, 3)) for n in noise])
        direction = moves(v, camera, rng)
        for d in direction.values():
            ahead, behind = exact(v + STEP * d, f, colours, camera), exact(v - STEP * d, f, colours, camera)
            truth.append(np.einsum("mkhw,khw->mk", weights, (ahead - behind) / (2 * STEP)))
        torch.set_num_threads(1)  # the exact rasteriser's threads have set it back
        cameras = Cameras.of(camera, torch.float64)
        scene = make_surface(torch.tensor(v), f, torch.tensor(colours))
        for way, draw in ways.items():
            x = torch.tensor(v, requires_grad=True)
            picture = draw(scene.but(vertices=x), cameras)
            mine[way] += [np.zeros((measures, 4)) for _ in direction]
            for m, k in np.ndindex(measures, 4):
                of_measure = (picture[k] * torch.tensor(weights[m, k])).sum()
                g = torch.autograd.grad(of_measure, x, retain_graph=True)[0].numpy()
                for row, d in zip(mine[way][-len(direction) :], direction.values()):
                    row[m, k] = (g * d).sum()
    t = np.stack(truth)
    size_of = np.sqrt((t[..., :3] ** 2).mean()), np.sqrt((t[..., 3] ** 2).mean())
    out = {}
    for way, values in mine.items():
        e = np.stack(values) - t
        rgb, cover = np.sqrt((e[..., :3] ** 2).mean()), np.sqrt((e[..., 3] ** 2).mean())
        out[way] = float(rgb / size_of[0]), float(cover / size_of[1])
    return out


def ours(scene: Surface, cameras: Cameras) -> torch.Tensor:
    p = render(scene, cameras)
    return torch.cat([p.rgb[0], p.mask[0]])


def centres(scene: Surface, cameras: Cameras) -> torch.Tensor:
    p = render(scene, cameras, antialias=False)
    return torch.cat([p.rgb[0], p.mask[0] + 0 * p.rgb[0, :1]])


def finer(scene: Surface, cameras: Cameras) -> torch.Tensor:
    lens = {"focal": 2 * cameras.focal, "centre": 2 * cameras.centre}
    double = replace(cameras, width=2 * cameras.width, height=2 * cameras.height, **lens)
    return torch.nn.functional.avg_pool2d(ours(scene, double)[None], 2)[0]


def cost(faces: int, size: int, repeats: int) -> list[float]:
    """Median milliseconds of CPU time per picture: forward, forward and backward."""
    torch.set_num_threads(1)  # the exact rasteriser's threads have set it back
    v, f = shape(faces)
    cameras = Cameras.of(orbit_camera(v, 20, 25, size, size, 1.2 * size))
    scene = make_surface(v, f, torch.rand(len(v), 3, generator=torch.Generator().manual_seed(0)))
    x = scene.vertices.clone().requires_grad_()
    out = []
    for back in (False, True):
        times = []
        for _ in range(repeats + 2):
            begin = time.process_time()
            with torch.set_grad_enabled(back):
                p = render(scene.but(vertices=x), cameras, Light.simple())
                if back:
                    (p.rgb.sum() + p.mask.sum()).backward()
            times.append(time.process_time() - begin)
        out.append(round(1000 * float(np.median(times[2:])), 1))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one gradient comparison, no file")
    quick = parser.parse_args().quick
    ways: dict[str, Way] = {"pixel centres only": centres, "neighbouring pixels (Laine 2020)": neighbours}
    ways |= {"lift3d": ours, "lift3d, 2 x 2 samples": finer}
    rows = []
    for faces, size in ((500, 64),) if quick else ((60, 64), (500, 64), (5000, 64), (5000, 128)):
        errors = gradient_error(faces, size, ways)
        if (faces, size) == (500, 64) and not quick:
            soft_way: Way = lambda s, c: soft(s, c, 0.3)  # noqa: E731
            errors |= gradient_error(faces, size, {"soft (Liu 2019), sigma 0.3 px^2": soft_way}, measures=1)
        for way, (rgb, cover) in errors.items():
            rows.append([way, faces, size, round(rgb, 3), round(cover, 3), None, None])
            print(rows[-1], flush=True)
    if quick:
        return
    for faces, size in ((500, 128), (500, 256), (5000, 128), (5000, 256)):
        rows.append(["lift3d", faces, size, None, None, *cost(faces, size, 30)])
        print(rows[-1], flush=True)
    columns = [
        "method",
        "faces",
        "pixels",
        "colour error",
        "coverage error",
        "forward ms",
        "forward + backward ms",
    ]
    note = (
        "Gradient error: RMS over motions and bumps of vertices, relative to finite differences of the exact picture "
        f"({FINE} x {FINE} samples per pixel, good to about 0.03). Times: CPU milliseconds of one thread, median of 30, "
        "one picture of pixels x pixels, lit by a sun and an environment."
    )
    out = {"table": {"columns": columns, "rows": rows, "note": note}}
    (HERE / "results" / "differentiable.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
