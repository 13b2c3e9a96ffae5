"""Table of `image_to_depth`: rendered scenes of shapes that the network has not seen, beside a constant and the image row."""

from __future__ import annotations

import numpy as np

from lift3d.context import Context
from lift3d.corpus.dataset import Corpus
from lift3d.corpus.scenes.depth_shards import DepthSet, write_scenes
from lift3d.errors import CaptureError
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.geometry.metrics.depth import DepthErrors, aligned_errors
from lift3d.maps.image_to_depth import ImageToDepth
from lift3d.types import Image

MAX_PICTURES, SHARDS = 200, 3


def evaluate_image_to_depth(request: Request) -> Evaluation:
    """Mean absolute relative error and delta1 after scale and shift of inverse depth are fitted to each picture. A picture of one
    colour counts as a constant. Scenes of the split are rendered where the folder has none."""
    if not any(request.pictures.rglob(f"{request.split}-*.depth")):
        request.say(f"{request.pictures} contains no scenes of the split {request.split}: rendering them")
        corpora = [Corpus(request.corpus)]
        write_scenes(corpora, request.pictures, request.split, SHARDS, request.progress)
    pictures = DepthSet(request.pictures, request.split)
    count = min(request.limit or MAX_PICTURES, len(pictures))
    scores: dict[str, list[DepthErrors]] = {"network": [], "constant": [], "row": []}
    for k, i in enumerate(evenly_spaced(len(pictures), count)):
        rgb, inverse = pictures.rgb(int(i)), pictures.inverse_depth(int(i))
        depth = np.where(inverse > 0, 1 / np.maximum(inverse, 1e-9), 0)
        blank = np.zeros(depth.shape)
        try:
            found = 1 / ImageToDepth(request.weights)(Image(rgb, str(i)), Context()).z.astype(np.float64)
        except CaptureError:
            found = blank
        rows = np.broadcast_to(np.arange(len(depth), dtype=np.float64)[:, None], depth.shape)
        for name, prediction in (("network", found), ("constant", blank), ("row", rows)):
            scores[name].append(aligned_errors(prediction, depth))
        request.progress(request.split, (k + 1) / count)
    table: dict[str, object] = {"split": request.split, "pictures": count}
    lines = [f"{count} pictures of the {request.split} split; scale and shift are fitted in inverse depth"]
    for name, label in (("network", "network"), ("constant", "a constant"), ("row", "the image row")):
        absolute, delta = (float(x) for x in np.mean(scores[name], 0))
        table[name] = {"abs_rel": absolute, "delta1": delta}
        lines.append(
            f"{label:<15} absolute relative error {absolute:.3f}, within a factor of 1.25 {delta:.3f}"
        )
    return Evaluation("image_to_depth", table, lines)
