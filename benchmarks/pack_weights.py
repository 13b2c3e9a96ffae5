"""Write the best weights of a run to the package, in half precision, with their card.

    python benchmarks/pack_weights.py RUN NAME "COMMAND ..." [--note "how long, on what"] [--to FOLDER]

The card's scores come from benchmarks/results: run this script again after the benchmarks.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
from pathlib import Path

import numpy as np

import lift3d.weights as store
from lift3d.inference.backbone import ORIGIN
from lift3d.inference.embedding import space_of

HERE = Path(__file__).resolve().parent
DATA = (
    "pictures of the training split of lift3d's corpus: free shapes out of Debian packages, each with its licence and author in "
    "the corpus' ATTRIBUTION.csv (docs/data_and_licences.md)"
)
PHOTOGRAPHS = (
    "; photographs and cut-outs that lift3d corpus photographs collects out of Debian packages, each with its licence and author "
    "in their ATTRIBUTION.csv"
)
ROOMS = "; rendered rooms (lift3d corpus scenes) with shapes and textures of the training split of the corpus"
ON_BACKBONE = "; the backbone was pre-trained by Google on the photographs of ImageNet-1k"
SCENES = (
    "rendered rooms and places outdoors (lift3d corpus scenes) with shapes and textures of the training split of the corpus: "
    "free shapes out of Debian packages, each with its licence and author in the corpus' ATTRIBUTION.csv; the "
    "backbone was pre-trained by Google on the photographs of ImageNet-1k"
)
BACKBONE = "; fine-tuned from Google's weights of EfficientNet-Lite0 (Apache-2.0), pre-trained on ImageNet-1k"
FROZEN = "; on features of Google's weights of EfficientNet-Lite0 (Apache-2.0, ImageNet-1k), which are not in this file"
TASK = {
    "segmentation_hippocampus": "front and back part of the hippocampus in a crop of a T1 MR around it",
    "image_to_depth": "inverse depth, normals and focal length of a photo",
    "image_to_back": "colours of the far side of an object, and of its front without light, from a cut-out",
    "image_to_layers": "visible surface, thickness and normals of an object, from a cut-out",
    "image_to_mask": "segmentation of an object in a photo, with clicks and a box as prompts",
    "image_to_voxels": "occupancy of an object and its upright pose, from one to eight photos",
    "autoencoder": "compression of a voxelised shape to a latent code, and back",
    "flow": "generation of latent codes by category, by flow matching",
    "gan": "generation of latent codes by category, by a Wasserstein GAN",
    "voxels_to_label": "classification of a voxelised shape in any orientation",
    "embedding": "joint embedding of photos, models and text",
    "embedding_backbone": "joint embedding of photos, models and text, on a pre-trained backbone",
    "embedding_to_label": "classification of an embedding: of a photo, or of a model's views and solid",
    "points_to_voxels": "completion of a partial surface to an occupancy grid",
}
IMAGE, GRID = {"image_size": 128, "mean": 0.5, "std": 0.5}, {"grid_size": 64}
INPUT: dict[str, dict[str, object]] = {
    "segmentation_hippocampus": {"input": "a volume in canonical axes at the planned spacing, normalised"},
    "image_to_depth": {"input": "the photo, shorter side as in training", "mean": 127 / 255, "std": 128 / 255},
    "image_to_mask": {"input": "a square of the photo, and maps of clicks and a box", "mean": 127 / 255, "std": 128 / 255},
    "image_to_back": {"input": "a cut-out, sRGB and mask", "mean": 0.5, "std": 0.5},
    "image_to_layers": {"input": "a cut-out, sRGB and mask", "mean": 0.5, "std": 0.5},
    "image_to_voxels": {"input": "128 x 128 pixels, sRGB and mask, 1 to 8 images"} | IMAGE,
    "autoencoder": {"input": "64 x 64 x 64 voxels"} | GRID,
    "flow": {"input": "a category and Gaussian noise"},
    "gan": {"input": "a category and Gaussian noise"},
    "voxels_to_label": {"input": "64 x 64 x 64 voxels"} | GRID,
    "embedding": {"input": "128 x 128 pixels with mask, 64 x 64 x 64 voxels with colours, or text"} | IMAGE | GRID,
    "embedding_backbone": {
        "input": "160 x 160 pixels of a cut-out, or text", "image_size": 160, "mean": 127 / 255, "std": 128 / 255,
    },
    "embedding_to_label": {"input": "embedding vectors"},
    "points_to_voxels": {"input": "64 x 64 x 64 voxels"} | GRID,
}  # fmt: skip
FOLDERS = {"photographs": "photographs", "rooms": "scenes", "more": "made:made-256"}
"""Options of runs that name folders -> what the card has in their place."""
SHAPES = (
    "solids of the training split of lift3d's corpus: free shapes out of Debian packages, each with its licence and author in "
    "the corpus' ATTRIBUTION.csv (docs/data_and_licences.md)"
)


OWN = {
    "image_to_voxels": "network", "autoencoder": "autoencoder, 1024 numbers, encoded once", "flow": "flow",
    "gan": "gan", "voxels_to_label": "network",
    "embedding_to_label": "views, on the backbone",
    "embedding": "photo: views, solid and category",
    "embedding_backbone": "photo: all terms, on the backbone", "points_to_voxels": "network",
}  # fmt: skip
"""The row of its table in benchmarks/results that is the network's own."""
TABLE = {
    "image_to_depth": "depth", "image_to_layers": "layers",
    "image_to_mask": "masks", "image_to_voxels": "solids", "autoencoder": "shape_codes", "flow": "generation",
    "gan": "generation", "voxels_to_label": "classifier", "embedding_to_label": "classifier", "embedding": "embedding",
    "embedding_backbone": "embedding", "points_to_voxels": "completion",
}  # fmt: skip


