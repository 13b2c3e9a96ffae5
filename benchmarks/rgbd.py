"""Scans with a depth camera: trajectory and surface of lift3d and of Open3D's reconstruction system in the same run.

    python benchmarks/rgbd.py --open3d PYTHON [--data FOLDER] [--frames N]

Rendered walks of `rgbd_walks.py` in the layout of TUM, and Open3D's five frames. lift3d does not see the poses. Open3D runs in an
environment of its own (`PYTHON` is its interpreter; `rgbd_open3d.py`). The trajectory error is the root mean square distance of
the camera centres after a rigid alignment (Sturm et al. 2012). The surface is moved by the same alignment; distances are exact,
from 100,000 points on it to the true surface, and from true points that the cameras saw within 4 m to it. Seconds are processor
time, without texture. Prints a table and writes benchmarks/results/rgbd.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

import rgbd_walks
from lift3d.geometry.camera.projection import project
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.metrics.points import umeyama
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.io.rgbd.scan import read_scan
from lift3d.maps.rgbd_to_cameras import RgbdToCameras
from lift3d.maps.rgbd_to_mesh import RgbdToMesh

ROOT = Path(__file__).resolve().parents[1]
FIVE = ROOT.parent / "shared" / "data" / "rgbd" / "open3d_sequence"
RESULTS = ROOT / "benchmarks" / "results" / "rgbd.json"
THRESHOLD, FAR, CUT = 0.02, 4.0, 0.2


def aligned(
    poses: list[np.ndarray | None], truth: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """(R, t) to the true frame, and the error of the trajectory."""
    known = [k for k, p in enumerate(poses) if p is not None]
    a = np.array([poses[k][:3, 3] for k in known])  # type: ignore[index]
    b = np.array([truth[k][:3, 3] for k in known])
    _, r, t = umeyama(a, b, False)
    error = float(np.sqrt(((a @ r.T + t - b) ** 2).sum(1).mean()))
    way = float(np.linalg.norm(np.diff([p[:3, 3] for p in truth], axis=0), axis=1).sum())
    found = {
        "ate_mm": round(1000 * error, 2),
        "ate_percent": round(100 * error / way, 3),
        "way_m": round(way, 2),
    }
    return r, t, found | {"placed": len(known), "frames": len(truth)}


def true_points(made: rgbd_walks.Walk, count: int = 200_000) -> np.ndarray:
    """Points of the true surface that a camera sees between 0.5 m and FAR."""
    v, f = np.asarray(made.mesh.vertices, float), np.asarray(made.mesh.faces)
    p, _ = trimesh.sample.sample_surface(made.mesh, count, seed=0)
    seen = np.zeros(len(p), bool)
    for camera in made.cameras[::5]:
        z = depth_map(camera, v, f.astype(np.int32))
        uv, depth = project(camera, p)
        x, y = np.floor(uv).astype(int).T
        ok = (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height) & (depth > 0.5) & (depth < FAR)
        ok[ok] &= np.abs(z[y[ok], x[ok]] - depth[ok]) < 0.01
        seen |= ok
    return np.asarray(p)[seen]


def surface_score(v: np.ndarray, f: np.ndarray, made: rgbd_walks.Walk, truth: np.ndarray) -> dict[str, float]:
    """Distances in mm, cut at 0.2 m, and the F-score at 2 cm."""
    points, _ = trimesh.sample.sample_surface(trimesh.Trimesh(v, f, process=False), 100_000, seed=0)
    true = build_search_tree(np.asarray(made.mesh.vertices, float), np.asarray(made.mesh.faces, np.int32))
    off = closest_in_tree(true, np.asarray(points))[1]
    gap = closest_in_tree(build_search_tree(np.asarray(v, float), f.astype(np.int32)), truth)[1]
    p, r = float((off < THRESHOLD).mean()), float((gap < THRESHOLD).mean())
    return {
        "accuracy_mm": round(1000 * float(np.minimum(off, CUT).mean()), 2),
        "accuracy_median_mm": round(1000 * float(np.median(off)), 2),
        "completeness_mm": round(1000 * float(np.minimum(gap, CUT).mean()), 2),
        "f_2cm": round(2 * p * r / max(p + r, 1e-9), 4),
    }


def ours(folder: Path) -> tuple[list[np.ndarray | None], np.ndarray, np.ndarray, float]:
    """(poses, vertices, faces, processor seconds)."""
    cpu = time.process_time()
    scan = read_scan(folder, 1600)
    placed = RgbdToCameras(given=False)(scan)
    surface = RgbdToMesh("scene")(placed)
    seconds = time.process_time() - cpu
    found = dict(zip(placed.names, placed.poses))
    m = surface.world_from_model
    v = np.asarray(surface.mesh.vertices) @ m[:3, :3].T + m[:3, 3]
    return [found.get(name) for name in scan.names], v, np.asarray(surface.mesh.faces), seconds


def warm_up() -> None:
    """Compile the kernels, which is no part of the time."""
    with tempfile.TemporaryDirectory() as folder:
        rgbd_walks.write_tum(Path(folder), rgbd_walks.walk("living", 4, turns=0.02, width=160), poses=True)
        (Path(folder) / "intrinsics.txt").write_text("131.25 131.25 79.5 59.5")
        ours(Path(folder))


def outcome(program: str, folder: Path, open3d: str | None) -> dict[str, Any] | None:
    """Poses, vertices, faces and processor seconds of a program, kept in a file beside the folder; None without the program."""
    kept = folder.with_name(f"{folder.name}.{program.casefold()}.npz")
    if not kept.is_file():
        if program == "lift3d":
            poses, v, f, seconds = ours(folder)
            filled = np.array([np.full((4, 4), np.nan) if p is None else p for p in poses])
            np.savez(
                kept, poses=filled, vertices=v.astype(np.float32), faces=f.astype(np.int32), cpu=[seconds]
            )
        elif open3d is None:
            return None
        else:
            script = ROOT / "benchmarks" / "rgbd_open3d.py"
            subprocess.run([open3d, str(script), str(folder), str(kept)], check=True)
    with np.load(kept) as file:
        return {name: file[name] for name in ("poses", "vertices", "faces", "cpu")}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--open3d", help="interpreter with open3d 0.19 and opencv")
    parser.add_argument(
        "--data", type=Path, help="folder for walks and outputs, from which an interrupted run goes on"
    )
    parser.add_argument("--frames", type=int, default=200)
    options = parser.parse_args()
    earlier = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or Path(scratch)
        warm_up()
        poses, _, _, seconds = ours(FIVE)
        error = aligned(poses, list(read_scan(FIVE).poses))[2]
        results["Open3D, 5 frames"] = {"lift3d": error | {"seconds": round(seconds, 1)}}
        write(results)
        for name in rgbd_walks.ROOMS:
            made = rgbd_walks.walk(name, options.frames)
            if not (data / name / "groundtruth.txt").is_file():
                rgbd_walks.write_tum(data / name, made)
            truth = [np.linalg.inv(c.world_to_camera) for c in made.cameras]
            points = true_points(made)
            rows = results.setdefault(f"{name}, {options.frames} frames", {})
            for program in ("lift3d", "Open3D"):
                found = outcome(program, data / name, options.open3d)
                if found is None:
                    known_row = earlier.get(f"{name}, {options.frames} frames", {}).get(program)
                    if known_row is not None:
                        rows[program] = known_row
                        write(results)
                    continue
                known = [p if np.isfinite(p).all() else None for p in found["poses"]]
                r, t, error = aligned(known, truth)
                v, f = found["vertices"].astype(np.float64), found["faces"]
                rows[program] = error | surface_score(v @ r.T + t, f, made, points)
                rows[program] |= {"seconds": round(float(found["cpu"][0]), 1), "triangles": len(f)}
                print(json.dumps({name: {program: rows[program]}}), flush=True)
                write(results)


def write(results: dict[str, Any]) -> None:
    """Write the results so far and their table."""
    measures = {
        "placed": "frames placed",
        "ate_mm": "trajectory, mm",
        "ate_percent": "% of the way",
        "accuracy_mm": "accuracy, mm",
        "completeness_mm": "completeness, mm",
        "f_2cm": "F at 2 cm",
        "seconds": "processor s",
    }
    rows = [
        [scan, program, *(values.get(m) for m in measures)]
        for scan, programs in results.items()
        for program, values in programs.items()
    ]
    note = (
        "Rendered walks with the noise of a Kinect; poses are estimated. Trajectory: root mean square distance of the cameras "
        "after a rigid alignment. Accuracy and completeness: mean distance from and to the true surface, cut at 0.2 m. "
        "Processor seconds up to the surface, without texture. Open3D: its reconstruction system "
        "(`benchmarks/rgbd_open3d.py`; without it, its row of an earlier run on the same frames). The study was "
        "not used to choose the method. For the five frames the given trajectory is the reference."
    )
    table = {"columns": ["scan", "program", *measures.values()], "rows": rows, "note": note}
    RESULTS.write_text(json.dumps({**results, "table": table}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
