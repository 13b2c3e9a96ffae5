"""Masks of objects and photographs that the network has not seen in training.

    python benchmarks/masks.py [--data ../shared/data] [--look sheet.png]

The pictures of ../shared/data/images with transparency define the true masks; each is composited onto crops of photographs
(a table top, a workshop, rooms), at five positions and sizes, with slight noise. The baseline is OpenCV's GrabCut (Rother et al.
2004) from a centred box of 90 % of each side. Writes results/masks.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.metrics.iou import iou
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.types import Image

HERE = Path(__file__).resolve().parent
SIDE, TRIES = 512, 5


def backgrounds(data: Path) -> list[np.ndarray]:
    """Photographs, none of which is part of the corpus."""
    files = [*sorted((data / "multiview/buddha").rglob("*.jpg"))[::9], *sorted((data / "stereo").rglob("*.png"))[:1],
             *sorted((data / "rgbd").rglob("color/*.jpg")), *sorted((data / "rgbd").rglob("*.ppm"))]  # fmt: skip
    held = []
    for path in files:
        picture = np.asarray(Pil.open(path).convert("RGB"))
        if min(picture.shape[:2]) >= 300:
            held.append(picture)
    return held


def cut_out(path: Path) -> bool:
    """Whether the picture defines the object by transparency; a few pictures are opaque, on grey."""
    picture = Pil.open(path)
    return "A" in picture.getbands() and picture.getchannel("A").getextrema()[0] < 10


def composed(path: Path, behind: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A composite (512, 512, 3) and its true mask (512, 512)."""
    thing = Pil.open(path).convert("RGBA")
    box = thing.getbbox()
    thing = thing.crop(thing.split()[3].getbbox() or box)
    size = rng.uniform(0.5, 0.9) * SIDE / max(thing.size)
    thing = thing.resize([max(1, round(x * size)) for x in thing.size], Pil.Resampling.LANCZOS)
    back = behind[rng.integers(len(behind))]
    h, w = back.shape[:2]
    side = int(min(h, w) * rng.uniform(0.6, 1))
    y, x = rng.integers(h - side + 1), rng.integers(w - side + 1)
    canvas = Pil.fromarray(back[y : y + side, x : x + side]).resize((SIDE, SIDE), Pil.Resampling.LANCZOS)
    at = tuple(int(rng.uniform(0.2, 0.8) * (SIDE - s)) for s in thing.size)
    canvas.paste(thing, at, thing)
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    cut = np.asarray(thing.split()[3])
    alpha[at[1] : at[1] + thing.height, at[0] : at[0] + thing.width] = cut
    noisy = np.asarray(canvas, np.float64) + rng.normal(0, 4, (SIDE, SIDE, 3))
    return noisy.clip(0, 255).astype(np.uint8), alpha > 127


def grabcut(rgb: np.ndarray) -> np.ndarray:
    """The mask by OpenCV's GrabCut, five iterations from a box with a margin of 5 % at each side."""
    mask = np.zeros(rgb.shape[:2], np.uint8)
    edge = round(0.05 * SIDE)
    box = (edge, edge, SIDE - 2 * edge, SIDE - 2 * edge)
    cv2.setRNGSeed(0)
    cv2.grabCut(
        rgb[..., ::-1].copy(), mask, box, np.zeros((1, 65)), np.zeros((1, 65)), 5, cv2.GC_INIT_WITH_RECT
    )
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared/data")
    parser.add_argument("--weights", default=None)
    parser.add_argument("--look", type=Path, default=None, help="a sheet: photo, network, GrabCut")
    args = parser.parse_args()
    behind = backgrounds(args.data)
    things = [path for path in sorted((args.data / "images").rglob("*.png")) if cut_out(path)]
    find = ImageToMask(args.weights)
    rows, tiles = [], []
    for number, path in enumerate(things):
        for k in range(TRIES):
            rgb, truth = composed(path, behind, np.random.default_rng([number, k]))
            started = time.perf_counter()
            try:
                said = find(Image(rgb, path.name), Context()).mask
            except CaptureError:
                said = None
            seconds = time.perf_counter() - started
            ours = iou(said, truth) if said is not None else 0.0
            started = time.perf_counter()
            cut = grabcut(rgb)
            rows.append([ours, iou(cut, truth), seconds, time.perf_counter() - started, said is None])
            if k == 0:
                shown = [
                    rgb,
                    *(
                        np.where(m[..., None], rgb, 255)
                        for m in (said if said is not None else cut * False, cut)
                    ),
                ]
                tiles.append(
                    np.concatenate(
                        [
                            np.asarray(Pil.fromarray(np.asarray(x, np.uint8)).resize((160, 160)))
                            for x in shown
                        ],
                        1,
                    )
                )
    table = np.array(rows, float)
    result = {
        "pictures": len(table), "things": len(things), "photographs": len(behind),
        "network": {"iou": table[:, 0].mean(), "median": float(np.median(table[:, 0])), "seconds": float(np.median(table[:, 2])),
                    "nothing_found": int(table[:, 4].sum()), "under_0.8": int((table[:, 0] < 0.8).sum())},
        "grabcut": {"iou": table[:, 1].mean(), "median": float(np.median(table[:, 1])), "seconds": float(np.median(table[:, 3]))},
    }  # fmt: skip
    n, g = result["network"], result["grabcut"]
    result["table"] = {
        "columns": ["mask", "IoU, mean", "IoU, median", "seconds"],
        "rows": [["the network", f"{n['iou']:.3f}", f"{n['median']:.3f}", f"{n['seconds']:.2f}"],
                 ["GrabCut from a centred box", f"{g['iou']:.3f}", f"{g['median']:.3f}", f"{g['seconds']:.2f}"]],
        "note": f"{len(things)} objects, each composited five times in front of {len(behind)} photographs; "
        f"no object found in {n['nothing_found']}.",
    }  # fmt: skip
    (HERE / "results/masks.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    if args.look:
        tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % 4)
        per = len(tiles) // 4
        Pil.fromarray(
            np.concatenate([np.concatenate(tiles[i * per : (i + 1) * per], 0) for i in range(4)], 1)
        ).save(args.look)


if __name__ == "__main__":
    main()