MEDICAL = {
    "licence": "Apache-2.0, as lift3d; learned from data under CC BY-SA 4.0",
    "data": "45 of 57 crops of T1 MR with labels of the Medical Segmentation Decathlon, Task04 Hippocampus (Antonelli et al. "
    "2022; Vanderbilt University Medical Center), CC BY-SA 4.0",
}
"""Of the card of segmentation_hippocampus. Not a medical device."""


def test_scores(name: str, digest: str) -> dict[str, object]:
    """measured_on, metrics and baselines of the card, from the network's table; empty without a table of these weights."""
    path = HERE / "results" / f"{TABLE.get(name, name)}.json"
    if name.startswith("segmentation_"):
        table = json.loads(path.read_text()) if path.is_file() else {"weights": ""}
        keys = ("measured_on", "metrics", "baselines")
        return {key: table[key] for key in keys} if table["weights"] == digest else {}
    table = json.loads(path.read_text()) if path.is_file() else None
    if table is None or (name == "flow" and table["weights"] != digest):
        return {}
    if name == "image_to_depth":
        if table.get("weights") != digest:
            return {}
        means = {row: [float(x) for x in np.mean(one, 0).round(4)] for row, one in table["scores"].items()}
        named = {row: {"delta1": d, "abs_rel": a} for row, (a, d) in means.items()}
        metrics = named.pop("lift3d")
        return {"measured_on": "six real photos with measured depth", "metrics": metrics, "baselines": named}
    if name == "image_to_mask":
        if table.get("weights") != digest:
            return {}
        on = f"{table['pictures']['objects']} pictures of objects before photographs, none of them used in training"
        held = {row: round(one["iou"], 4) for row, one in table["sets"]["objects"].items()}
        metrics = {"iou": held["network"], "iou_click": held["click"], "iou_box": held["box"]}
        baselines = {"GrabCut": {"iou": held["grabcut"]}, "the network before": {"iou": held["before"]}}
        return {"measured_on": on, "metrics": metrics, "baselines": baselines}
    if name == "image_to_layers":
        if table.get("weights") != digest:
            return {}
        alone = {row: one for row, one in table["alone"].items() if isinstance(one, dict)}
        short = {
            row: {key: round(one[key], 4) for key in ("near", "thick", "cosine", "volume")}
            for row, one in alone.items()
        }
        metrics = short.pop("network")
        return {
            "measured_on": f"{table['pictures']} shapes of the test split",
            "metrics": metrics,
            "baselines": short,
        }
    if name == "points_to_voxels":
        rows: dict[str, dict[str, float]] = {}
        for way, held in table["rows"].items():
            for row, one in held.items():
                rows.setdefault(row, {})[f"f1_{way}"] = one["categories"]["f1"]
    else:
        rows = {row: scores_of(name, one) for row, one in table["rows"].items()}
    count = table.get("shapes", table.get("cases", table.get("pictures")))
    on = f"{count} shapes of the test split" if isinstance(count, int) else "shapes of the test split"
    rounded = {row: {key: round(value, 4) for key, value in one.items()} for row, one in rows.items()}
    metrics = rounded.pop(OWN[name], {})
    return {"measured_on": on, "metrics": metrics, "baselines": rounded}


def scores_of(name: str, row: dict) -> dict[str, float]:
    """The scores of one row of a table, the principal score first."""
    if name == "image_to_voxels":
        return {"iou": row["categories"]["iou64"], "f1": row["categories"]["f1"]}
    if name == "autoencoder":
        return {"iou": row["objects"]["iou"], "iou_by_category": row["categories"]["iou"], "f1": row["f"]}
    if name in ("flow", "gan"):
        return {"coverage": row["coverage"], "one_nna": row["one_nn"], "copies": row["copies"]}
    if name in ("embedding", "embedding_backbone"):
        told = row["objects"]
        return {"recall_1": told["first"], "recall_5": told["five"], "category_map": told["kin"]}
    up, rotated = row["none"], row["any"]
    return {
        "accuracy": up["accuracy"],
        "balanced_accuracy": up["balanced"],
        "accuracy_rotated": rotated["accuracy"],
    }


