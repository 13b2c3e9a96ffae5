"""The table of `voxels_to_label` on the test split, as `lift3d evaluate classifier` computes it, with further baselines.

    python benchmarks/classifier.py CORPUS --weights RUN --plain RUN --turned RUN [--points RUN] [--critic RUN]
        [--places RUN] [--limit N]
    python benchmarks/classifier.py CORPUS --views       # the rows of rendered views alone; the others stay

plain: trained upright without the transformer; turned: the same, but trained in any rotation; critic: a run of `lift3d train
gan`, whose critic's features are the input of a linear classifier, as are the features of an untrained critic; places: a run of
embedding-to-label.

Writes results/classifier.json and docs/images/confusions.png.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.classifier import CachedEncoder, Features, critic_features, latent_features
from lift3d.evaluate.classifier import ENSEMBLE, POSES, ensemble_rows, evaluate_classifier
from lift3d.evaluate.interface import Request, evenly_spaced
from lift3d.inference.networks import load_network
from lift3d.maps.voxels_to_label import NAME, inference_options
from lift3d.nets.latent_gan import LatentCritic, LatentGenerator
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier
from lift3d.train.data.labelled_shapes import LabelledShapes
from lift3d.weights import load_tensors

HERE = Path(__file__).resolve().parent


def critics_of(run: str) -> dict[str, Features]:
    """Inputs of the linear classifiers: latent codes, features of a trained GAN's critic, and features of an untrained critic."""
    codec, maker = load_network("autoencoder")[0], load_network("gan", run)[0]
    assert isinstance(codec, ShapeAutoencoder) and isinstance(maker, LatentGenerator)
    held = {k.removeprefix("critic."): t for k, t in load_tensors(run).items() if k.startswith("critic.")}
    if not held:
        raise SystemExit(f"{run} contains no critic: give the folder of a run of `lift3d train gan`")
    codes, places = maker.shape[:2]
    once = CachedEncoder(codec)
    size = codes, len(held["kind.weight"]) - 1, held["start.weight"].shape[0], places
    torch.manual_seed(0)
    untrained, trained = LatentCritic(*size).eval(), LatentCritic(*size).eval()
    trained.load_state_dict(held)
    return {
        "linear on latent codes": latent_features(once),
        "linear on an untrained critic": critic_features(once, maker.normalise, untrained),
        "linear on the GAN's critic": critic_features(once, maker.normalise, trained),
    }


def table_of(result: dict) -> dict:
    """The table for the documentation."""
    rows = []
    for name, row in result["rows"].items():
        cells: list[object] = [name]
        for kind in POSES:
            if kind not in row:
                cells += ["", ""]
                continue
            m = row[kind]
            a, b = m["accuracy_interval"], m["balanced_interval"]
            cells.append(f"{m['accuracy']:.3f} ({a[0]:.3f}-{a[1]:.3f})")
            cells.append(f"{m['balanced']:.3f} ({b[0]:.3f}-{b[1]:.3f})")
        rows.append(cells)
    columns = ["accuracy"] + [
        f"{pose}, {of}" for pose in POSES.values() for of in ("per object", "per category")
    ]
    back = result["won_back"]
    won = (
        ""
        if back is None
        else f"The network recovers {back:.0%} of the accuracy that the plain one loses under any rotation. "
    )
    note = (
        f"{result['shapes']} shapes of families not used in training, {len(result['labels'])} categories; "
        "95 % intervals by bootstrap over families. Test-time augmentation, k and the regularisation of linear models "
        f"are chosen on validation. {won}Computed in {result['minutes']:.0f} minutes."
    )
    return {"columns": columns, "rows": rows, "note": note}


def renew_views(corpus: Path, run: str | None, limit: int | None, say: Callable[[str], None]) -> dict:
    """The stored result with new rows of the views and of the ensemble, on the same shapes."""
    result = json.loads((HERE / "results/classifier.json").read_text())
    dataset, (net, cfg) = Corpus(corpus), load_network(NAME)
    names, wanted = cfg.require_labels(), limit or result["shapes"]
    test, val = (LabelledShapes(dataset, split, names) for split in ("test", "val"))
    indices = evenly_spaced(len(test), wanted).tolist()
    if (len(indices), list(names)) != (result["shapes"], result["labels"]):
        raise SystemExit("the stored rows are of other shapes: measure all rows")
    request = Request("classifier", corpus, corpus, say=say)
    augmentation = TestTimeAugmentation(**inference_options(cfg))
    assert isinstance(net, VoxelClassifier)
    rows, weight = ensemble_rows(request, net, augmentation, run, val, test, indices)
    told = f"weight of the voxels {weight:g}, of the views {1 - weight:g}"
    say(told)
    return result | {
        "rows": result["rows"] | rows,
        "beside": weight,
        "told": result["told"] | {ENSEMBLE: told},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--plain", default=None)
    parser.add_argument("--turned", default=None)
    parser.add_argument("--points", default=None)
    parser.add_argument("--critic", default=None)
    parser.add_argument("--places", default=None)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--views", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    started, last = time.monotonic(), [0.0]

    def progress(name: str, fraction: float) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            print(f"{name} {fraction:.0%}", flush=True)

    if args.views:
        result = renew_views(args.corpus, args.places, args.limit, print)
        result["table"] = table_of(result)
        (HERE / "results/classifier.json").write_text(json.dumps(result, indent=1) + "\n")
        return
    others = {
        "plain, trained in any rotation": args.turned,
        "points of the surface (PointNet)": args.points,
    }
    features = {} if args.critic is None else critics_of(args.critic)
    with tempfile.TemporaryDirectory() as folder:
        request = Request(
            "classifier", args.corpus, args.corpus, args.weights, args.plain, "test", args.limit, Path(folder),
            print, progress,
        )  # fmt: skip
        evaluation = evaluate_classifier(
            request, others={name: run for name, run in others.items() if run is not None},
            features=features, embedding_weights=args.places,
        )  # fmt: skip
        result = evaluation.table
        (HERE.parent / "docs/images/confusions.png").write_bytes(
            (Path(folder) / "classifier.png").read_bytes()
        )
    print("\n".join(evaluation.lines))
    result["minutes"] = round((time.monotonic() - started) / 60, 1)
    result["table"] = table_of(result)
    (HERE / "results/classifier.json").write_text(json.dumps(result, indent=1) + "\n")
    rows = [
        [
            name,
            row["shapes"],
            *(None if row[k] is None else round(row[k], 2) for k in ("told", "right")),
            row["taken_for"],
        ]
        for name, row in result["categories"].items()
    ]
    columns = ["category", "shapes", "recall", "precision", "most frequent error"]
    kinds = {"table": {"columns": columns, "rows": rows, "note": "The network, on upright test shapes."}}
    (HERE / "results/classifier_categories.json").write_text(json.dumps(kinds, indent=1) + "\n")


if __name__ == "__main__":
    main()
