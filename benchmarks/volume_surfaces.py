"""Surfaces of volumes against analytic bodies, whether they are solid, and a large CT: writes results/volume_surfaces.json.

    python benchmarks/volume_surfaces.py [--no-large] [--no-peers]

Five oblique bodies are sampled at three spacings, at four positions of the grid each. Volume errors are signed means, against the
volume of the voxels; normal errors are means over the area, against the gradient of the body's distance. The edges of the box are
left out of its normals up to a voxel diagonal, since a label map does not have them. The threshold is that of
half the value, of voxels whose values are the fractions of them inside the body, as CT averages. For scale: the same label maps
through marching tetrahedra with `constrained_smooth`, and scikit-image's marching cubes. The large CT is made up: 512 x 512 x 800
voxels of int16 with a spine, ribs, a pelvis, a skull and long bones in soft tissue with noise; time and peak memory are of a
process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.geometry.surface.smoothing import constrained_smooth
from lift3d.geometry.volume.surfaces import labels_to_surfaces, threshold_to_surface
from lift3d.geometry.volume.thresholds import NAMED, Threshold
from lift3d.types import Labels, Volume

HERE = Path(__file__).resolve().parent
Body = Callable[[np.ndarray], np.ndarray]
TURN = Rotation.from_rotvec([0.4, -0.7, 0.55]).as_matrix()
SPACINGS = {"1 mm": (1.0, 1.0, 1.0), "0.8 x 0.8 x 3 mm": (0.8, 0.8, 3.0), "1 x 1 x 5 mm": (1.0, 1.0, 5.0)}
SHIFTS = ((0.31, 0.17, 0.43), (0.05, 0.62, 0.11), (0.77, 0.41, 0.88), (0.5, 0.93, 0.66))
HALF = 36.0


def _capsule(p: np.ndarray) -> np.ndarray:
    q = p.copy()
    q[..., 2] = np.sign(p[..., 2]) * np.maximum(np.abs(p[..., 2]) - 18, 0)
    return np.linalg.norm(q, axis=-1) - 9


def _box(p: np.ndarray) -> np.ndarray:
    q = np.abs(p) - [24, 15, 10]
    return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(-1), 0)


BODIES: dict[str, Body] = {
    "sphere": lambda p: np.linalg.norm(p, axis=-1) - 24,
    "torus": lambda p: np.hypot(np.hypot(p[..., 0], p[..., 1]) - 22, p[..., 2]) - 9,
    "shell of 2 mm": lambda p: np.abs(np.linalg.norm(p, axis=-1) - 24) - 1,
    "capsule": _capsule,
    "box": _box,
}


def turned(body: Body) -> Body:
    """The body, oblique to the grid."""
    return lambda p: body(p @ TURN)


def grid(spacing: tuple[float, ...], shift: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(places of the voxel centres (I, J, K, 3), affine)."""
    n = [int(np.ceil(2 * HALF / s)) for s in spacing]
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-HALF + s * t for s, t in zip(spacing, shift)]
    index = np.stack(np.meshgrid(*[np.arange(k) for k in n], indexing="ij"), -1)
    return index @ affine[:3, :3].T + affine[:3, 3], affine


def partial_volumes(
    body: Body, places: np.ndarray, distance: np.ndarray, sizes: tuple[float, ...]
) -> np.ndarray:
    """(I, J, K) int16: 1000 times the fraction of each voxel inside the body, from 6 x 6 x 6 points."""
    values = np.where(distance < 0, 1000, 0).astype(np.int16)
    mixed = np.abs(distance) < np.linalg.norm(sizes) / 2
    offsets = [(np.arange(6) + 0.5) / 6 * s - s / 2 for s in sizes]
    total = np.zeros(int(mixed.sum()))
    for a in offsets[0]:
        for b in offsets[1]:
            for c in offsets[2]:
                total += body(places[mixed] + [a, b, c]) < 0
    values[mixed] = np.rint(total / 216 * 1000)
    return values


def score(body: Body, v: np.ndarray, f: np.ndarray, skip: float = 0.0) -> tuple[float, float, float]:
    """(volume in mm^3, mean normal error in degrees, mean distance in mm); skip: distance from the edges of the box."""
    t = v[f]
    normal = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    area = np.linalg.norm(normal, axis=1) / 2
    volume = np.einsum("ij,ij->", t[:, 0], normal) / 6
    centre = t.mean(1)
    step = 1e-4
    gradient = np.stack([body(centre + step * e) - body(centre - step * e) for e in np.eye(3)], -1)
    gradient /= np.maximum(np.linalg.norm(gradient, axis=1, keepdims=True), 1e-12)
    angle = np.degrees(np.arccos(np.clip((normal * gradient).sum(1) / np.maximum(2 * area, 1e-12), -1, 1)))
    weight = area.copy()
    if skip:
        q = np.sort(np.abs(centre @ TURN) - [24, 15, 10], axis=1)
        weight[q[:, 1] > -skip] = 0
    return (
        float(volume),
        float((angle * weight).sum() / weight.sum()),
        float(np.average(np.abs(body(centre)), weights=area)),
    )


