"""docs/images/one_photo.jpg: photos of test shapes and the models predicted from them, around the median.

    python benchmarks/one_photo_picture.py CORPUS PICTURES

The picture shows eight test shapes in the public domain or under CC BY, each predicted from one image: those around the median
IoU, from eight categories. Their authors are written to docs/images/one_photo.csv.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from lift3d.corpus.dataset import Corpus
from lift3d.corpus.pictures.picture_maker import Studio
from lift3d.evaluate.baselines.image_to_voxels import NetworkPredictor
from lift3d.evaluate.cases.image_to_voxels import photo_cases
from lift3d.evaluate.scores.view_truth import GroundTruth
from lift3d.evaluate.sheets.image_to_voxels import mesh_tiles
from lift3d.inference.networks import load_network
from lift3d.io.mesh.meshes import load_mesh
from lift3d.pipelines.reconstruct import reconstruct
from lift3d.pipelines.reconstruction.options import Options
from lift3d.train.data.view_set import ViewSet

ROOT = Path(__file__).resolve().parent.parent
FREE = ("CC0", "CC-BY-3", "CC-BY-4", "Public")
SHOWN, TILE, PHOTO = 8, 200, 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("pictures", type=Path)
    args = parser.parse_args()
    corpus = Corpus(args.corpus)
    test = ViewSet(args.pictures, corpus, "test")
    net, found = load_network("image_to_voxels")
    level = found.threshold
    licence, category = corpus.column("licence"), corpus.column("category")
    cases = [c for c in photo_cases(test, None) if str(licence[c.view.shape]).startswith(FREE)]
    values = [
        float(
            GroundTruth(test, c.view).iou_by_threshold(
                NetworkPredictor(net).predict(c.view, c.images[:1]), np.array([level]), 64
            )[0]
        )
        for c in cases
    ]
    middle = float(np.median(values))
    chosen: dict[str, int] = {}
    for k in np.argsort(np.abs(np.array(values) - middle)):
        chosen.setdefault(str(category[cases[int(k)].view.shape]), int(k))
    rows = []
    for k in list(chosen.values())[:SHOWN]:
        case = cases[k]
        record = test.pictures.record(case.view.number)
        shot = Studio(corpus, record["recipe"], PHOTO, record["seed"]).picture(
            case.view.shape, int(record["view"])
        )
        with tempfile.TemporaryDirectory() as folder:
            photo = Pil.fromarray(np.dstack([shot.rgb, shot.mask * np.uint8(255)]))
            photo.save(Path(folder) / "photo.png")
            reconstruct([Path(folder) / "photo.png"], Path(folder) / "out/m.glb", Options(method="predicted"))
            tiles = mesh_tiles(load_mesh(Path(folder) / "out/m.glb"), TILE)
        rows.append(np.concatenate([np.asarray(Pil.fromarray(shot.rgb).resize((TILE, TILE))), *tiles], 1))
        print(category[case.view.shape], round(values[k], 3), flush=True)
    half = len(rows) // 2
    sheet = np.concatenate([np.concatenate(rows[:half]), np.concatenate(rows[half : 2 * half])], 1)
    Pil.fromarray(sheet).resize((1600, 640), Pil.Resampling.LANCZOS).save(
        ROOT / "docs/images/one_photo.jpg", quality=85
    )
    with open(ROOT / "docs/images/one_photo.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["key", "author", "licence"])
        for k in list(chosen.values())[:SHOWN]:
            row = corpus.row(cases[k].view.shape)
            out.writerow([row["key"], row["author"], row["licence"]])


if __name__ == "__main__":
    main()
