"""A segmentation network on cases that it has not learned from, beside the mean label map of those that it has.

    python benchmarks/segmentation.py TASK DATA [--weights RUN]

TASK: hippocampus; DATA: its folder with images/ and labels/. Writes results/segmentation_TASK.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

import lift3d.weights as store
from lift3d.evaluate.interface import Request
from lift3d.evaluate.segmentation import evaluate_segmentation

HERE = Path(__file__).resolve().parent
NAMES = {"network": "lift3d", "mean_label_map": "mean label map"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task")
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights")
    given = parser.parse_args()
    weights = given.weights or f"segmentation_{given.task}"
    request = Request("segmentation", corpus=given.data, pictures=given.data, weights=weights, split="val")
    found = evaluate_segmentation(request).table
    labels = list(found["network"])
    columns = [
        "method",
        *(f"{label}: Dice / HD95 mm" for label in labels if isinstance(found["network"][label], dict)),
    ]
    print(json.dumps(found, indent=1)[:1500])
    rows, scores = [], {}
    for key, name in NAMES.items():
        one = {label: value for label, value in found[key].items() if isinstance(value, dict)}
        rows.append([name, *(f"{v['dice']:.3f} / {v['hd95']:.2f}" for v in one.values())])
        scores[name] = {
            f"{short}_{label}": round(v[short], 4) for label, v in one.items() for short in ("dice", "hd95")
        }
    digest = hashlib.sha256(store.pack(store.load_tensors(weights))).hexdigest()
    held = f"{found['cases']} crops that were held back, with which the step of the training was chosen"
    result = {
        "table": {"columns": columns, "rows": rows, "note": f"{held}; {found['seconds']:.2f} s each on two cores."},
        "weights": digest, "measured_on": held, "metrics": scores.pop("lift3d"), "baselines": scores,
        "by_case": {case: np.round(list(by.values()), 4).tolist() for case, by in found["by_case"].items()},
    }  # fmt: skip
    (HERE / "results" / f"segmentation_{given.task}.json").write_text(json.dumps(result, indent=1) + "\n")
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
