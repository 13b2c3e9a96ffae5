"""Estimated cameras against published ones: the Buddha photos, grey (67) and colour (13, wide baselines).

    python benchmarks/cameras.py [--sets grey,colour]

The published cameras are used only for evaluation: both camera paths are aligned by a similarity of their centres.
Rotation errors are in degrees, centre errors in percent of the diameter of the published path.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from scipy.spatial.distance import pdist

from lift3d.context import Context
from lift3d.geometry.metrics.points import umeyama
from lift3d.maps.images_to_cameras import NAME, ImagesToCameras
from lift3d.types import Image, Photos, Views

DATA = Path(__file__).resolve().parents[1] / "../shared/data/multiview/buddha"
RESULTS = Path(__file__).resolve().parent / "results" / "cameras.json"
SETS = {"grey": ("cameras_gray.json", 1368), "colour": ("cameras_color.json", 1024)}


def load(which: str) -> tuple[Photos, dict[str, Any]]:
    """The photos at working size and the given camera entries by name."""
    file, size = SETS[which]
    entries = json.loads((DATA / file).read_text(encoding="utf-8"))["images"]
    images = []
    for entry in entries:
        picture = Pillow.open(DATA / entry["file"]).convert("RGB")
        if max(picture.size) > size:
            scale = size / max(picture.size)
            wanted = (round(picture.width * scale), round(picture.height * scale))
            picture = picture.resize(wanted, Pillow.Resampling.LANCZOS)
        images.append(Image(np.asarray(picture).copy(), name=entry["file"]))
    return Photos(tuple(images)), {entry["file"]: entry for entry in entries}


def camera_errors_after_alignment(views: Views, given: dict[str, Any]) -> dict[str, float]:
    """Errors after a similarity alignment of the centres."""
    rotation = np.array([given[image.name]["R"] for image in views.images])
    centre = np.array([-np.array(g["R"]).T @ np.array(g["t"]) for g in (given[i.name] for i in views.images)])
    path = np.array([-np.array(g["R"]).T @ np.array(g["t"]) for g in given.values()])
    found = np.array([camera.centre for camera in views.cameras])
    s, r, t = umeyama(found, centre)
    off = 100 * np.linalg.norm(s * found @ r.T + t - centre, axis=1) / pdist(path).max()
    trace = np.array([np.trace(c.R @ r.T @ truth.T) for c, truth in zip(views.cameras, rotation)])
    angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    return {
        "rotation_median_deg": round(float(np.median(angle)), 4),
        "rotation_max_deg": round(float(angle.max()), 4),
        "centre_median_percent": round(float(np.median(off)), 4),
        "centre_max_percent": round(float(off.max()), 4),
    }


def measure(which: str, seed: int) -> dict[str, Any]:
    """One row of the table."""
    photos, given = load(which)
    context = Context(seed=seed)
    wall, cpu = time.perf_counter(), time.process_time()
    views = ImagesToCameras()(photos, context)
    report = context.report[NAME]
    return {
        "photos": len(photos),
        "size": [photos.images[0].width, photos.images[0].height],
        "registered": len(views),
        **camera_errors_after_alignment(views, given),
        "points": len(views.points),
        "observations": len(views.observations),
        "reprojection_error_px": report["reprojection_error"],
        "track_length": report["track_length"],
        "left_out": [row for row in report["photos"] if row["status"] != "registered"],
        "wall_s": round(time.perf_counter() - wall, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "load_at_end": round(os.getloadavg()[0], 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for which in options.sets.split(","):
        rows[which] = measure(which, options.seed)
        print(which, json.dumps(rows[which], indent=1))
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