def tetrahedra(ids: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marching tetrahedra with constrained smoothing in voxels."""
    v, f = marching_tetrahedra(1 - ids.astype(np.float32), 0.5)
    return constrained_smooth(v, f) @ affine[:3, :3].T + affine[:3, 3], f


def cubes(ids: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Marching cubes of scikit-image on the label map as it is."""
    from skimage.measure import marching_cubes

    v, f, _, _ = marching_cubes(np.pad(ids, 1).astype(np.float32), 0.5)
    return (v - 1) @ affine[:3, :3].T + affine[:3, 3], f[:, ::-1] if _inside_out(v, f) else f


def _inside_out(v: np.ndarray, f: np.ndarray) -> bool:
    return bool(np.einsum("ij,ij->", v[f[:, 0]], np.cross(v[f[:, 1]], v[f[:, 2]])) < 0)


def bodies(peers: bool) -> tuple[list[list[Any]], dict[str, int]]:
    """(rows of the table, number of meshes and of solid ones)."""
    rows, solid = [], {"meshes": 0, "solid": 0}
    for name, plain in BODIES.items():
        body = turned(plain)
        for spacing, sizes in SPACINGS.items():
            results: dict[str, list[tuple[float, float]]] = {}
            count = []
            for shift in SHIFTS:
                places, affine = grid(sizes, shift)
                distance = body(places)
                ids = (distance < 0).astype(np.uint8)
                one = labels_to_surfaces(Labels.of(ids, affine))[1]
                values = partial_volumes(body, places, distance, sizes)
                other = threshold_to_surface(Volume.of(values, affine), Threshold(500))
                meshes = {
                    "labels": (one.mesh.vertices, one.mesh.faces),
                    "threshold": (other.mesh.vertices, other.mesh.faces),
                }
                if peers:
                    meshes["tetrahedra"], meshes["cubes"] = tetrahedra(ids, affine), cubes(ids, affine)
                count.append(ids.sum() * np.prod(sizes))
                for key, (v, f) in meshes.items():
                    volume, angle, _ = score(
                        body,
                        np.asarray(v),
                        np.asarray(f),
                        float(np.linalg.norm(sizes)) if name == "box" else 0,
                    )
                    voxels = other.voxel_ml * 1000 if key == "threshold" else count[-1]
                    results.setdefault(key, []).append((100 * (volume / voxels - 1), angle))
                    if key in ("labels", "threshold"):
                        report = inspect_arrays(np.asarray(v), np.asarray(f))
                        solid["meshes"] += 1
                        solid["solid"] += (
                            report.closed
                            and report.oriented
                            and report.positive_volume
                            and report.no_self_intersection
                        )
            row: list[Any] = [name, spacing]
            for key in ("labels", "threshold", "tetrahedra", "cubes"):
                if key in results:
                    volume, angle = np.mean(results[key], axis=0)
                    row.append(f"{volume:+.2f} % / {angle:.1f}°")
            rows.append(row)
            print(row, flush=True)
    return rows, solid


def noise(count: int = 300) -> dict[str, int]:
    """How many label maps of random labels, of random affines, give only solids."""
    solid = {"maps": count, "meshes": 0, "solid": 0}
    for seed in range(count):
        rng = np.random.default_rng(seed)
        ids = rng.integers(0, rng.integers(2, 7), rng.integers(2, 9, 3)).astype(np.uint8)
        if not ids.any():
            continue
        affine = np.eye(4)
        while True:
            affine[:3, :3] = rng.normal(size=(3, 3)) * np.exp(rng.normal(size=3) * 0.5)
            if np.linalg.cond(affine[:3, :3]) < 20:
                break
        affine[:3, 3] = rng.normal(size=3) * 100
        for one in labels_to_surfaces(Labels.of(ids, affine)).values():
            report = inspect_arrays(np.asarray(one.mesh.vertices), np.asarray(one.mesh.faces))
            solid["meshes"] += 1
            solid["solid"] += (
                report.closed and report.oriented and report.positive_volume and report.no_self_intersection
            )
    return solid


def made_up_ct(shape: tuple[int, int, int] = (512, 512, 800)) -> Volume:
    """A trunk with a spine, 12 pairs of ribs, a pelvis, a skull, two femora, of cortical and spongy bone, with noise."""
    spacing = np.array([0.75, 0.75, 1.0])
    low = tuple(n // 4 for n in shape)
    axes = [np.linspace(0, (n - 1) * s, m).astype(np.float32) for n, s, m in zip(shape, spacing, low)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    cx, cy = axes[0][-1] / 2, axes[1][-1] / 2
    bone = np.hypot(x - cx, y - cy - 60) - 17 + 3 * np.cos(z * 2 * np.pi / 30)  # spine
    for k in range(12):
        ring = np.hypot((x - cx) / 1.35, y - cy) - 85 - 2 * k
        bone = np.minimum(bone, np.hypot(ring, z - 420 - 18 * k + 0.35 * (y - cy)) - 5)
    bone = np.minimum(
        bone, np.abs(np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + ((z - 735) / 1.05) ** 2) - 60) - 4
    )  # skull
    for side in (-1, 1):
        wing = np.sqrt((x - cx - side * 60) ** 2 + (y - cy - 20) ** 2 + (z - 250) ** 2)
        bone = np.minimum(bone, np.maximum(np.abs(wing - 55) - 5, -side * (x - cx - side * 50)))  # pelvis
        bone = np.minimum(bone, np.hypot(x - cx - side * 90, y - cy) - 15 + np.maximum(z - 200, 0))  # femora
    body = np.hypot((x - cx) / 1.3, y - cy) - 125 + 0 * z
    soft = np.where(body < 0, 40, -1000).astype(np.float32)
    values = np.empty(shape, np.int16)
    rng = np.random.default_rng(0)
    texture = rng.normal(0, 160, (64, *shape[1:])).astype(np.float32)
    position = np.linspace(0, low[0] - 1, shape[0])
    u, w = (np.linspace(0, m - 1, n) for m, n in zip(low[1:], shape[1:]))
    j, k = np.minimum(u.astype(int), low[1] - 2), np.minimum(w.astype(int), low[2] - 2)
    a, b = (u - j).astype(np.float32)[:, None], (w - k).astype(np.float32)[None]

    def plane(field: np.ndarray) -> np.ndarray:
        rows = field[j] * (1 - a) + field[j + 1] * a
        return rows[:, k] * (1 - b) + rows[:, k + 1] * b

    for i, at in enumerate(position):
        p = min(int(at), low[0] - 2)
        t = np.float32(at - p)
        d = plane(bone[p] * (1 - t) + bone[p + 1] * t)
        base = plane(soft[p] * (1 - t) + soft[p + 1] * t)
        cortex = np.clip(1 - np.abs(d + 1.5) / 2.5, 0, 1) * 1100
        spongy = np.where(d < -2, 200 + texture[i % 64], 0)
        values[i] = base + np.where(base > -500, np.maximum(cortex, spongy), 0) + texture[(i * 7) % 64] * 0.12
    affine = np.diag([*(-spacing[:2]), spacing[2], 1.0])
    return Volume.of(values, affine, "HU")


def large() -> None:
    """Mesh the large CT in this process and print a JSON line."""
    volume = made_up_ct()
    warm = np.zeros((6, 6, 6), np.int16)
    warm[2:4, 2:4, 2:4] = 500
    threshold_to_surface(Volume.of(warm, np.eye(4), "HU"), NAMED["bone"])  # loads the kernels
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.monotonic()
    one = threshold_to_surface(volume, NAMED["bone"])
    seconds = time.monotonic() - start
    print(
        json.dumps(
            {
                "seconds": round(seconds, 1), "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
                "before_gb": round(base / 2**20, 2), "triangles": len(one.mesh.faces), "parts": one.parts,
                "bone_ml": round(one.volume_ml, 1), "voxels_ml": round(one.voxel_ml, 1),
            }
        )
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="only the large CT, in this process")
    parser.add_argument("--no-large", action="store_true")
    parser.add_argument("--no-peers", action="store_true")
    args = parser.parse_args()
    if args.large:
        large()
        return
    rows, solid = bodies(not args.no_peers)
    random = noise()
    result: dict[str, Any] = {"solids": solid, "random_labels": random}
    note = (
        f"Volume error against the volume of the voxels / mean normal error. {solid['solid']} of {solid['meshes']} meshes of "
        f"labels and thresholds are closed, oriented and without self-intersection; of {random['meshes']} meshes of "
        f"{random['maps']} maps of random labels with random affines, {random['solid']}."
    )
    if not args.no_large:
        out = subprocess.run(
            [sys.executable, __file__, "--large"], capture_output=True, text=True, check=True
        ).stdout
        result["large"] = json.loads(out.splitlines()[-1])
        note += (
            f" A made-up CT of 512 x 512 x 800 voxels to bone: {result['large']['seconds']} s, {result['large']['peak_gb']} GB "
            f"with the CT, {result['large']['triangles'] / 1e6:.1f} million triangles."
        )
    columns = ["body", "spacing", "labels", "threshold of values"]
    if not args.no_peers:
        columns += ["labels, marching tetrahedra smoothed in voxels", "labels, marching cubes"]
    result["table"] = {"columns": columns, "rows": rows, "note": note}
    print(note)
    (HERE / "results" / "volume_surfaces.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
