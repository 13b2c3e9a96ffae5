"""Depth of six real photos with measured depth, none of which was used for training or for choosing a network.

    python benchmarks/depth.py [--data ../shared/data] [--weights RUN] [--look sheet.png]

Frames of NYUv2, SUN RGB-D, TUM and Open3D's sequence (the first and the last), and Middlebury's motorcycle. Scale and shift are
fitted by least squares of inverse depth to the measured pixels of each frame. Baselines: a constant, and the image row (the
lower, the nearer), fitted in the same way. Writes results/depth.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from lift3d.geometry.metrics.depth import aligned_errors
from lift3d.maps.image_to_depth import ImageToDepth
from lift3d.pipelines.pictures.depth import coloured, inverse_codes
from lift3d.types import Image
from lift3d.weights import find

HERE = Path(__file__).resolve().parent
MOTORCYCLE = (994.978, 193.001, 31.086)
"""Focal length in pixels, baseline in mm, and offset of the disparities in pixels."""


def frames(data: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, photo (H, W, 3) uint8, and depth (H, W) in metres, 0 where unknown."""

    def photo(path: Path) -> np.ndarray:
        return np.asarray(Pil.open(path).convert("RGB"))

    single = data / "rgbd/single_frames"
    raw = read_pgm(single / "NYU_depth.pgm").astype(np.float64)
    with np.errstate(divide="ignore"):
        z = 351.3 / (1092.5 - raw)  # the Kinect's raw disparity
    yield "NYU", photo(single / "NYU_color.ppm"), np.where((z > 0.3) & (z < 10), z, 0)
    codes = np.asarray(Pil.open(single / "SUN_depth.png")).astype(np.uint16)
    yield "SUN", photo(single / "SUN_color.jpg"), ((codes >> 3) | (codes << 13)) / 1000
    yield "TUM", photo(single / "TUM_color.png"), np.asarray(Pil.open(single / "TUM_depth.png")) / 5000
    sequence = data / "rgbd/open3d_sequence"
    pairs = list(zip(sorted((sequence / "color").iterdir()), sorted((sequence / "depth").iterdir())))
    for k in (0, len(pairs) - 1):
        yield f"Open3D {k}", photo(pairs[k][0]), np.asarray(Pil.open(pairs[k][1])) / 1000
    focal, base, offset = MOTORCYCLE
    disparity = np.load(data / "stereo/motorcycle/motorcycle_disp.npz")
    d = disparity[disparity.files[0]].astype(np.float64)
    known = np.isfinite(d) & (d > 0)
    z = np.where(known, focal * base / 1000 / (np.where(known, d, 1) + offset), 0)
    yield "motorcycle", photo(data / "stereo/motorcycle/motorcycle_left.png"), z


def read_pgm(path: Path) -> np.ndarray:
    """(H, W) uint16 of a binary PGM as its bytes stand, little-endian."""
    data = path.read_bytes()
    words, at = [], 0
    while len(words) < 4:
        end = next(i for i in range(at, len(data)) if data[i : i + 1].isspace())
        words.append(data[at:end])
        at = end + 1
    width, height = int(words[1]), int(words[2])
    return np.frombuffer(data, "<u2", width * height, at).reshape(height, width)


def main() -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared/data")
    parser.add_argument("--weights")
    parser.add_argument("--look", type=Path)
    parser.add_argument("--baselines", action="store_true", help="only the baselines")
    options = parser.parse_args()
    scores: dict[str, list[tuple[float, float]]] = {}
    names, tiles, seconds = [], [], []
    for name, rgb, depth in frames(options.data):
        names.append(name)
        height, width = depth.shape
        rows = np.broadcast_to(np.arange(height, dtype=float)[:, None], (height, width))
        found = {"a constant": np.zeros((height, width)), "the image row": rows}
        if not options.baselines:
            start = time.perf_counter()
            z = ImageToDepth(options.weights)(Image(rgb, name)).z
            seconds.append(time.perf_counter() - start)
            found["lift3d"] = 1 / z.astype(np.float64)
            side = [rgb, coloured(inverse_codes(z)), coloured(inverse_codes(depth.astype(np.float32)))]
            tiles.append(np.concatenate([np.asarray(Pil.fromarray(x).resize((320, 240))) for x in side], 1))
        for which, inverse in found.items():
            scores.setdefault(which, []).append(tuple(aligned_errors(inverse, depth)))
    table = [
        [which, *(f"{a:.3f} / {d:.3f}" for a, d in [*rows, tuple(np.mean(rows, 0))])]
        for which, rows in scores.items()
    ]
    for row in [["", *names, "mean"], *table]:
        print("  ".join(f"{x:<15}" for x in row))
    if options.look and tiles:
        Pil.fromarray(np.concatenate(tiles)).save(options.look)
    if options.baselines or options.weights:
        return
    print(f"{1000 * float(np.median(seconds)):.0f} ms a photo")
    result = {
        "weights": find("image_to_depth").sha256,
        "scores": {which: np.round(rows, 4).tolist() for which, rows in scores.items()}, "frames": names,
        "table": {
            "columns": ["absolute relative error / fraction within 1.25", *names, "mean"], "rows": table,
            "note": "Scale and shift are fitted in inverse depth to the measured pixels of each frame.",
        },
    }  # fmt: skip
    (HERE / "results/depth.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
