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
from lift3d.train.data.layered_views import SHEET, LayeredSample, layered_sample
from lift3d.train.data.view_set import ViewSet
from lift3d.types import F32

MAX_PICTURES = 240
NEAR, RATIO = 0.05, 0.25
"""Errors of the surface in half widths, and of the logarithm of the thickness, below which a pixel counts as right."""
USUAL = 0.35
"""Thickness of the flat sheet in half widths."""
ROWS = {"network": "network", "inflated": "inflated silhouette", "flat": "flat sheet"}


def evaluate_image_to_layers(request: Request) -> Evaluation:
    """Means over pictures: the error of the visible surface after its median is aligned, in half widths of the crop, and the
    share of pixels within NEAR; the share of pixels whose thickness is within a factor of exp(RATIO); the mean cosine of normals;
    and the median ratio of predicted to true volume under the visible surface."""
    net, found = load_network("image_to_layers", request.weights)
    side = input_side(found)
    views = ViewSet(request.pictures, Corpus(request.corpus), request.split)
    count = min(request.limit or MAX_PICTURES, len(views))
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for k, i in enumerate(evenly_spaced(len(views), count)):
        view = views.view(int(i))
        sample = layered_sample(views, view, side) if view is not None else None
        if sample is not None and sample.known.any():
            maps = predict_layers(net, sample.image)
            normals = maps.normals.transpose(2, 0, 1)
            rows["network"].append(layer_errors(maps.nearness, maps.thickness, normals, sample))
            m = len(sample.known)
            half = (inflate(resize_map(sample.image[3], m, m) > 0.5) * 2 / m).astype(np.float32)
            rows["inflated"].append(layer_errors(half, np.maximum(2 * half, SHEET), normals_of(half), sample))
            flat = np.zeros_like(half)
            rows["flat"].append(layer_errors(flat, flat + np.float32(USUAL), normals_of(flat), sample))
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


def layer_errors(nearness: F32, thickness: F32, normals: F32, sample: LayeredSample) -> dict[str, float]:
    """Errors of maps (m, m), normals (3, m, m), where the surface of a sample is known; see `evaluate_image_to_layers`."""
    known = sample.known
    residual = (nearness - sample.nearness)[known]
    residual = np.abs(residual - np.median(residual))
    true = sample.thickness[known]
    ratio = np.log(thickness[known] / true)
    cosine = (normals * sample.normals).sum(0)[known]
    return {
        "surface": float(residual.mean()), "near": float((residual < NEAR).mean()),
        "thick": float((np.abs(ratio) < RATIO).mean()), "cosine": float(cosine.mean()),
        "volume": float(thickness[known].sum() / true.sum()),
    }  # fmt: skip


def normals_of(nearness: F32) -> NDArray[np.float32]:
    """(3, m, m) unit normals of a surface (m, m) over the square [-1, 1]^2, seen from far away."""
    step = 2 / len(nearness)
    gy, gx = np.gradient(nearness, step)
    n = np.stack([-gx, -gy, -np.ones_like(nearness)])
    return np.asarray(n / np.linalg.norm(n, axis=0), np.float32)
