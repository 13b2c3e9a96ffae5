"""Texturing alone, with true or perturbed surface and cameras: PSNR against photos held out of texturing.

    python benchmarks/texture.py [--only NAME ...] [--faces 60000] [--size 2048] [--cache FOLDER]

The reconstruction benchmark measures the texture end to end; this benchmark isolates the texture step. "true" uses the exact mesh
and cameras; "disturbed" moves the surface smoothly by 0.2 % of the diagonal (one standard deviation) and rotates the cameras by
0.02 degrees. Coverage is the textured fraction of the area of faces whose centres are visible in some photo (depth test at twice
the photo's resolution, within 75 degrees).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial.transform import Rotation

from lift3d.context import Context
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.render.rasterizer import depth_map, visible_points
from lift3d.geometry.texture.subdivide import split_long_edges
from lift3d.geometry.texture.view_selection import observe_faces
from lift3d.maps.images_to_texture import ImagesToTexture
from lift3d.types import Camera, Image, Points, Surface, Views
from rendered_sets import CACHE, RECIPES, RenderedSet, rendered_set
from scoring import photo_pixels, texture_score

IDENTITY = (1.0, np.eye(3), np.zeros(3))


def fine_mesh(truth: RenderedSet, faces: int) -> trimesh.Trimesh:
    """The true surface, simplified to about `faces` faces, as in a reconstruction."""
    v, f = np.asarray(truth.mesh.vertices), np.asarray(truth.mesh.faces, np.int32)
    longest = truth.diagonal / 10
    while True:
        finer = split_long_edges(v, f, np.zeros((len(f), 3, 1)), longest)
        if len(finer[1]) > faces or longest < truth.diagonal / 2000:
            return trimesh.Trimesh(finer[0], finer[1], process=False)
        longest /= 1.15


def views_of(truth: RenderedSet) -> Views:
    images = tuple(Image(photo_pixels(p), p.name) for p in truth.photos)
    return Views(images, truth.cameras, Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32))


def disturbed(mesh: trimesh.Trimesh, views: Views, diagonal: float) -> tuple[trimesh.Trimesh, Views]:
    """The surface and cameras with perturbations as in an estimate."""
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.normal(size=(64, 64, 64)), 2)
    where = (mesh.vertices - mesh.bounds[0]) / np.ptp(mesh.bounds, axis=0).max() * 60
    shift = map_coordinates(noise / noise.std(), where.T, order=1) * 0.002 * diagonal
    moved = trimesh.Trimesh(mesh.vertices + mesh.vertex_normals * shift[:, None], mesh.faces, process=False)
    cameras = []
    for camera in views.cameras:
        pose = camera.world_to_camera.copy()
        turn = Rotation.from_rotvec(rng.normal(size=3) * np.radians(0.02)).as_matrix()
        pose[:3, :3] = turn @ pose[:3, :3]
        pose[:3, 3] = turn @ pose[:3, 3]
        cameras.append(replace(camera, world_to_camera=pose))
    return moved, replace(views, cameras=tuple(cameras))


def coverage_of_seen(mesh: trimesh.Trimesh, views: Views) -> float:
    """Fraction of the visible area, by a separate depth test of face centres, that the photos textured."""
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int32)
    textured = (observe_faces(v, f, views.cameras, views.images).quality > 0).any(1)
    seen = np.zeros(len(f), bool)
    for camera in views.cameras:
        seen |= _sees(camera, v, f, mesh.triangles_center, mesh.face_normals)
    return float(mesh.area_faces[seen & textured].sum() / mesh.area_faces[seen].sum())


def _sees(camera: Camera, v: np.ndarray, f: np.ndarray, at: np.ndarray, normals: np.ndarray) -> np.ndarray:
    big = resize_camera(camera, 2 * camera.width, 2 * camera.height)
    ray = camera.centre - at
    facing = (ray * normals).sum(1) / np.linalg.norm(ray, axis=1)
    return visible_points(big, depth_map(big, v, f), at, slack=0.001) & (facing > np.cos(np.radians(75)))


def measure(truth: RenderedSet, faces: int, size: int) -> dict:
    """Scores of one set, with the true and the disturbed surface and cameras."""
    result: dict = {"name": truth.name}
    exact, views = fine_mesh(truth, faces), views_of(truth)
    for case in ("true", "disturbed"):
        mesh, seen_by = (exact, views) if case == "true" else disturbed(exact, views, truth.diagonal)
        context, start, cpu = Context(), time.perf_counter(), time.process_time()
        textured = ImagesToTexture(size=size)(Surface(mesh, seen_by), context)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        result[case] = {
            **{k: round(x, 2) for k, x in texture_score(textured, truth, IDENTITY).items()},
            "coverage_of_seen": round(coverage_of_seen(mesh, seen_by), 4),
            "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu, 1),
            "faces": len(mesh.faces),
            "report": context.report["images_to_texture"],
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=list(RECIPES))
    parser.add_argument("--faces", type=int, default=60_000)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    results = []
    for name in options.only:
        results.append(measure(rendered_set(name, cache=options.cache), options.faces, options.size))
        for case in ("true", "disturbed"):
            r = results[-1][case]
            print(name, case, {k: x for k, x in r.items() if k != "report"}, flush=True)
    rows = [
        [r["name"], r["true"]["psnr"], r["disturbed"]["psnr"], round(100 * r["true"]["coverage_of_seen"], 1),
         r["disturbed"]["seconds"]]
        for r in results
    ]  # fmt: skip
    table = {
        "columns": ["set", "PSNR true (dB)", "PSNR disturbed (dB)", "coverage of seen (%)", "seconds"],
        "rows": rows,
        "note": f"Photos held back from texturing, {options.size} texels a side, 26 photos of 800x600.",
    }
    out = Path(__file__).resolve().parent / "results" / "texture_step.json"
    out.write_text(json.dumps({"table": table, "sets": results}, indent=1) + "\n")
    print(f"written: {out}")


if __name__ == "__main__":
    main()
