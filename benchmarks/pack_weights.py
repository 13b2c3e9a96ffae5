"""A run's best weights into the package, in half precision, with their card.

    python benchmarks/pack_weights.py RUN NAME "COMMAND ..." [--note "how long, on what"]

The card's numbers come from benchmarks/results: run it again after the benchmarks.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
from pathlib import Path

import lift3d.weights as store

HERE = Path(__file__).resolve().parent
DATA = (
    "pictures of the training split of lift3d's corpus: free shapes out of Debian packages, each with its licence and author in "
    "the corpus' ATTRIBUTION.csv (docs/data_and_licences.md)"
)
PHOTOGRAPHS = (
    "; photographs and cut-outs that lift3d corpus photographs collects out of Debian packages, each with its licence and author "
    "in their ATTRIBUTION.csv"
)
DOES = {
    "image_to_mask": "where in a photo the thing is",
    "image_to_voxels": "the space that a thing fills, from one to eight photos, upright",
    "autoencoder": "the code of a solid, and the solid of a code",
    "flow": "codes of new things of a kind, by flow matching",
    "gan": "codes of new things of a kind, by a Wasserstein GAN",
    "voxels_to_label": "what kind of thing a solid is, however it lies",
    "embedding": "one space of photos, models and words: what belongs together is near",
    "embedding_to_label": "what kind of thing stands at a place of the embedding: of a photo, or of a model's views and solid",
    "points_to_voxels": "the space that a whole thing fills, from part of its surface",
}


INPUT = {
    "image_to_mask": "128 x 128 pixels", "image_to_voxels": "128 x 128 pixels", "autoencoder": "64 x 64 x 64 cells",
    "flow": "a kind and noise", "gan": "a kind and noise", "voxels_to_label": "64 x 64 x 64 cells",
    "embedding": "128 x 128 pixels, 64 x 64 x 64 cells with their colours, or words",
    "embedding_to_label": "vectors of the embedding", "points_to_voxels": "64 x 64 x 64 cells",
}  # fmt: skip
SHAPES = (
    "solids of the training split of lift3d's corpus: free shapes out of Debian packages, each with its licence and author in "
    "the corpus' ATTRIBUTION.csv (docs/data_and_licences.md)"
)


def measured(name: str, digest: str) -> list[str]:
    """Lines for `lift3d models`; of a generator only if they are of these weights."""
    lines = []
    results = HERE / "results"
    if name == "image_to_mask" and (results / "masks.json").is_file():
        m = json.loads((results / "masks.json").read_text())
        lines.append(
            f"IoU {m['network']['iou']:.3f} on {m['pictures']} pictures before photographs; GrabCut {m['grabcut']['iou']:.3f}"
        )
    if name == "image_to_voxels" and (results / "solids.json").is_file():
        rows = json.loads((results / "solids.json").read_text())["rows"]
        for row in rows:
            c = rows[row]["categories"]
            lines.append(
                f"IoU {c['iou64']:.3f}, F {c['f1']:.3f} on test shapes, means over categories: {row}"
            )
    if name in ("voxels_to_label", "embedding_to_label") and (results / "classifier.json").is_file():
        told = json.loads((results / "classifier.json").read_text())
        for row, m in told["rows"].items():
            up, any_ = m["none"], m["any"]
            lines.append(
                f"right {up['accuracy']:.3f} over shapes, {up['balanced']:.3f} over categories, turned in any way "
                f"{any_['accuracy']:.3f}, of {told['shapes']} test shapes: {row}"
            )
    if name == "autoencoder" and (results / "shape_codes.json").is_file():
        for row, held in json.loads((results / "shape_codes.json").read_text())["rows"].items():
            lines.append(f"IoU {held['objects']['iou']:.3f}, F {held['f']:.3f} on test shapes: {row}")
    if name in ("flow", "gan") and (results / "generation.json").is_file():
        told = json.loads((results / "generation.json").read_text())
        if name == "flow" and told["weights"] != digest:
            return lines
        for row, m in told["rows"].items():
            lines.append(
                f"coverage {m['coverage']:.2f}, 1-NNA {m['one_nn']:.2f}, copies {m['copies']:.2f} on test shapes: {row}"
            )
    if name == "embedding" and (results / "embedding.json").is_file():
        for row, held in json.loads((results / "embedding.json").read_text())["rows"].items():
            o = held["objects"]
            lines.append(
                f"first {o['first']:.3f}, in five {o['five']:.3f}, kind mAP {o['kin']:.3f} on test shapes: {row}"
            )
    if name == "points_to_voxels" and (results / "completion.json").is_file():
        for kind, held in json.loads((results / "completion.json").read_text())["rows"].items():
            told = ", ".join(f"{row} {r['categories']['f1']:.3f}" for row, r in held.items())
            lines.append(f"F at 1 % on test shapes, {kind}, means over categories: {told}")
    return lines


def on_validation(told: dict) -> list[str]:
    """What stands in the card until its benchmark has been run."""
    said = ", ".join(f"{k} {v:.3f}" for k, v in told.items() if isinstance(v, float))
    return [f"on the validation split, while it was trained: {said}"]


def more_of(name: str, told: dict) -> dict:
    """What only some cards hold: a threshold; categories, and how the networks are asked (benchmarks/classifier.py)."""
    if name == "flow":
        fixed = {
            "guidance": HERE / "results/guidance.json",
            "guided": HERE / "results/guidance.json",
            "begin": HERE / "results/guidance.json",
            "doubts": HERE / "results/among.json",
        }
        tables = {key: json.loads(path.read_text()) for key, path in fixed.items() if path.is_file()}
        return {key: table[key] for key, table in tables.items() if key in table}
    if name not in ("voxels_to_label", "embedding_to_label"):
        return {key: told[key] for key in ("threshold",) if key in told}
    held = HERE / "results/classifier.json"
    table = json.loads(held.read_text()) if held.is_file() else {}
    labels = {"labels": told["plan"]["data"]["labels"]}
    if name == "embedding_to_label":
        return labels | ({"beside": table["beside"]} if table.get("beside") is not None else {})
    return labels | {"asked": table.get("asked", {})}


def mix_of(name: str) -> dict[str, object]:
    """How much each part of nearness counts, as the benchmark fixed it on validation."""
    told = HERE / "results/embedding.json"
    if name != "embedding" or not told.is_file():
        return {}
    table = json.loads(told.read_text())
    return {name: table[name] for name in ("mix", "mix_of_models") if name in table}


def data_of(config: dict[str, object]) -> str:
    """What a run of this configuration has learned from."""
    if "embedding" in config:
        return DATA
    if not {"faults", "paste"} & set(config):
        return SHAPES
    return DATA + (PHOTOGRAPHS if config.get("photographs") else "")


def write_credits(path: Path, rows: list[list[str]]) -> None:
    """Who made what the weights remember, for their licences ask for it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("key", "name", "author", "licence"))
    table.writerows(rows)
    path.write_text(text.getvalue(), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("name", choices=list(DOES))
    parser.add_argument("command")
    parser.add_argument("--note", default="")
    args = parser.parse_args()
    told = json.loads((args.run / "best.json").read_text())
    tensors = {k: v for k, v in store.tensors_of(args.run).items() if not k.startswith("critic.")}
    data = store.pack(tensors)
    assert len(data) <= 16_000_000, f"{len(data)} bytes"
    card = {
        "mapping": args.name, "does": DOES[args.name], "config": told["plan"]["config"], **more_of(args.name, told),
        "parameters": sum(t.numel() for t in tensors.values()), "input": INPUT[args.name],
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0, as lift3d", "data": data_of(told["plan"]["config"]),
        "data_digest": told["plan"]["data"], "command": args.command,
        "step": told["step"], "note": args.note, "validation": {k: v for k, v in told.items() if isinstance(v, float)},
        "measured": measured(args.name, hashlib.sha256(data).hexdigest()) or on_validation(told), **mix_of(args.name),
    }  # fmt: skip
    if named := card["data_digest"].pop("credits", None):
        write_credits(store.HERE / f"{args.name}.ATTRIBUTION.csv", named)
        card["licence"] += (
            f"; outlines of shapes under CC0, CC BY and the like, of whom {args.name}.ATTRIBUTION.csv tells"
        )
    (store.HERE / f"{args.name}.safetensors").write_bytes(data)
    (store.HERE / f"{args.name}.json").write_text(json.dumps(card, indent=1) + "\n")
    print(f"{len(data) / 1e6:.1f} MB, {card['parameters']} weights")


if __name__ == "__main__":
    main()
