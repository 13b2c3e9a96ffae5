"""Images per second and depth errors of the exact renderer, compared with pyrender and Open3D's off-screen renderer.

    python benchmarks/render.py [--seconds 6] [--pyrender /path/to/python]

All renderers have the same meshes (a vase of 832 faces with a texture of 512 x 512, crates of 480 faces with a texture of
256 x 256) and cameras, and each picture has colour, depth and mask. The peers run in their own processes
(benchmarks/render_peers.py), pyrender under the given interpreter, because it needs an older PyOpenGL; a peer that cannot run is
listed with the reason. Depth is compared with ray casting on the same triangles in double precision. Writes results/render.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sized
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial

from lift3d.geometry.camera.orbit import orbit_cameras
from lift3d.geometry.camera.projection import pixel_rays
from lift3d.geometry.mesh.bvh import build_bvh, first_hit
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.lights import Lighting, sunlight
from lift3d.geometry.render.renderer import render, render_many
from lift3d.types import Camera

HERE = Path(__file__).resolve().parent
SIZES = (128, 512)
LIMIT = 150
"""Time limit of a peer in seconds."""


def noise(size: int, seed: int) -> Image.Image:
    """A texture with detail at all scales."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size, 3))
    for step in (4, 16, 64, size):
        coarse = rng.uniform(0, 1, (step, step, 3)) * (8 / step) ** 0.3
        total += np.asarray(np.kron(coarse, np.ones((size // step, size // step, 1))))
    return Image.fromarray((255 * (total - total.min()) / np.ptp(total)).astype(np.uint8))


def vase() -> trimesh.Trimesh:
    """A body of revolution: 32 sectors, 13 rings, 832 faces."""
    turns, rings = 32, 13
    height = np.linspace(0, 2, rings + 1)
    radius = 0.45 + 0.3 * np.sin(2.2 * height) ** 2
    angle = np.linspace(0, 2 * np.pi, turns + 1)
    z, a = np.meshgrid(height, angle, indexing="ij")
    r = np.repeat(radius[:, None], turns + 1, 1)
    v = np.stack([r * np.cos(a), r * np.sin(a), z], -1).reshape(-1, 3)
    uv = np.stack([a / (2 * np.pi) * 2, z / 2], -1).reshape(-1, 2)
    i, j = np.meshgrid(np.arange(rings), np.arange(turns), indexing="ij")
    corner = (i * (turns + 1) + j).ravel()
    first = np.stack([corner, corner + 1, corner + turns + 2], 1)
    second = np.stack([corner, corner + turns + 2, corner + turns + 1], 1)
    visual = TextureVisuals(uv, material=PBRMaterial(baseColorTexture=noise(512, 0)))
    return trimesh.Trimesh(v, np.concatenate([first, second]), visual=visual, process=False)


def crates() -> trimesh.Trimesh:
    """A heap of forty boxes: 480 faces."""
    rng = np.random.default_rng(1)
    v, f, uv = [], [], []
    side = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    for _ in range(40):
        size, at = rng.uniform(0.12, 0.3, 3), rng.uniform([-1, -1, 0.2], [1, 1, 1.2])
        turn = trimesh.transformations.random_rotation_matrix(rng.random(3))[:3, :3]
        for axis in range(3):
            for sign in (-1, 1):
                p = np.insert(side[:: sign * (-1) ** axis], axis, sign, 1) * size
                start = 4 * len(v)
                v.append(p @ turn.T + at)
                uv.append(side[:: sign * (-1) ** axis] / 2 + 0.5)
                f += [[start, start + 1, start + 2], [start, start + 2, start + 3]]
    visual = TextureVisuals(np.concatenate(uv), material=PBRMaterial(baseColorTexture=noise(256, 2)))
    return trimesh.Trimesh(np.concatenate(v), f, visual=visual, process=False)


def solids() -> dict[str, trimesh.Trimesh]:
    """The solids on which depth is measured."""
    return {
        "ball": trimesh.creation.icosphere(5),
        "cube": trimesh.creation.box((1, 1.3, 0.8)),
        "cylinder": trimesh.creation.cylinder(0.7, 1.4, sections=256),
    }


def true_depth(camera: Camera, mesh: trimesh.Trimesh) -> np.ndarray:
    """(H, W) depth at pixel centres by one ray each against the triangles, in double precision; 0 for the background."""
    tree = build_bvh(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32))
    rays = pixel_rays(camera) @ camera.R
    z = np.zeros((camera.height, camera.width))
    for row in range(camera.height):
        for column in range(camera.width):
            t, face, _, _ = first_hit(*tree, *camera.centre, *rays[row, column], 0.0, np.inf)
            z[row, column] = t if face >= 0 else 0.0
    return z


def timed(draw: Callable[[], Sized], seconds: float) -> tuple[float, float]:
    """(images per second, processor seconds per image), after one warm-up run."""
    draw()
    count, start, busy = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < seconds:
        count += len(draw())
    return count / (time.perf_counter() - start), (time.process_time() - busy) / count


def ours(meshes: dict[str, trimesh.Trimesh], seconds: float) -> list[dict[str, Any]]:
    """Rates of every mode of this renderer at both picture sizes."""
    sun = sunlight(True)
    ways: list[tuple[str, int, Lighting]] = [
        ("lift3d", 1, sunlight(False)),
        ("lift3d, sun shadow", 1, replace(sunlight(False), suns=sun.suns)),
        ("lift3d, sun and sky shadows", 1, sun),
        ("lift3d, sun and sky shadows, 2 x 2 samples", 2, sun),
    ]
    rows = []
    for name, samples, light in ways:
        for size in SIZES:
            rates = []
            for mesh in meshes.values():
                ready = drawable(mesh)
                cameras = orbit_cameras(ready.v, 24, size, size)
                draw = partial(render_many, ready, cameras, samples, lighting=light)
                rates.append(timed(draw, seconds))
            rate = len(rates) / sum(1 / r for r, _ in rates)
            rows.append(
                {"name": name, "size": size, "rate": rate, "cpu": float(np.mean([c for _, c in rates]))}
            )
    return rows


def compare(
    depths: dict[str, np.ndarray], truths: dict[str, np.ndarray], diagonals: dict[str, float]
) -> dict[str, Any]:
    """Depth errors as fractions of the diagonal, at pixels where both renderers see the solid, and the fraction of pixels where
    only one does."""
    errors = np.concatenate(
        [np.abs(depths[k] - truths[k])[(depths[k] > 0) & (truths[k] > 0)] / diagonals[k] for k in truths]
    )
    other = [float(((depths[k] > 0) != (truths[k] > 0)).mean()) for k in truths]
    return {
        "p99": float(np.quantile(errors, 0.99)),
        "worst": float(errors.max()),
        "outline": float(np.mean(other)),
    }


def peer(name: str, python: str, job: Path, seconds: float, size: int) -> dict[str, Any]:
    """The result of a peer in its own process; {"reason": ...} if it fails."""
    command = [python, str(HERE / "render_peers.py"), name, str(job), str(seconds), str(size)]
    environment = {**os.environ, "PYOPENGL_PLATFORM": "egl"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment)
    except subprocess.TimeoutExpired:
        return {"reason": f"not done after {LIMIT} s"}
    except OSError as error:
        return {"reason": str(error)}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"reason": f"exit {done.returncode}: {last[:200]}"}
    return json.loads(lines[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="for each measurement")
    parser.add_argument("--pyrender", default=sys.executable, help="path of an interpreter with pyrender")
    options = parser.parse_args()
    meshes = {"vase": vase(), "crates": crates()}
    truths, diagonals, mine = {}, {}, {}
    result: dict[str, Any] = {
        "cores": os.cpu_count(),
        "rows": ours(meshes, options.seconds),
        "depth": {},
        "absent": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder)
        arrays: dict[str, np.ndarray] = {}
        for name, mesh in {**meshes, **solids()}.items():
            arrays[f"{name}.v"], arrays[f"{name}.f"] = np.asarray(mesh.vertices), np.asarray(mesh.faces)
            if name in meshes:
                arrays[f"{name}.uv"] = np.asarray(mesh.visual.uv)
                arrays[f"{name}.texture"] = np.asarray(mesh.visual.material.baseColorTexture)
                for size in SIZES:
                    cameras = orbit_cameras(mesh.vertices, 24, size, size)
                    arrays[f"{name}.{size}.pose"] = np.stack([c.world_to_camera for c in cameras])
                    arrays[f"{name}.{size}.focal"] = np.array(cameras[0].fx)
            else:
                camera = orbit_cameras(mesh.vertices, 3, 128, 128)[1]
                arrays[f"{name}.pose"], arrays[f"{name}.focal"] = camera.world_to_camera, np.array(camera.fx)
                truths[name], mine[name] = true_depth(camera, mesh), render(mesh, camera, 1).depth.z
                diagonals[name] = float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
        np.savez(job / "job.npz", **arrays)
        result["depth"]["lift3d"] = compare(mine, truths, diagonals)
        for name, python in (("pyrender", options.pyrender), ("open3d", sys.executable)):
            for size in (0, *SIZES):
                found = peer(name, python, job, options.seconds, size)
                if "reason" in found:
                    result["absent"][f"{name} at {size}" if size else f"depth of {name}"] = found["reason"]
                else:
                    result["rows"] += found["rows"]
                    result["about " + name] = found["about"]
            if (job / f"{name}.npz").exists():
                with np.load(job / f"{name}.npz") as depths:
                    result["depth"][name] = compare(dict(depths), truths, diagonals)
    result["table"] = table(result)
    for row in result["table"]["rows"]:
        print(*row)
    print(result["absent"])
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "render.json").write_text(json.dumps(result, indent=1) + "\n")


def table(result: dict[str, Any]) -> dict[str, Any]:
    """The table for the documentation."""
    columns = ["renderer", "128 x 128, images/s", "512 x 512, images/s", "CPU ms at 512", "depth error, 99 %",
               "depth error, worst"]  # fmt: skip
    rows: list[list[Any]] = []
    for name in dict.fromkeys(row["name"] for row in result["rows"]):
        of = {row["size"]: row for row in result["rows"] if row["name"] == name}
        depth = result["depth"].get(name.split(",")[0], {})
        small, large = (float(f"{of[s]['rate']:.3g}") if s in of else "" for s in SIZES)
        busy = round(1000 * of[512]["cpu"], 1) if 512 in of else ""
        rows.append(
            [name, small, large, busy, *(f"{depth[k]:.1e}" if k in depth else "" for k in ("p99", "worst"))]
        )
    note = (
        f"{result['cores']} cores, no GPU. Colour, depth and mask of two textured meshes (832 and 480 faces) from 24 "
        "cameras, under a sun and a sky. Depth errors relative to the diagonal of a ball, a cube and a cylinder, "
        "against ray casting in double precision; pyrender returns the depth of one of its four samples, "
        "0.4 pixels off the centre."
    )
    absent = "".join(f" {name} did not run: {reason}." for name, reason in result["absent"].items())
    return {"columns": columns, "rows": rows, "note": note + absent}


if __name__ == "__main__":
    main()
