"""Rendered photo sets with exact ground truth: what the geometry, depth and texture figures are measured on.

    python benchmarks/rendered_sets.py [--cache benchmarks/.cache] [--only NAME ...]

Each model of ../shared/data/meshes stands on a table in a room (see `photo_studio`), 26 photos of 800x600 are
taken around it at three heights and 4 more are held back from the reconstruction. Everything follows from the
model's name; the same name gives the same bytes. World: z up, table at z = 0, the object's diagonal is 1.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from lift3d.geometry.projection import resized
from lift3d.geometry.raster import depth_map, rasterize, visible
from lift3d.types import Camera
from photo_studio import Light, Studio, Subject, look_at

MESHES = Path(__file__).resolve().parents[1] / "../shared/data/meshes"
CACHE = Path(__file__).resolve().parent / ".cache"
WIDTH, HEIGHT, FOCAL = 800, 600, 880.0
PHOTOS, HELD_BACK, SAMPLES = 26, 4, 200_000
VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """file, its texture and how much of it shows, up axis, smooth shading, material (linear colours);
    body_only keeps the largest part (the vase without its flowers, which are sheets without thickness)."""

    file: str
    palette: tuple[tuple[float, float, float], ...]
    knobs: tuple[float, ...]  # seed, scale, veins, rings, speckles, grain
    up: str = "y"
    smooth: bool = True
    texture: str | None = None
    own: float = 0.0
    table: int = 0
    seed: int = 0
    body_only: bool = False


RECIPES = {
    "spot": Recipe(
        "spot/spot_triangulated.obj",
        ((0.5, 0.42, 0.34), (0.3, 0.2, 0.13), (0.12, 0.08, 0.06), (0.8, 0.75, 0.7)),
        (1, 1.0, 0.35, 0.0, 0.5, 0.46),
        texture="spot/spot_texture.png", own=0.75, table=1, seed=1,
    ),
    "monkey": Recipe(
        "open3d_monkey/monkey.obj",
        ((0.36, 0.2, 0.1), (0.52, 0.34, 0.2), (0.1, 0.05, 0.03), (0.75, 0.6, 0.4)),
        (2, 1.0, 0.3, 0.0, 0.5, 0.46),
        texture="open3d_monkey/albedo.png", own=0.5, table=0, seed=2,
    ),
    "avocado": Recipe(
        "kaolin/avocado.obj",
        ((0.3, 0.4, 0.1), (0.14, 0.22, 0.05), (0.05, 0.07, 0.02), (0.6, 0.65, 0.3)),
        (3, 1.0, 0.2, 0.0, 0.6, 0.46),
        texture="kaolin/textures/Avocado_baseColor.png", own=0.6, table=2, seed=3,
    ),
    "armchair": Recipe(
        "kaolin/armchair.obj",
        ((0.4, 0.12, 0.1), (0.16, 0.18, 0.3), (0.6, 0.5, 0.35), (0.75, 0.7, 0.6)),
        (4, 1.0, 0.6, 0.0, 0.5, 0.46), table=1, seed=4,
    ),
    "building": Recipe(
        "kaykit_city/obj/building_C_withoutBase.obj",
        ((0.5, 0.3, 0.2), (0.34, 0.36, 0.38), (0.12, 0.1, 0.1), (0.75, 0.7, 0.6)),
        (5, 1.0, 0.5, 0.0, 0.6, 0.46), smooth=False, table=2, seed=5,
    ),
    "vase": Recipe(
        "aws_house/Vase_01.glb",
        ((0.42, 0.44, 0.46), (0.1, 0.2, 0.38), (0.5, 0.3, 0.1), (0.8, 0.78, 0.7)),
        (6, 1.0, 0.7, 0.0, 0.4, 0.46), up="glb", table=0, seed=6, body_only=True,
    ),
    "sofa": Recipe(
        "aws_house/SofaC_01.glb",
        ((0.2, 0.34, 0.3), (0.42, 0.4, 0.3), (0.1, 0.12, 0.14), (0.7, 0.66, 0.5)),
        (7, 1.0, 0.3, 0.5, 0.5, 0.46), up="glb", table=1, seed=7,
    ),
    "hydrant": Recipe(
        "kaykit_city/obj/firehydrant.obj",
        ((0.5, 0.08, 0.05), (0.55, 0.25, 0.08), (0.1, 0.06, 0.06), (0.8, 0.7, 0.5)),
        (8, 1.0, 0.4, 0.0, 0.6, 0.46), smooth=False, table=0, seed=8,
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class RenderedSet:
    """One finished set. photos and held_back with their true cameras; mesh: ground truth; seen: points of it
    (N, 3) that at least 3 photos see, with unit normals; mask(i), depth(i): of the object in photo i."""

    name: str
    folder: Path
    photos: tuple[Path, ...]
    cameras: tuple[Camera, ...]
    held_back: tuple[Path, ...]
    held_back_cameras: tuple[Camera, ...]

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / "truth.npz") as arrays:
            return {k: arrays[k] for k in arrays.files}

    @property
    def mesh(self) -> trimesh.Trimesh:
        return trimesh.Trimesh(self._arrays["v"], self._arrays["f"], process=False)

    @property
    def seen(self) -> np.ndarray:
        return self._arrays["seen"]

    @property
    def seen_normals(self) -> np.ndarray:
        return self._arrays["seen_normals"]

    @property
    def photo_folder(self) -> Path:
        return self.folder / "photos"

    @property
    def diagonal(self) -> float:
        v = self._arrays["v"]
        return float(np.linalg.norm(v.max(0) - v.min(0)))

    def depth(self, i: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
        """(H, W) float32 exact depth of the object in photo i (pixel centres), 0 beside it."""
        return depth_map(resized(self.cameras[i], width, height), self._arrays["v"], self._arrays["f"])

    def mask(self, i: int) -> np.ndarray:
        return np.asarray(Image.open(self.folder / "masks" / f"{self.photos[i].stem}.png")) > 127


def rendered_set(name: str, faint: bool = False, cache: Path = CACHE) -> RenderedSet:
    """The set `name`, made when it is not in the cache yet; faint: the object's contrast is a quarter."""
    folder = Path(cache) / (name + ("_faint" if faint else ""))
    if (
        not (folder / "set.json").exists()
        or json.loads((folder / "set.json").read_text())["version"] != VERSION
    ):
        make(name, faint, folder)
    card = json.loads((folder / "set.json").read_text())
    cameras = {k: camera_from_json(c) for k, c in card["cameras"].items()}
    photos = [p for p in cameras if not p.startswith("held_back")]
    held = [p for p in cameras if p.startswith("held_back")]
    return RenderedSet(
        folder.name, folder,
        tuple(folder / p for p in photos), tuple(cameras[p] for p in photos),
        tuple(folder / p for p in held), tuple(cameras[p] for p in held),
    )  # fmt: skip


