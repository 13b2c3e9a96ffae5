"""Wall time and peak memory of runs of the command line, and the time of one depth map.

    python benchmarks/speed.py [--only NAME ...] [--cache FOLDER]

Each run is its own process; kernels are compiled beforehand (`numba` caches them). The depth kernel is compared with the same
cost in torch (grid_sample); the comparison is the reason for numba. Times of peers were measured on a machine of the same type:
pycolmap + OpenMVS 12 + 191 s for 11 photos; one map: OpenMVS 16 s, PatchmatchNet 5-7 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
BUDDHA = HERE.parent / "../shared/data/multiview/buddha"


def run(photos: Path, out: Path, *options: str) -> dict[str, Any]:
    """Time and memory of one run of `lift3d reconstruct`."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "lift3d", "reconstruct", str(photos), "-o", str(out), "--quiet", *options],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    wall = time.perf_counter() - start
    if done.returncode:
        return {"wall_s": wall, "error": done.stderr.strip()}
    report = json.loads(out.with_suffix(".report.json").read_text())
    steps = {s["name"]: round(s["seconds"], 1) for s in report["run"]["steps"]}
    return {
        "wall_s": wall,
        "peak_gib": report["run"]["peak_memory"] / 2**30,
        "steps": steps,
        "kind": report["kind"],
    }


def one_map() -> dict[str, float]:
    """Seconds of a depth map at 1024x768 with 4 source views; and of one cost of all pixels in numba and torch."""
    from lift3d.geometry.camera.orbit import look_at
    from lift3d.geometry.image.pyramid import halve
    from lift3d.geometry.stereo import patchmatch
    from lift3d.maps.images_to_depths import photo_depth

    rng = np.random.default_rng(0)
    target = np.zeros(3)
    cameras = [
        look_at(np.array([2.5 * np.cos(a), 2.5 * np.sin(a), 1.0]), target, 1024, 768, 1100.0, 0.0)
        for a in (0, 0.17, -0.17, 0.34, -0.34)
    ]
    base = np.kron(rng.uniform(0, 255, (96, 128)), np.ones((8, 8))) + rng.uniform(-20, 20, (768, 1024))
    pyramids = []
    for shift in range(5):
        grey = np.roll(base, 7 * shift, 1).astype(np.float32)
        pyramids.append([grey, halve(grey), halve(halve(grey))])
    photo_depth(pyramids, cameras, (1.0, 5.0))
    start = time.perf_counter()
    for seed in range(3):
        photo_depth(pyramids, cameras, (1.0, 5.0), seed=seed)
    result = {"map_s": (time.perf_counter() - start) / 3}
    photos = patchmatch.prepare_photos([p[0] for p in pyramids], cameras, 2)
    planes = np.zeros((3, 768, 1024), np.float32)
    cost, chosen = np.empty((768, 1024), np.float32), np.empty((768, 1024), np.uint8)
    span = np.float32(0.2), np.float32(1.0)
    patchmatch.initialise_planes(photos, planes, cost, chosen, views=3, tries=1, span=span, seed=0)
    start = time.perf_counter()
    patchmatch.initialise_planes(photos, planes, cost, chosen, views=3, tries=8, span=span, seed=0)
    result["cost_of_all_pixels_numba_s"] = (time.perf_counter() - start) / 9
    try:
        import torch
    except ImportError:
        return result
    import torch.nn.functional as F

    images = [torch.from_numpy(p[0])[None, None] for p in pyramids]
    grid = torch.rand(1, 768, 1024 * patchmatch.WINDOW_SAMPLES, 2) * 1.8 - 0.9
    window = torch.rand(768, 1024, patchmatch.WINDOW_SAMPLES)
    with torch.inference_mode():
        for repeat in range(2):
            start = time.perf_counter()
            for image in images[1:]:
                s = F.grid_sample(image, grid, align_corners=False).view(768, 1024, patchmatch.WINDOW_SAMPLES)
                mean = (window * s).sum(-1)
                _ = (window * s * s).sum(-1) - mean * mean
            if repeat:
                result["cost_of_all_pixels_torch_s"] = time.perf_counter() - start
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=["map", "photos24", "buddha13", "buddha67"])
    parser.add_argument("--cache", type=Path, default=HERE / ".cache")
    options = parser.parse_args()
    out = options.cache / "speed"
    out.mkdir(parents=True, exist_ok=True)
    file = HERE / "results" / "speed.json"
    results = json.loads(file.read_text())["runs"] if file.exists() else {}
    for name in options.only:
        if name == "map":
            results[name] = one_map()
        elif name == "photos24":
            from rendered_sets import rendered_set

            folder = out / "photos24"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for photo in rendered_set("spot", cache=options.cache).photos[:24]:
                shutil.copy(photo, folder)
            results[name] = run(folder, out / "photos24.glb")
        elif name == "buddha13":
            results[name] = run(BUDDHA / "color", out / "buddha13.glb", "--size", "1024")
        else:
            results[name] = run(BUDDHA / "gray", out / "buddha67.glb", "--memory", "4GB")
        results[name]["load"] = round(os.getloadavg()[0], 2)
        print(name, results[name], flush=True)
        goals = {"photos24": (95, None), "buddha13": (60, 3), "buddha67": (360, 4)}
        titles = {
            "photos24": "24 photos of 800x600", "buddha13": "13 colour Buddha photos at 1024 px",
            "buddha67": "67 grey Buddha photos at 1368x770",
        }  # fmt: skip
        rows: list[list[Any]] = []
        for key, title in titles.items():
            x = results.get(key)
            if x is None:
                continue
            goal = f"{goals[key][0]} s" + (f", {goals[key][1]} GB" if goals[key][1] else "")
            peak = round(x["peak_gib"], 2) if "peak_gib" in x else None
            steps = ", ".join(f"{k} {v}" for k, v in x.get("steps", {}).items()) or x.get("error", "")
            rows.append([title, round(x["wall_s"], 1), peak, goal, steps])
        if "map" in results:
            x = results["map"]
            rows.append(["one depth map, 1024x768, 4 source views", round(x["map_s"], 2), None, "2.5 s", ""])
            text = f"numba {x['cost_of_all_pixels_numba_s']:.3f}"
            if "cost_of_all_pixels_torch_s" in x:
                text += f", torch {x['cost_of_all_pixels_torch_s']:.3f}"
            rows.append(
                [
                    "one matching cost for all pixels",
                    round(x["cost_of_all_pixels_numba_s"], 3),
                    None,
                    "",
                    text,
                ]
            )
        table = {
            "columns": ["run", "seconds", "peak GiB", "goal", "seconds per step"],
            "rows": rows,
            "note": "Two cores, no GPU. For comparison, on such a machine: pycolmap + OpenMVS 203 s for 11 photos; "
            "one depth map by OpenMVS 16 s, by PatchmatchNet 5-7 s.",
        }
        file.write_text(json.dumps({"table": table, "runs": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
