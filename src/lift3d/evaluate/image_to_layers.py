"""Table of `image_to_layers`: pictures of shapes that the network has not seen, beside a flat sheet of the mean thickness and the
inflated silhouette."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.inflated_silhouette import inflate
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.geometry.image.guided_upsampling import resize_map
from lift3d.inference.layered_depth import input_side, predict_layers
from lift3d.inference.networks import load_network
from lift3d.inference.torch_network import TorchNetwork
from lift3d.nets.dense.layered_depth_unet import USUAL_THICKNESS
from lift3d.train.data.layered_views import SHEET, layered_sample
from lift3d.train.data.view_set import ViewSet
from lift3d.train.tasks.image_to_layers import layer_errors
from lift3d.types import F32

MAX_PICTURES = 240
ROWS = {"network": "network", "inflated": "inflated silhouette", "flat": "flat sheet"}


def evaluate_image_to_layers(request: Request) -> Evaluation:
    """Means over pictures of the errors of `layer_errors`, and the median ratio of predicted to true volume under the visible
    surface."""
    net, found = load_network("image_to_layers", request.weights)
    network, side = TorchNetwork("image_to_layers", net, found), input_side(found)
    views = ViewSet(request.pictures, Corpus(request.corpus), request.split)
    count = min(request.limit or MAX_PICTURES, len(views))
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for k, i in enumerate(evenly_spaced(len(views), count)):
        view = views.view(int(i))
        sample = layered_sample(views, view, side) if view is not None else None
        if sample is not None and sample.known.any():
            maps = predict_layers(network, sample.image)
            normals = maps.normals.transpose(2, 0, 1)
            rows["network"].append(layer_errors(maps.nearness, maps.thickness, normals, sample))
            m = len(sample.known)
            half = (inflate(resize_map(sample.image[3], m, m) > 0.5) * 2 / m).astype(np.float32)
            rows["inflated"].append(layer_errors(half, np.maximum(2 * half, SHEET), normals_of(half), sample))
            flat = np.zeros_like(half)
            rows["flat"].append(
                layer_errors(flat, flat + np.float32(USUAL_THICKNESS), normals_of(flat), sample)
            )
        request.progress(request.split, (k + 1) / count)
    table: dict[str, object] = {"split": request.split, "pictures": len(rows["network"])}
    lines = [
        f"{len(rows['network'])} pictures of the {request.split} split; the visible surface is aligned in depth"
    ]
    for name, label in ROWS.items():
        means = {key: float(np.mean([row[key] for row in rows[name]])) for key in rows[name][0]}
        means["volume"] = float(np.median([row["volume"] for row in rows[name]]))
        table[name] = means
        lines.append(
            f"{label:<20} error of the surface {means['surface']:.3f}, near {means['near']:.3f}, "
            f"thickness right {means['thick']:.3f}, cosine {means['cosine']:.3f}, volume {means['volume']:.2f} of the true one"
        )
    return Evaluation("image_to_layers", table, lines)


def normals_of(nearness: F32) -> NDArray[np.float32]:
    """(3, m, m) unit normals of a surface (m, m) over the square [-1, 1]^2, seen from far away."""
    step = 2 / len(nearness)
    gy, gx = np.gradient(nearness, step)
    n = np.stack([-gx, -gy, -np.ones_like(nearness)])
    return np.asarray(n / np.linalg.norm(n, axis=0), np.float32)