def camera_to_json(c: Camera) -> dict:
    return {
        "size": [c.width, c.height],
        "K": [c.fx, c.fy, c.cx, c.cy],
        "world_to_camera": c.world_to_camera.tolist(),
    }


def camera_from_json(d: dict) -> Camera:
    return Camera(*d["size"], *d["K"], np.array(d["world_to_camera"]))


def load_subject(name: str, faint: bool = False) -> Subject:
    """The model, upright on the table with diagonal 1, and its material."""
    recipe = RECIPES[name]
    mesh = trimesh.load(MESHES / recipe.file, force="mesh", process=False)
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    uv = getattr(mesh.visual, "uv", None)
    if recipe.body_only:
        welded = trimesh.Trimesh(v, f, process=False)
        welded.merge_vertices(merge_tex=True, merge_norm=True)
        body = max(welded.split(only_watertight=False), key=lambda part: part.area)
        v, f, uv = np.asarray(body.vertices), np.asarray(body.faces), None
    v = v @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]]) if recipe.up == "y" else v
    low, high = v.min(0), v.max(0)
    v = (v - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]) / np.linalg.norm(high - low)
    merged = trimesh.Trimesh(v, f, process=False)
    merged.merge_vertices(merge_tex=True, merge_norm=True)
    normals = corner_normals(merged) if recipe.smooth else np.repeat(merged.face_normals[:, None], 3, 1)
    texture = None
    if recipe.texture is not None and uv is not None:
        srgb = np.asarray(Image.open(MESHES / recipe.texture).convert("RGB"), np.float32) / 255
        texture = srgb**2.2
    return Subject(
        np.asarray(merged.vertices), np.asarray(merged.faces, np.int32), normals,
        np.array(recipe.palette), np.array(recipe.knobs, np.float64),
        None if texture is None else np.asarray(uv, np.float64)[f], texture,
        0.0 if texture is None else recipe.own,
        0.25 if faint else 1.0, recipe.table, 0.0, recipe.seed,
    )  # fmt: skip


def corner_normals(mesh: trimesh.Trimesh, crease: float = 40.0) -> np.ndarray:
    """(F, 3, 3) area-weighted mean of the face normals around each corner within `crease` degrees."""
    faces, own = mesh.faces, mesh.face_normals
    order = np.argsort(faces.ravel(), kind="stable")
    starts = np.searchsorted(faces.ravel()[order], np.arange(len(mesh.vertices) + 1))
    result = np.zeros((len(faces), 3, 3))
    limit = math.cos(math.radians(crease))
    area = mesh.area_faces
    for vertex in range(len(mesh.vertices)):
        corners = order[starts[vertex] : starts[vertex + 1]]
        near = corners // 3
        close = own[near] @ own[near].T > limit
        result[near, corners % 3] = (close * area[near]) @ own[near]
    size = np.linalg.norm(result, axis=2, keepdims=True)
    return np.where(size > 1e-12, result / np.maximum(size, 1e-12), own[:, None])


