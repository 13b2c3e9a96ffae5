"""The table of `image_to_voxels` on the test split of the corpus, as `lift3d evaluate` measures it.

    python benchmarks/solids.py CORPUS PICTURES [--plain RUN] [--weights RUN] [--limit N] [--look FOLDER] [--quick]

The table in docs/benchmarks.md: --plain RUN --limit 240 --search 4 --spoilt 100.

--quick: a search among every eighth training image, thresholds on 60 images, and corruptions on about 50.

Writes results/solids.json and results/faults.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch

from lift3d.evaluate import image_to_voxels as voxels
from lift3d.evaluate.interface import Request

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--plain", default=None)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--look", type=Path, default=None)
    parser.add_argument(
        "--search", type=int, default=voxels.GALLERY_STRIDE, help="search every N-th training picture"
    )
    parser.add_argument(
        "--spoilt",
        type=int,
        default=voxels.CORRUPTED_PICTURES,
        help="approximate number of pictures on which corruptions are measured",
    )
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    voxels.GALLERY_STRIDE, voxels.CORRUPTED_PICTURES = args.search, args.spoilt
    if args.quick:
        voxels.GALLERY_STRIDE, voxels.VALIDATION_PICTURES, voxels.CORRUPTED_PICTURES = 8, 60, 50
    torch.set_num_threads(os.cpu_count() or 1)
    started = time.monotonic()
    last = [0.0]

    def progress(name: str, fraction: float) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            print(f"{name} {fraction:.0%}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        out = args.look or Path(folder)
        request = Request(
            "image-to-voxels", args.corpus, args.pictures, args.weights, args.plain, "test", args.limit, out,
            print, progress,
        )  # fmt: skip
        evaluation = voxels.evaluate_image_to_voxels(request).write(out)
        result = evaluation.table
    print("\n".join(evaluation.lines))
    rows = []
    for name, row in result["rows"].items():
        c, o, i = row["categories"], row["objects"], row["interval"]
        rows.append(
            [name, f"{c['iou32']:.3f}", f"{c['iou64']:.3f} ({i['iou64'][0]:.3f}-{i['iou64'][1]:.3f})",
             f"{c['f1']:.3f} ({i['f1'][0]:.3f}-{i['f1'][1]:.3f})", f"{c['chamfer']:.4f}", f"{c['normals']:.3f}",
             f"{c['depth_mae']:.3f}", f"{row['up_median']:.1f}", f"{c['upright_iou64']:.3f}",
             f"{o['iou64']:.3f}", f"{o['f1']:.3f}"]
        )  # fmt: skip
    columns = ["method, one image of each test shape", "IoU 32", "IoU 64", "F at 1 %", "Chamfer", "normals", "depth MAE",
               "up error, median °", "IoU 64, upright", "IoU 64, per object", "F, per object"]  # fmt: skip
    note = (
        f"{result['pictures']} shapes of families not seen in training, in the camera frame of the image, the "
        "depth of the centre given. Means over categories, with 95 % intervals by bootstrap over families; last two columns: "
        "means over objects. "
        f"Thresholds are chosen on {result['chosen_on']} images of the validation set; "
        f"{result['searched']} training images "
        f"is searched for the nearest. Upright: each rotated by its own predicted up axis. "
        f"Error of the camera's own up axis: {result['identity_up']:.1f} degrees. "
        f"Lengths in units of the longest side. Computed in {(time.monotonic() - started) / 60:.0f} minutes."
    )
    result["table"] = {"columns": columns, "rows": rows, "note": note}
    (HERE / "results/solids.json").write_text(json.dumps(result, indent=1) + "\n")
    faults = result["robustness"]
    table = {
        "columns": ["corruption", "IoU 64", "drop"],
        "rows": [[k, f"{v:.3f}", f"{faults['none'] - v:.3f}"] for k, v in faults.items()],
        "note": "Means over objects; src/lift3d/evaluate/corruptions.py defines the corruptions.",
    }
    (HERE / "results/faults.json").write_text(json.dumps({"table": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
