"""Albedo of textures made from lit photos, beside no removal of light and Retinex.

    python benchmarks/albedo.py [--data ../shared/data]

Textured meshes are rendered from 20 directions in sunlight and in a studio, and their texture is made again from these pictures.
The error is the mean squared difference of linear colours at points that two cameras see, after a factor is fitted to each mesh.
Retinex divides each picture by its own blur within the object (Land 1986; Jobson, Rahman & Woodell 1997, one scale). Writes
results/albedo.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import trimesh
from scipy import ndimage

from lift3d import api
from lift3d.context import Context
from lift3d.errors import Lift3dError
from lift3d.geometry.image.colour_space import linear_to_srgb8, srgb8_to_linear
from lift3d.geometry.mesh.distances import sample_surface
from lift3d.geometry.render.rasterizer import depth_map, visible_points
from lift3d.maps.images_to_texture import ImagesToTexture
from lift3d.maps.mesh_to_albedo import MeshToAlbedo
from lift3d.types import Image, Mesh, Points, Surface, Views

HERE = Path(__file__).resolve().parent
POINTS, VIEWS, SIDE, TEXTURE = 6000, 20, 384, 512
BLUR = 0.25
"""Standard deviation of the blur of Retinex in units of the picture."""
LIGHTS = ("sun", "studio")
ROWS = {"lit": "no removal", "retinex": "Retinex", "delight": "lift3d --delight"}


def colours_at(mesh: Mesh) -> np.ndarray:
    """(POINTS, 3) linear colours of the texture at the same points of every mesh of this shape."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    points, _, face = sample_surface(v, f, POINTS, np.random.default_rng(5))
    weights = trimesh.triangles.points_to_barycentric(v[f[face]], points)
    uv = (np.asarray(mesh.visual.uv)[f[face]] * weights[..., None]).sum(1)
    texels = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    h, w = texels.shape[:2]
    x, y = (uv[:, 0] % 1 * w).astype(int).clip(0, w - 1), ((1 - uv[:, 1] % 1) * h).astype(int).clip(0, h - 1)
    return srgb8_to_linear(texels[y, x]).astype(np.float64)


def seen_by(mesh: Mesh, cameras: tuple) -> np.ndarray:
    """(POINTS,) whether at least two cameras see each point."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    points = sample_surface(v, f, POINTS, np.random.default_rng(5))[0]
    return sum(visible_points(c, depth_map(c, v, f), points).astype(int) for c in cameras) >= 2


def retinex(image: Image) -> Image:
    """The picture divided by its blur within the mask."""
    light = srgb8_to_linear(image.pixels).mean(2)
    mask = image.mask.astype(np.float32)
    sigma = BLUR * max(image.width, image.height)
    blurred = ndimage.gaussian_filter(light * mask, sigma) / np.maximum(
        ndimage.gaussian_filter(mask, sigma), 1e-3
    )
    mean = float((light * mask).sum() / max(mask.sum(), 1))
    factor = mean / np.maximum(blurred, 0.02)
    pixels = linear_to_srgb8((srgb8_to_linear(image.pixels) * factor[..., None]).astype(np.float32))
    return Image(pixels, image.name, mask=image.mask)


def error(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean squared difference after a factor is fitted."""
    factor = float((found * truth).sum() / max((found * found).sum(), 1e-12))
    return float(((factor * found - truth) ** 2).mean())


def textured(bare: Mesh, images: list[Image], cameras: tuple) -> Mesh:
    views = Views(tuple(images), cameras, Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32))
    return ImagesToTexture(size=TEXTURE)(Surface(bare, views, "object", ""), Context())


def measure(path: Path, light: str) -> dict[str, float] | None:
    """Errors of a mesh in a light; None for a mesh without a texture of its own."""
    mesh = api.load(path)
    if getattr(getattr(mesh.visual, "material", None), "baseColorTexture", None) is None:
        return None
    truth = colours_at(mesh)
    renders = api.render(
        mesh, views=VIEWS, elevation=[10, 45], size=SIDE, background="transparent", light=light
    )
    images = [Image(r.rgba[..., :3].copy(), str(k), mask=r.rgba[..., 3] > 127) for k, r in enumerate(renders)]
    cameras = tuple(r.camera for r in renders)
    bare = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    seen = seen_by(mesh, cameras)
    lit = textured(bare, images, cameras)
    made = {
        "lit": lit,
        "retinex": textured(bare, [retinex(image) for image in images], cameras),
        "delight": MeshToAlbedo()(lit, Context()),
    }
    return {name: error(colours_at(found)[seen], truth[seen]) for name, found in made.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared/data")
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument(
        "--first",
        type=int,
        default=1,
        help="number of the first mesh; 0, 6, 12 ... served to choose constants",
    )
    args = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {light: [] for light in LIGHTS}
    for path in sorted((args.data / "meshes").rglob("*.glb"))[args.first :: args.every]:
        for light in LIGHTS:
            try:
                found = measure(path, light)
            except Lift3dError as problem:
                print(path.name, problem)
                continue
            if found is not None:
                rows[light].append(found)
                print(path.name, light, *(f"{k} {x:.4f}" for k, x in found.items()), flush=True)
    means = {light: {k: float(np.mean([r[k] for r in found])) for k in ROWS} for light, found in rows.items()}
    better = {
        light: float(np.mean([r["delight"] < r["lit"] for r in found])) for light, found in rows.items()
    }
    table = [[title, *(f"{means[light][k]:.4f}" for light in LIGHTS)] for k, title in ROWS.items()]
    result = {
        "means": means, "better": better, "meshes": len(rows[LIGHTS[0]]),
        "table": {
            "columns": ["mean squared error", *LIGHTS], "rows": table,
            "note": f"{len(rows[LIGHTS[0]])} meshes; --delight is better than no removal for "
            + ", ".join(f"{100 * better[light]:.0f} % ({light})" for light in LIGHTS) + ".",
        },
    }  # fmt: skip
    (HERE / "results/albedo.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["table"], indent=1))


if __name__ == "__main__":
    main()