def orbit(v: np.ndarray, n: int, rng: np.random.Generator, turn: float = 0.0) -> list[Camera]:
    """n cameras around the object as a person would walk: three heights, uneven steps, unsteady hand."""
    centre = np.array([0, 0, (v[:, 2].min() + v[:, 2].max()) / 2])
    radius = np.linalg.norm(v - centre, axis=1).max()
    rings = [n - 2 * (n // 3), n // 3, n // 3]
    cameras = []
    for ring, (count, height) in enumerate(zip(rings, (15.0, 33.0, 52.0))):
        for i in range(count):
            azimuth = 2 * math.pi * (i + 0.5 * ring + turn) / count + rng.normal(0, 0.035)
            elevation = math.radians(height + rng.uniform(-4, 4))
            away = FOCAL * 2 * radius / (0.74 * HEIGHT) * rng.uniform(0.94, 1.08)
            out = [
                math.cos(elevation) * math.cos(azimuth),
                math.cos(elevation) * math.sin(azimuth),
                math.sin(elevation),
            ]
            target = centre + rng.normal(0, 0.025, 3)
            cameras.append(
                look_at(centre + away * np.array(out), target, WIDTH, HEIGHT, FOCAL, rng.normal(0, 0.03))
            )
    return cameras


def seen_samples(
    v: np.ndarray, f: np.ndarray, cameras: list[Camera], rng: np.random.Generator, least: int = 3
):
    """Points (N, 3) and normals of the surface that at least `least` cameras see, not at grazing angles."""
    mesh = trimesh.Trimesh(v, f, process=False)
    face = np.searchsorted(np.cumsum(mesh.area_faces) / mesh.area, rng.random(2 * SAMPLES)).clip(
        0, len(f) - 1
    )
    a, b = rng.random((2, len(face)))
    a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
    t = v[f[face]]
    points = t[:, 0] + a[:, None] * (t[:, 1] - t[:, 0]) + b[:, None] * (t[:, 2] - t[:, 0])
    normals = mesh.face_normals[face]
    count = np.zeros(len(points), np.int64)
    for camera in cameras:
        z = depth_map(resized(camera, 3 * camera.width, 3 * camera.height), v, f)
        ray = camera.centre - points
        facing = (ray * normals).sum(1) / np.linalg.norm(ray, axis=1)
        seen = visible(resized(camera, 3 * camera.width, 3 * camera.height), z, points, slack=0.001)
        count += seen & (np.abs(facing) > 0.12)
    keep = np.nonzero(count >= least)[0][:SAMPLES]
    return points[keep], normals[keep]


def make(name: str, faint: bool, folder: Path) -> None:
    """Render one set into `folder`; set.json is written last, so a set is either whole or absent."""
    subject = load_subject(name, faint)
    seed = RECIPES[name].seed
    studio = Studio(subject)
    cameras = orbit(subject.v, PHOTOS, np.random.default_rng(seed))
    held = orbit(subject.v, HELD_BACK, np.random.default_rng(100 + seed), turn=0.4)
    for part in ("photos", "masks", "held_back"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(200 + seed + 1000 * faint)
    card: dict = {"name": name, "faint": faint, "version": VERSION, "cameras": {}}
    for i, camera in enumerate(cameras + held):
        out = i >= len(cameras)
        light = Light()
        if not out:
            light = replace(
                light, azimuth=0.6 + 0.5 * math.sin(0.4 * i), elevation=0.9 + 0.12 * math.cos(0.3 * i),
                exposure=float(np.clip(rng.normal(1.0, 0.08), 0.85, 1.15)),
            )  # fmt: skip
        path = f"held_back/{i - len(cameras):02d}.jpg" if out else f"photos/{i:02d}.jpg"
        Image.fromarray(studio.photograph(camera, light, rng)).save(folder / path, quality=92)
        card["cameras"][path] = camera_to_json(camera)
        mask = rasterize(camera, subject.v, subject.f)[0] >= 0
        if not out:
            Image.fromarray(mask).save(folder / "masks" / f"{i:02d}.png")
    seen, normals = seen_samples(subject.v, subject.f, cameras, np.random.default_rng(300 + seed))
    np.savez(
        folder / "truth.npz", v=subject.v, f=subject.f,
        seen=seen.astype(np.float32), seen_normals=normals.astype(np.float32),
    )  # fmt: skip
    (folder / "set.json").write_text(json.dumps(card, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--only", nargs="*", default=list(RECIPES))
    options = parser.parse_args()
    for faint in (False, True):
        for name in options.only:
            start = time.perf_counter()
            done = rendered_set(name, faint, options.cache)
            seconds = time.perf_counter() - start
            print(f"{done.name}: {len(done.photos)} photos, {len(done.seen)} seen points, {seconds:.1f} s")


if __name__ == "__main__":
    main()
