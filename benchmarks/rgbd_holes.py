"""Holes cut into measured depth frames, filled by `--fill-holes` and by the depth network fitted to what was measured.

    python benchmarks/rgbd_holes.py [--data ../shared/data]

Frames of a Kinect (TUM, SUN RGB-D) and of Open3D's rendered sequence. Discs of one radius are cut into known depth. The membrane
is `geometry.rgbd.hole_filling`; the network is `image_to_depth`, whose inverse depth is fitted by scale and shift to that of all
pixels that remain (least absolute values), once for the frame and once around each disc. Errors are those of the pixels that
the membrane fills. Writes benchmarks/results/rgbd_holes.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil
from scipy.ndimage import label

from lift3d.geometry.rgbd.hole_filling import filled_frame
from lift3d.io.rgbd.scan import read_scan
from lift3d.maps.image_to_depth import ImageToDepth
from lift3d.types import Camera, Depth, Image, RgbdFrame

HERE = Path(__file__).resolve().parent
RADII, DISCS, WINDOW = (4, 8, 16), 25, 24
"""Radii of the discs in pixels, discs of each frame, pixels around a disc to which the network is fitted."""


def frames(data: Path) -> dict[str, RgbdFrame]:
    """Frames by name."""
    camera = Camera(640, 480, 525.0, 525.0, 320.0, 240.0, np.eye(4))
    single = data / "rgbd" / "single_frames"
    tum = np.asarray(Pil.open(single / "TUM_depth.png")).astype(np.float32) / 5000
    codes = np.asarray(Pil.open(single / "SUN_depth.png")).astype(np.uint16)
    sun = ((codes >> 3) | (codes << 13)).astype(np.float32) / 1000
    out = {}
    for name, picture, z in (("TUM", "TUM_color.png", tum), ("SUN RGB-D", "SUN_color.jpg", sun)):
        pixels = np.asarray(Pil.open(single / picture).convert("RGB").resize((640, 480)), np.uint8)
        out[name] = RgbdFrame(Image(pixels, name), camera, Depth(np.where(z < 10, z, np.float32(0)), camera))
    scan = read_scan(data / "rgbd" / "open3d_sequence")
    return out | {f"Open3D, frame {k}": scan.frames[k] for k in (0, 4)}


def fitted(prediction: np.ndarray, measured: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Inverse depth a * prediction + b with the least sum of absolute differences to `measured` where `known`."""
    x, y = prediction[known], measured[known]
    weight = np.ones_like(x)
    a, b = 0.0, 0.0
    for _ in range(15):
        a, b = np.polyfit(x, y, 1, w=np.sqrt(weight))
        weight = 1 / np.maximum(np.abs(a * x + b - y), 1e-3)
    return np.asarray(a * prediction + b)


def around_discs(
    prediction: np.ndarray, measured: np.ndarray, known: np.ndarray, cut: np.ndarray
) -> np.ndarray:
    """`fitted`, for each connected part of `cut` to the pixels around it."""
    out = fitted(prediction, measured, known)
    parts, count = label(cut)
    for k in range(1, count + 1):
        rows, columns = np.nonzero(parts == k)
        box = np.s_[
            max(rows.min() - WINDOW, 0) : rows.max() + WINDOW,
            max(columns.min() - WINDOW, 0) : columns.max() + WINDOW,
        ]
        if known[box].sum() > 100:
            here = fitted(prediction[box], measured[box], known[box])
            out[box][parts[box] == k] = here[parts[box] == k]
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    data = parser.parse_args().data
    rng = np.random.default_rng(0)
    errors: dict[tuple[int, str], list[np.ndarray]] = {}
    shares: dict[int, list[float]] = {}
    seconds: list[float] = []
    network = ImageToDepth()
    for name, frame in frames(data).items():
        z = frame.depth.z
        found = network(frame.image).z
        inverse = np.where(found > 0, 1 / np.maximum(found, 1e-6), 0)
        if inverse.shape != z.shape:
            inverse = np.asarray(Pil.fromarray(inverse.astype(np.float32)).resize(z.shape[::-1], 2))
        rows, columns = np.mgrid[: z.shape[0], : z.shape[1]]
        centres = np.argwhere(z > 0)
        for radius in RADII:
            cut = np.zeros(z.shape, bool)
            for row, column in centres[rng.choice(len(centres), DISCS, replace=False)]:
                cut |= np.hypot(rows - row, columns - column) < radius
            holed = np.where(cut, np.float32(0), z)
            clock = time.process_time()
            filled = filled_frame(
                RgbdFrame(frame.image, frame.camera, Depth(holed, frame.depth.camera))
            ).depth
            seconds.append(time.process_time() - clock)
            assert filled.propagated is not None
            tested, known = cut & (z > 0) & filled.propagated, (holed > 0) & (inverse > 0)
            shares.setdefault(radius, []).append(float(tested.sum() / (cut & (z > 0)).sum()))
            measured = np.where(holed > 0, 1 / np.maximum(holed, 1e-6), 0)
            results = {
                "filled from the border": filled.z,
                "network, fitted to the frame": 1 / np.maximum(fitted(inverse, measured, known), 1e-3),
                "network, fitted around the hole": 1
                / np.maximum(around_discs(inverse, measured, known, cut), 1e-3),
            }
            for method, result in results.items():
                error = np.abs(result[tested] - z[tested]) / z[tested]
                errors.setdefault((radius, method), []).append(error)
        print(name, flush=True)
    table_rows: list[list[Any]] = []
    for (radius, method), found_errors in errors.items():
        median, high = 100 * np.quantile(np.concatenate(found_errors), [0.5, 0.9])
        share = f"{np.mean(shares[radius]):.0%}" if method.startswith("filled") else ""
        table_rows.append([2 * radius, method, share, round(float(median), 2), round(float(high), 2)])
    note = (
        f"Discs cut into frames of a Kinect (TUM, SUN RGB-D) and of Open3D's sequence, {DISCS} in each. Relative error of the "
        "depth at the pixels that are filled from the border; the noise of the measured depth is part of it. The other pixels "
        f"of the discs would bridge two surfaces and stay unknown. Filling a frame takes {np.median(seconds):.2f} s of "
        "processor time."
    )
    columns = ["hole, pixels wide", "method", "filled", "median error, %", "90th percentile, %"]
    table = {"columns": columns, "rows": table_rows, "note": note}
    path = HERE / "results" / "rgbd_holes.json"
    path.write_text(json.dumps({"table": table}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(table_rows, indent=0))


if __name__ == "__main__":
    main()
