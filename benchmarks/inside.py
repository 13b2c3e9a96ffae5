"""Occupancy of damaged solids against that of the undamaged solids: 500 analytic solids with the defects of game meshes.

    python benchmarks/inside.py [--count 500] [--resolution 64]

Each solid has an analytic formula; its mesh gets holes, duplicate and inverted faces, intersecting parts, or no floor. The
baseline is a flood fill from outside. Writes results/inside.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from lift3d.geometry.metrics.iou import iou
from lift3d.geometry.voxels.inside_test import inside_mask

HERE = Path(__file__).resolve().parent
Field = Callable[[np.ndarray], np.ndarray]
"""Points (N, 3) to True inside."""


def solid(rng: np.random.Generator) -> tuple[str, list[trimesh.Trimesh], Field]:
    """A random solid: its name, the closed parts of its mesh, which may intersect, and its formula."""
    kind = str(
        rng.choice(["box", "ball", "cylinder", "cone", "torus", "cup", "table", "crossing", "house", "ring"])
    )
    a, b, c = rng.uniform(0.25, 0.9, 3)
    if kind == "box":
        return kind, [trimesh.creation.box((2 * a, 2 * b, 2 * c))], lambda p: (np.abs(p) < [a, b, c]).all(1)
    if kind == "ball":
        mesh = trimesh.creation.icosphere(4)
        mesh.apply_scale([a, b, c])
        return kind, [mesh], lambda p: ((p / [a, b, c]) ** 2).sum(1) < 1
    if kind == "cylinder":
        mesh = trimesh.creation.cylinder(a, 2 * c, sections=96)
        return kind, [mesh], lambda p: (np.hypot(p[:, 0], p[:, 1]) < a) & (np.abs(p[:, 2]) < c)
    if kind == "cone":
        mesh = trimesh.creation.cone(a, 2 * c, sections=96)
        return (
            kind,
            [mesh],
            lambda p: (p[:, 2] > 0) & (np.hypot(p[:, 0], p[:, 1]) < a * (1 - p[:, 2] / (2 * c))),
        )
    if kind == "torus":
        r = 0.4 * a
        mesh = trimesh.creation.torus(a, r, major_sections=96, minor_sections=48)
        return kind, [mesh], lambda p: (np.hypot(p[:, 0], p[:, 1]) - a) ** 2 + p[:, 2] ** 2 < r * r
    if kind == "ring":
        w = 0.55 * a
        mesh = trimesh.creation.annulus(w, a, 2 * c, sections=96)
        radius = lambda p: np.hypot(p[:, 0], p[:, 1])  # noqa: E731
        return kind, [mesh], lambda p: (radius(p) < a) & (radius(p) > w) & (np.abs(p[:, 2]) < c)
    if kind == "cup":
        wall = 0.3 * a
        profile = np.array([[0, 0], [a, 0], [a, 1.2], [a - wall, 1.2], [a - wall, wall], [0, wall]])
        mesh = trimesh.creation.revolve(profile, sections=96)

        def cup(p: np.ndarray) -> np.ndarray:
            r = np.hypot(p[:, 0], p[:, 1])
            return (r < a) & (p[:, 2] > 0) & (p[:, 2] < 1.2) & ~((r < a - wall) & (p[:, 2] > wall))

        return kind, [mesh], cup
    boxes: list[tuple[np.ndarray, np.ndarray]]
    if kind == "table":
        leg = 0.12
        boxes = [(np.array([-a, -b, 0.6]), np.array([a, b, 0.75]))]
        boxes += [
            (np.array([x - leg, y - leg, 0]), np.array([x + leg, y + leg, 0.65]))
            for x in (-a + leg, a - leg)
            for y in (-b + leg, b - leg)
        ]
    elif kind == "house":
        boxes = [(np.array([-a, -b, 0]), np.array([a, b, c]))]
        boxes += [(np.array([-0.2, -0.2, 0.5 * c]), np.array([0.2, 0.2, c + 0.5]))]
    else:
        boxes = [
            (-np.array([a, 0.3, 0.3]), np.array([a, 0.3, 0.3])),
            (-np.array([0.25, b, 0.4]), np.array([0.25, b, 0.2])),
        ]
    parts = [trimesh.creation.box(bounds=np.array(box)) for box in boxes]
    return kind, parts, lambda p: np.any([((p > lo) & (p < hi)).all(1) for lo, hi in boxes], axis=0)


def spoil(
    parts: list[trimesh.Trimesh], kind: str, rng: np.random.Generator
) -> tuple[str, np.ndarray, np.ndarray]:
    """Vertices and faces of all parts, subdivided and damaged, and a description of the damage."""
    fine = []
    for part in parts:
        v, f = trimesh.remesh.subdivide_to_size(part.vertices, part.faces, max_edge=0.12, max_iter=12)
        fine.append(trimesh.Trimesh(v, f, process=False))
    mesh = trimesh.util.concatenate(fine)
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    how = str(rng.choice(["holes", "turned", "doubled", "shells", "floorless", "loose", "all"]))
    if how == "floorless" and kind not in ("box", "house", "cylinder", "cone"):
        how = "holes"
    centre, normal = v[f].mean(1), mesh.face_normals
    if how == "floorless":
        floor = centre[:, 2] < centre[:, 2].min() + 1e-9
        f = f[~(floor & (normal[:, 2] < -0.9))]
    if how in ("holes", "all"):
        for _ in range(rng.integers(1, 5)):
            at = v[f].mean(1)
            f = f[np.linalg.norm(at - at[rng.integers(len(at))], axis=1) > rng.uniform(0.05, 0.2)]
    if how in ("turned", "all"):
        turned = rng.random(len(f)) < rng.uniform(0.05, 0.5)
        f = np.where(turned[:, None], f[:, ::-1], f)
    if how in ("doubled", "all"):
        twice = f[rng.random(len(f)) < rng.uniform(0.3, 1.0)]
        f = np.concatenate([f, twice[:, ::-1]])
    if how == "shells":  # a second surface just inside with inverted faces, as for two-sided rendering
        inner = v - 0.004 * mesh.vertex_normals
        f = np.concatenate([f, f[:, ::-1] + len(v)])
        v = np.concatenate([v, inner])
    if how in ("loose", "all"):
        v, f = v[f].reshape(-1, 3), np.arange(3 * len(f)).reshape(-1, 3)
    return how, v, f.astype(np.int32)


def grid(v: np.ndarray, resolution: int) -> tuple[np.ndarray, float, np.ndarray]:
    """Origin, step and the points (N, 3) of voxel centres of a cube around the mesh with a margin of two voxels."""
    low, high = v.min(0), v.max(0)
    step = float((high - low).max()) / (resolution - 4)
    origin = (low + high) / 2 - step * (resolution - 1) / 2
    index = np.stack(np.meshgrid(*[np.arange(resolution)] * 3, indexing="ij"), -1).reshape(-1, 3)
    return origin, step, origin + step * index


def flood(v: np.ndarray, f: np.ndarray, origin: np.ndarray, step: float, resolution: int) -> np.ndarray:
    """Baseline: voxels that a flood fill from outside does not reach, without half of the surface voxels."""
    from scipy.ndimage import label

    mesh = trimesh.Trimesh(v, f, process=False)
    points = trimesh.sample.sample_surface(mesh, 400_000, seed=0)[0]
    full = np.zeros((resolution,) * 3, bool)
    index = np.round((points - origin) / step).astype(int)
    full[tuple(index.T)] = True
    parts, _ = label(~full)
    return np.asarray(parts != parts[0, 0, 0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--resolution", type=int, default=64)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    n = options.resolution
    rows: list[dict[str, Any]] = []
    for number in range(options.count):
        kind, parts, formula = solid(rng)
        how, v, f = spoil(parts, kind, rng)
        turn = Rotation.from_rotvec(rng.normal(size=3) * rng.choice([0, 1])).as_matrix()
        v = v @ turn.T
        origin, step, points = grid(v, n)
        truth = formula(points @ turn).reshape(n, n, n)
        start = time.perf_counter()
        mine = inside_mask(v, f, origin, step, (n, n, n))
        seconds = time.perf_counter() - start
        row = {"kind": kind, "how": how, "faces": len(f), "iou": iou(mine, truth), "seconds": seconds}
        if number % 5 == 0:
            row["flood"] = iou(flood(v, f, origin, step, n), truth)
        rows.append(row)
    table: list[list[Any]] = []
    for how in sorted({r["how"] for r in rows}):
        group = [r for r in rows if r["how"] == how]
        floods = [r["flood"] for r in group if "flood" in r]
        table.append([how, len(group), round(float(np.mean([r["iou"] for r in group])), 4),
                      round(float(np.quantile([r["iou"] for r in group], 0.05)), 4),
                      round(float(np.mean(floods)), 3) if floods else ""])  # fmt: skip
    scores = np.array([r["iou"] for r in rows])
    table.append(["all", len(rows), round(float(scores.mean()), 4), round(float(np.quantile(scores, 0.05)), 4),
                  round(float(np.mean([r["flood"] for r in rows if "flood" in r])), 3)])  # fmt: skip
    for line in table:
        print(*line)
    for r in sorted(rows, key=lambda r: r["iou"])[:12]:
        print(r)
    print("seconds", np.mean([r["seconds"] for r in rows[1:]]))
    (HERE / "results").mkdir(exist_ok=True)
    out = {"table": {"columns": ["damage", "solids", "IoU", "5th percentile", "flood fill IoU"], "rows": table},
           "seconds_mean": float(np.mean([r["seconds"] for r in rows[1:]]))}  # fmt: skip
    (HERE / "results" / "inside.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