def more_of(name: str, told: dict) -> dict:
    """Keys that only some cards have: a threshold; categories and inference options (benchmarks/classifier.py)."""
    if name == "flow":
        out = {}
        for key, old, file in (
            ("guidance", "guidance", "guidance"), ("guidance_interval", "guided", "guidance"),
            ("start_time", "begin", "guidance"), ("uncertainty", "doubts", "among"),
        ):  # fmt: skip
            path = HERE / f"results/{file}.json"
            table = json.loads(path.read_text()) if path.is_file() else {}
            if old in table:
                out[key] = table[old]
        return out
    if name not in ("voxels_to_label", "embedding_to_label"):
        return {key: told[key] for key in ("threshold",) if key in told}
    held = HERE / "results/classifier.json"
    table = json.loads(held.read_text()) if held.is_file() else {}
    labels = {"labels": told["plan"]["data"]["labels"]}
    if name == "embedding_to_label":
        more = {"ensemble_weight": table.get("beside"), "pose": table.get("pose")}
        return labels | {key: value for key, value in more.items() if value is not None}
    return labels | {"inference": table.get("asked", {})}


def mix_of(name: str) -> dict[str, object]:
    """The similarity weights that the benchmark chose on the validation split."""
    told = HERE / "results/embedding.json"
    if name not in ("embedding", "embedding_backbone") or not told.is_file():
        return {}
    table = json.loads(told.read_text())
    table = table.get("backbone", {}) if name == "embedding_backbone" else table
    fields = {"kind": "category", "sharp": "sharpness"}
    return {
        key: {fields.get(field, field): value for field, value in table[old].items()}
        for key, old in (("similarity", "mix"), ("similarity_of_models", "mix_of_models"))
        if old in table
    }


def data_of(config: dict[str, object]) -> str:
    """Description of the training data of a run with this configuration."""
    if "embedding" in config or config.get("kind") == "backbone":
        return DATA
    if "scenes" in config:
        return SCENES
    if "rooms" in config:
        return (
            DATA
            + (PHOTOGRAPHS if config["photographs"] else "")
            + (ROOMS if config["rooms"] else "")
            + ON_BACKBONE
        )
    if not {"faults", "paste"} & set(config):
        return SHAPES
    return DATA + (PHOTOGRAPHS if config.get("photographs") else "")


def write_credits(path: Path, rows: list[list[str]]) -> None:
    """The attribution of the shapes that are stored in the weights, as their licences require."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("key", "name", "author", "licence"))
    table.writerows(rows)
    path.write_text(text.getvalue(), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name", choices=list(TASK))
    parser.add_argument("command")
    parser.add_argument("--note", default="")
    parser.add_argument(
        "--to",
        type=Path,
        default=store.FOLDER,
        help="a folder beside the package, for weights that are not finished",
    )
    parser.add_argument("--size", type=int, help="side of the input in pixels, if not that of the training")
    args = parser.parse_args()
    told = json.loads((args.run / "best.json").read_text())
    config = told["plan"]["config"]
    config |= {key: named for key, named in FOLDERS.items() if config.get(key)}
    tensors = {k: v for k, v in store.load_tensors(args.run).items() if not k.startswith("critic.")}
    data = store.pack(tensors)
    assert len(data) <= 16_000_000, f"{len(data)} bytes"
    card = {
        "mapping": told["plan"]["task"], "task": TASK[args.name], "config": told["plan"]["config"], **more_of(args.name, told),
        "parameters": sum(t.numel() for t in tensors.values()), **INPUT[args.name],
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0, as lift3d", "data": data_of(told["plan"]["config"]),
        "data_digest": told["plan"]["data"], "command": args.command,
        "step": told["step"], "note": args.note, "validation": {k: v for k, v in told.items() if isinstance(v, float)},
        **(MEDICAL if args.name.startswith("segmentation_") else {}),
        **test_scores(args.name, hashlib.sha256(data).hexdigest()), **mix_of(args.name),
    }  # fmt: skip
    if args.name in ("embedding", "embedding_backbone"):
        card["space"] = space_of(store.find(args.run))  # which classifiers that were trained on the run state
    if "side" in told["plan"]["config"]:
        card["image_size"] = told["plan"]["config"]["side"]
    if args.size:
        card["image_size"] = args.size
    if args.name in ("image_to_back", "image_to_depth", "image_to_layers", "image_to_mask"):
        card |= {"licence": card["licence"] + BACKBONE, "pretrained": ORIGIN}
    elif "pretrained" in card["data_digest"]:
        card |= {"licence": card["licence"] + FROZEN, "pretrained": card["data_digest"].pop("pretrained")}
    if named := card["data_digest"].pop("credits", None):
        write_credits(args.to / f"{args.name}.ATTRIBUTION.csv", named)
        card["licence"] += (
            f"; latent codes of shapes under CC0, CC BY and the like; {args.name}.ATTRIBUTION.csv names their authors"
        )
    (args.to / f"{args.name}.safetensors").write_bytes(data)
    (args.to / f"{args.name}.json").write_text(json.dumps(card, indent=1) + "\n")
    print(f"{len(data) / 1e6:.1f} MB, {card['parameters']} weights")


if __name__ == "__main__":
    main()
