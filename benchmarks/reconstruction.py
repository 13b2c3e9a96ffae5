"""Photos to a textured solid, end to end, on the rendered sets: geometry, depth maps, texture, time and memory.

    python benchmarks/reconstruction.py [--only NAME ...] [--cache FOLDER] [--keep FOLDER]

Each set runs in its own process; wall time counts from the start of this process. Writes results/geometry.json, depths.json and
texture.json. Each reconstruction is compared, on the same cameras, with the visual hull of the true masks, with the Poisson
surface of the sparse points (where open3d is installed), and with the reconstruction of the same model at a quarter of its
contrast.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

START = float(os.environ.get("LIFT3D_BENCH_START", time.time()))
HERE = Path(__file__).resolve().parent
NAMES = ("spot", "monkey", "avocado", "armchair", "building", "vase")


def one(name: str, cache: Path, out: Path) -> dict[str, Any]:
    """Reconstruct one set, score it and its baselines."""
    from lift3d.geometry.camera.projection import project
    from lift3d.geometry.camera.similarity import transform_views
    from lift3d.mapping import Mapping
    from lift3d.pipelines.reconstruct import reconstruct
    from lift3d.pipelines.reconstruction.multi_view import multi_view_mappings
    from lift3d.pipelines.reconstruction.options import Options
    from rendered_sets import rendered_set
    from scoring import align_cameras, depth_score, refine, score, surface_score
    from texture import coverage_of_seen

    class Tap(Mapping):  # type: ignore[type-arg]
        """A mapping that stores the result of another mapping."""

        def __init__(self, inner: Any) -> None:
            self.inner, self.card, self.result = inner, inner.card, None

        def apply(self, source: Any, context: Any) -> Any:
            self.result = self.inner.apply(source, context)
            return self.result

    taps: dict[str, Any] = {}

    def tapped(options: Any, photos: Any) -> Any:
        mappings = multi_view_mappings(options, photos)
        taps.update({name: Tap(getattr(mappings, name)) for name in ("cameras", "depths", "texture")})
        return replace(mappings, **taps)

    base, _, faint = name.partition("_")
    truth = rendered_set(base, bool(faint), cache)
    outcome = reconstruct([truth.photo_folder], out / f"{name}.glb", Options(), make_mappings=tapped)
    wall = time.time() - START
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    views, maps, mesh = taps["cameras"].result, taps["depths"].result, taps["texture"].result
    model = (
        np.array(outcome.report["evidence"]["depths_to_mesh"]["world_from_model"])
        if "evidence" in outcome.report
        else None
    )
    if model is None:
        model = find(outcome.report, "world_from_model")
    local = transform_views(views, np.linalg.inv(np.array(model)), views.unit)
    names = [p.name for p in truth.photos]
    photos = [names.index(image.name) for image in views.images]
    result = score(mesh, list(local.cameras), photos, truth)
    true = [truth.cameras[i] for i in photos]
    rough = align_cameras(list(local.cameras), true)
    result["depth"] = depth_score(list(maps.depths), truth, photos, rough[0])
    steps = find(outcome.report, "steps") or {}
    result |= {"wall_s": wall, "peak_gib": peak, "faces": len(mesh.faces), "steps": steps}
    result["coverage_of_seen"] = coverage_of_seen(mesh, local)
    # baselines on the same cameras
    low, high = np.asarray(mesh.bounds)
    pad = 0.08 * np.linalg.norm(high - low)
    low, high = low - pad, high + pad
    hull = visual_hull(local.cameras, [truth.mask(i) for i in photos], low, high, project)
    result["hull"] = surface_score(hull, truth, refine(rough, hull, truth)).to_json()
    sparse = poisson(local, low, high)
    if sparse is not None:
        result["poisson"] = surface_score(sparse, truth, refine(rough, sparse, truth)).to_json()
    return result


def find(tree: Any, key: str) -> Any:
    """The first value of a key at any depth of a report."""
    if isinstance(tree, dict):
        if key in tree:
            return tree[key]
        for value in tree.values():
            found = find(value, key)
            if found is not None:
                return found
    return None


def visual_hull(cameras: Any, masks: Any, low: Any, high: Any, project: Any, nodes: int = 160) -> Any:
    """The volume inside all masks (Laurentini 1994)."""
    import trimesh
    from scipy.ndimage import gaussian_filter

    from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra

    step = float((high - low).max()) / nodes
    shape = tuple(np.ceil((high - low) / step).astype(int) + 1)
    grid = low + step * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)
    inside = np.ones(len(grid), bool)
    for camera, mask in zip(cameras, masks):
        uv, z = project(camera, grid)
        at = np.floor(uv * [mask.shape[1] / camera.width, mask.shape[0] / camera.height]).astype(np.int64)
        within = (z > 0) & (at >= 0).all(1) & (at[:, 0] < mask.shape[1]) & (at[:, 1] < mask.shape[0])
        at = np.clip(at, 0, [mask.shape[1] - 1, mask.shape[0] - 1])
        inside &= ~within | mask[at[:, 1], at[:, 0]]
    field = 0.5 - gaussian_filter(inside.reshape(shape).astype(np.float32), 0.7)
    v, f = marching_tetrahedra(field)
    return trimesh.Trimesh(low + step * v, f, process=False)


def poisson(views: Any, low: Any, high: Any) -> Any:
    """Screened Poisson (Kazhdan & Hoppe 2013, as in Open3D) of the sparse points in the box; None without open3d."""
    try:
        import open3d as o3d
    except ImportError:
        return None
    import trimesh

    xyz = views.points.xyz
    inside = ((xyz > low) & (xyz < high)).all(1)
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(xyz[inside]))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(16))
    normals = np.asarray(cloud.normals)
    first = np.zeros(len(xyz), np.int64)
    first[views.observations[:, 1]] = views.observations[:, 0]
    eyes = np.array([c.centre for c in views.cameras])[first[inside]]
    normals[((eyes - xyz[inside]) * normals).sum(1) < 0] *= -1
    cloud.normals = o3d.utility.Vector3dVector(normals)
    made, _ = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=7)
    made = made.crop(o3d.geometry.AxisAlignedBoundingBox(low, high))
    if len(made.triangles) == 0:
        return None
    return trimesh.Trimesh(np.asarray(made.vertices), np.asarray(made.triangles), process=False)


def r(value: Any, digits: int = 3) -> Any:
    return None if value is None else round(float(value), digits)


def tables(results: dict[str, Any]) -> None:
    """The three JSON files of the README."""
    load = f"load average at the end {os.getloadavg()[0]:.1f}"
    plain = [n for n in results if "_" not in n]
    faint = [n for n in results if "_" in n]
    columns = [
        "set",
        "F 1 %",
        "F 0.5 %",
        "hull F 1 %",
        "sparse Poisson F 1 %",
        "rotation °",
        "seconds",
        "GiB",
        "faces",
    ]
    rows = []
    for n in [*plain, "mean", *faint, "mean, faint"]:
        if n.startswith("mean"):
            group = faint if "faint" in n else plain
            if not group:
                continue
            mean = lambda pick, group=group: r(np.mean([pick(results[g]) for g in group]))  # noqa: E731
            rows.append([
                n, mean(lambda x: x["surface"]["f_1"]), mean(lambda x: x["surface"]["f_05"]), mean(lambda x: x["hull"]["f_1"]),
                mean(lambda x: x.get("poisson", {}).get("f_1", 0.0)), None, mean(lambda x: x["wall_s"]), None, None,
            ])  # fmt: skip
            continue
        x = results[n]
        rows.append([
            n, r(x["surface"]["f_1"]), r(x["surface"]["f_05"]), r(x["hull"]["f_1"]), r(x.get("poisson", {}).get("f_1")),
            r(x["cameras"]["rotation_deg"]), r(x["wall_s"], 1), r(x["peak_gib"], 2), x["faces"],
        ])  # fmt: skip
    note = (
        "26 rendered photos of 800x600 a set, cameras estimated, F-score of the surface visible in the photos; all outputs "
        f"closed and solid; 2 cores, {load}. `python benchmarks/reconstruction.py`"
    )
    write("geometry", {"table": {"columns": columns, "rows": rows, "note": note}, "sets": results})
    write("depths", {"table": {
        "columns": ["set", "within 0.5 % of true depth", "measured"],
        "rows": [[n, r(x["depth"]["within"]), r(x["depth"]["measured"])] for n, x in results.items()],
        "note": "Fractions of all pixels that show the object, over all depth maps of the set.",
    }})  # fmt: skip
    write("texture", {"table": {
        "columns": ["set", "PSNR dB", "PSNR with one gain per photo", "worst photo", "seen area textured"],
        "rows": [
            [
                n, r(x["texture"]["psnr"], 1), r(x["texture"]["psnr_gain"], 1), r(x["texture"]["worst"], 1),
                r(x.get("coverage_of_seen"), 4),
            ]
            for n, x in results.items() if "texture" in x
        ],
        "note": "Four photos per set are held out of the whole reconstruction and compared with renderings of the "
        "finished model. Seen area: of the finished model, by a separate depth test within 75 degrees.",
    }})  # fmt: skip


def write(name: str, value: Any) -> None:
    (HERE / "results" / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[*NAMES, *(f"{n}_faint" for n in NAMES)])
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    parser.add_argument("--keep", type=Path, default=HERE / ".cache" / "models")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.one:
        value = one(options.one, options.cache, options.keep)
        (options.keep / f"{options.one}.score.json").write_text(json.dumps(value, default=str))
        return
    from rendered_sets import rendered_set

    every = [*NAMES, *(f"{n}_faint" for n in NAMES)]
    file = HERE / "results" / "geometry.json"
    results = (
        json.loads(file.read_text())["sets"] if file.exists() else {}
    )  # sets that are not run retain their scores
    for name in options.only:
        base, _, faint = name.partition("_")
        rendered_set(base, bool(faint), options.cache)  # rendered beforehand, not counted
        environment = os.environ | {"LIFT3D_BENCH_START": str(time.time())}
        subprocess.run(
            [sys.executable, __file__, "--one", name, "--cache", options.cache, "--keep", options.keep],
            env=environment, check=True,
        )  # fmt: skip
        results[name] = json.loads((options.keep / f"{name}.score.json").read_text())
        x = results[name]
        print(
            f"{name}: F {x['surface']['f_1']:.3f} / {x['surface']['f_05']:.3f}, depth {x['depth']['within']:.3f}, "
            f"PSNR {x.get('texture', {}).get('psnr', 0):.1f}, {x['wall_s']:.0f} s, {x['peak_gib']:.2f} GiB",
            flush=True,
        )
        tables({n: results[n] for n in every if n in results})


if __name__ == "__main__":
    main()
