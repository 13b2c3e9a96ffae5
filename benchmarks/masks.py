"""Masks of objects and photographs that the network has not seen in training, without prompts, with a click and with a box.

    python benchmarks/masks.py [--data ../shared/data] [--cache ~/.cache/lift3d] [--set objects|others] [--look sheet.png]

The pictures are those of mask_sets.py. The click is the point of the object farthest from its edge, the box that of the true
mask. The baseline is OpenCV's GrabCut (Rother et al. 2004), five iterations from a centred box of 90 % of each side, or from
the true box. Writes results/masks.json; rows that are not measured again are kept, such as that of an earlier network.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from scipy import ndimage

import mask_sets
from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.image.prompt_maps import Prompts
from lift3d.geometry.metrics.iou import iou
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.types import Image
from lift3d.weights import find

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results/masks.json"
ROWS = {
    "network": "lift3d", "click": "lift3d, one click", "box": "lift3d, the true box",
    "before": "lift3d before, without a backbone", "grabcut": "GrabCut from a centred box",
    "grabcut_box": "GrabCut from the true box",
}  # fmt: skip
SETS = {"objects": "first set", "others": "other pictures and photographs", "busy": "the busy half of them"}


def prompts_of(mask: np.ndarray) -> dict[str, Prompts]:
    """No prompt, a click and the true box."""
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(distance.argmax()), mask.shape)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
    return {"network": Prompts(), "click": Prompts(((x + 0.5, y + 0.5),)), "box": Prompts(box=box)}


def grabcut(rgb: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """The mask by OpenCV's GrabCut, five iterations from a box (x, y, width, height)."""
    import cv2  # of the extra bench; the package does not need it

    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.setRNGSeed(0)
    cv2.grabCut(
        rgb[..., ::-1].copy(), mask, box, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT
    )
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


def measure(
    picture: mask_sets.Composite, weights: str | None, baselines: bool
) -> dict[str, tuple[np.ndarray, float]]:
    """The mask and the seconds of every method; an empty mask where no object is found."""
    out = {}
    prompts = prompts_of(picture.mask)
    for row, given in prompts.items():
        started = time.perf_counter()
        try:
            found = ImageToMask(weights, given)(Image(picture.rgb, picture.name), Context()).mask
        except CaptureError:
            found = None
        seconds = time.perf_counter() - started
        out[row] = (found if found is not None else np.zeros(picture.mask.shape, bool), seconds)
    if not baselines:
        return out
    side, edge = mask_sets.SIDE, round(0.05 * mask_sets.SIDE)
    x0, y0, x1, y1 = (int(v) for v in prompts["box"].box or ())
    for row, box in (
        ("grabcut", (edge, edge, side - 2 * edge, side - 2 * edge)),
        ("grabcut_box", (x0, y0, x1 - x0, y1 - y0)),
    ):
        started = time.perf_counter()
        out[row] = (grabcut(picture.rgb, box), time.perf_counter() - started)
    return out


def summary(scores: dict[str, list[float]], seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Mean and median IoU, the number of masks below 0.8, and the median seconds of every method."""
    return {
        row: {
            "iou": float(np.mean(values)), "median": float(np.median(values)),
            "under_0.8": int((np.array(values) < 0.8).sum()), "seconds": float(np.median(seconds[row])),
        }
        for row, values in scores.items()
    }  # fmt: skip


def table_of(result: dict) -> dict:
    """The table of the documentation."""
    rows = []
    for row, title in ROWS.items():
        cells = [result["sets"].get(name, {}).get(row) for name in SETS]
        if any(cells):
            shown = [f"{c['iou']:.3f} / {c['median']:.3f}" if c else "" for c in cells]
            timed = next(c for c in cells if c)
            rows.append([title, *shown, f"{timed['seconds']:.2f}" if "seconds" in timed else ""])
    counts = result["pictures"]
    return {
        "columns": ["IoU, mean / median", *SETS.values(), "seconds"],
        "rows": rows,
        "note": "First set: 32 objects, each five times over 16 photographs. Others: "
        f"{counts.get('others', 0)} pictures of painted figures and rendered models over photographs, half of them busy.",
    }


def tile(picture: mask_sets.Composite, masks: list[np.ndarray]) -> np.ndarray:
    """The photo beside its cut-outs on white."""
    shown = [picture.rgb, *(np.where(m[..., None], picture.rgb, 255) for m in masks)]
    small = [np.asarray(Pil.fromarray(np.asarray(x, np.uint8)).resize((160, 160))) for x in shown]
    return np.concatenate(small, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared/data")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/lift3d")
    parser.add_argument("--weights", default=None)
    parser.add_argument("--set", choices=("objects", "others"), default=None)
    parser.add_argument("--without-baselines", action="store_true", help="keep the scores of GrabCut")
    parser.add_argument(
        "--look", type=Path, default=None, help="a sheet: photo, without prompt, click, box; the worst first"
    )
    args = parser.parse_args()
    old = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    digest = find(args.weights if args.weights is not None else "image_to_mask").sha256
    result = {"sets": old.get("sets", {}), "pictures": old.get("pictures", {}), "weights": digest}
    sources = {
        "objects": lambda: mask_sets.first_set(args.data),
        "others": lambda: mask_sets.second_set(args.data, args.cache),
    }
    looked = []
    for name, source in sources.items():
        if args.set not in (None, name):
            continue
        rows: dict[str, dict[str, list[float]]] = {}
        times: dict[str, dict[str, list[float]]] = {}
        count = 0
        for picture in source():
            count += 1
            masks = measure(picture, args.weights, not args.without_baselines)
            for group in (name, *(["busy"] if picture.name.endswith("busy") else [])):
                for row, (mask, seconds) in masks.items():
                    rows.setdefault(group, {}).setdefault(row, []).append(iou(mask, picture.mask))
                    times.setdefault(group, {}).setdefault(row, []).append(seconds)
            if args.look:
                shown = [masks[row][0] for row in ("network", "click", "box")]
                looked.append((iou(shown[0], picture.mask), tile(picture, shown)))
        for group, scores in rows.items():
            result["sets"][group] = result["sets"].get(group, {}) | summary(scores, times[group])
        result["pictures"][name] = count
    result["table"] = table_of(result)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["table"], indent=1))
    if args.look:
        looked.sort(key=lambda pair: pair[0])
        columns = 3
        tiles = [one for _, one in looked[: len(looked) // columns * columns]]
        rows_of = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
        Pil.fromarray(np.concatenate(rows_of, 0)).save(args.look)


if __name__ == "__main__":
    main()
