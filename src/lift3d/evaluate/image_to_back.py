"""Table of `image_to_back`: pictures of shapes that the network has not seen, beside the front in the place of the far side and
its mean colour."""

from __future__ import annotations

import numpy as np
import torch

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.inference.layered_depth import input_side
from lift3d.inference.networks import inference_mode, load_network
from lift3d.train.data.back_views import back_sample
from lift3d.train.data.view_set import ViewSet
from lift3d.train.tasks.image_to_back import scores

MAX_PICTURES = 240
ROWS = {
    "psnr": "far side, network", "psnr_front": "far side, the front in its place", "psnr_mean": "far side, mean colour",
    "albedo": "front without light, network", "albedo_front": "front without light, the picture as it is",
}  # fmt: skip


def evaluate_image_to_back(request: Request) -> Evaluation:
    """Mean PSNR in dB over pictures, where front and far side are seen."""
    net, found = load_network("image_to_back", request.weights)
    side = input_side(found)
    views = ViewSet(request.pictures, Corpus(request.corpus), request.split)
    count = min(request.limit or MAX_PICTURES, len(views))
    rows: list[dict[str, float]] = []
    for k, i in enumerate(evenly_spaced(len(views), count)):
        view = views.view(int(i))
        sample = back_sample(views, view, side) if view is not None else None
        if sample is not None and sample.known.any():
            with inference_mode():
                out = net(torch.from_numpy(sample.image[None]).contiguous(memory_format=torch.channels_last))
            rows.append(scores(out.back[0].numpy(), out.albedo[0].numpy(), sample))
        request.progress(request.split, (k + 1) / count)
    means = {name: float(np.mean([row[name] for row in rows])) for name in ROWS}
    lines = [f"{len(rows)} pictures of the {request.split} split; mean PSNR in dB"]
    lines += [f"{label:<42} {means[name]:.2f}" for name, label in ROWS.items()]
    return Evaluation("image_to_back", means | {"split": request.split, "pictures": len(rows)}, lines)
