"""Table of the autoencoder: the accuracy with which shapes of the test split are reconstructed from their latent codes, compared
with principal components of the same length, the mean shape, and the nearest training shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.autoencoder import (
    Autoencoded,
    MeanShape,
    NearestLatent,
    NearestVoxels,
    PrincipalComponents,
    Reconstructor,
    TrainingVoxels,
)
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.evaluate.scores.bootstrap import Columns, intervals, means
from lift3d.evaluate.scores.generation import extract_surface
from lift3d.geometry.metrics.iou import batch_iou
from lift3d.geometry.metrics.solids import (
    WORST_SCORES,
    SampledSurface,
    SurfaceScores,
    compare_surfaces,
    sample_mesh,
)
from lift3d.geometry.voxels.canonical_frame import canonical_affine
from lift3d.inference.networks import load_network
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F32, Mesh

THRESHOLDS = np.round(np.arange(0.2, 0.71, 0.05), 2)
VALIDATION_SHAPES = 120
"""Number of shapes of the validation split on which the threshold of each method is chosen."""
SURFACE_SHAPES = 120
"""Number of shapes whose surfaces are compared."""
REFINEMENT_STEPS, REFINED_SHAPES = 24, 160
"""Gradient steps on a latent code, and the number of shapes on which they are measured; each shape takes seconds."""
NETWORK, LINEAR = "autoencoder", "principal components"


def evaluate_autoencoder(request: Request) -> Evaluation:
    """IoU, F-score, Chamfer distance and normal consistency of each method on the shapes of a split."""
    corpus = Corpus(request.corpus)
    train, val, test = (ShapeSet(corpus, name) for name in ("train", "val", request.split))
    net, cfg = load_network("autoencoder", request.weights)
    assert isinstance(net, ShapeAutoencoder)
    length = int(np.prod(net.shape))
    methods = _methods(request, corpus, train, net, length)
    indices, chosen = evenly_spaced(len(test), request.limit), evenly_spaced(len(val), VALIDATION_SHAPES)
    thresholds = {
        name: float(THRESHOLDS[iou_by_threshold(method, val, chosen, THRESHOLDS).mean(0).argmax()])
        for name, method in methods.items()
    }
    few = indices[evenly_spaced(len(indices), REFINED_SHAPES)]
    rows = [(name, method, indices, thresholds[name]) for name, method in methods.items()]
    linear, own = list(methods)[-2:]
    rows += [
        (f"{len(few)} shapes: {LINEAR}", methods[linear], few, thresholds[linear]),
        (f"{len(few)} shapes: autoencoder, encoded once", Autoencoded(net), few, thresholds[own]),
        (
            f"{len(few)} shapes: autoencoder, {REFINEMENT_STEPS} refinement steps",
            Autoencoded(net, REFINEMENT_STEPS),
            few,
            thresholds[own],
        ),
    ]
    table: dict[str, Any] = {
        "rows": {}, "levels": thresholds, "shapes": len(indices), "surfaces": min(len(indices), SURFACE_SHAPES),
        "length": length, "weights": cfg.sha256, "split": request.split,
    }  # fmt: skip
    for k, (name, method, some, threshold) in enumerate(rows):
        table["rows"][name] = _row(corpus, test, method, some, threshold)
        request.progress("rows", (k + 1) / len(rows))
    return Evaluation("autoencoder", table, format_table(table))


def _methods(
    request: Request, corpus: Corpus, train: ShapeSet, net: ShapeAutoencoder, length: int
) -> dict[str, Reconstructor]:
    """Row name -> method. The last two are the principal components and the network."""
    from lift3d.train.data.latents import load_latents

    training = TrainingVoxels(train, request.track("training shapes"))
    request.say("encoding the training shapes")
    codes = load_latents(corpus, "train", request.weights or "autoencoder", ()).values.astype(np.float32)
    components = PrincipalComponents(training, length, request.track("principal components"))
    return {
        "mean shape": MeanShape(training),
        "nearest training shape, by code": NearestLatent(training, net, codes),
        "oracle: nearest training shape": NearestVoxels(training),
        f"{LINEAR}, {components.length} numbers": components,
        f"{NETWORK}, {length} numbers, encoded once": Autoencoded(net),
    }


def _row(
    corpus: Corpus, test: ShapeSet, method: Reconstructor, indices: NDArray[np.int64], threshold: float
) -> dict[str, Any]:
    """The scores of one method on some shapes."""
    columns: Columns = {"iou": iou_by_threshold(method, test, indices, np.array([threshold]))[:, 0]}
    scores = surface_scores(method, test, indices[evenly_spaced(len(indices), SURFACE_SHAPES)], threshold)
    categories = test.category[indices]
    families = [corpus.column("family")[int(i)] for i in test.numbers[indices]]
    return {
        "objects": means(columns, None), "categories": means(columns, categories),
        "interval": intervals(columns, categories, families),
        "f": float(np.mean([s.f_score for s in scores])), "chamfer": float(np.mean([s.chamfer for s in scores])),
        "normals": float(np.mean([s.normal_consistency for s in scores])),
    }  # fmt: skip


def iou_by_threshold(
    method: Reconstructor, shapes: ShapeSet, indices: NDArray[np.int64], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, T) IoU of the reconstructions of N shapes with the shapes, at each of T thresholds."""
    out = np.empty((len(indices), len(thresholds)))
    for first in range(0, len(indices), method.batch_size):
        some = indices[first : first + method.batch_size]
        truth = np.stack([shapes.full(int(i)) for i in some])
        occupancy = method.reconstruct(truth)
        for k, threshold in enumerate(thresholds):
            out[first : first + len(some), k] = batch_iou(occupancy > threshold, truth)
    return out


def surface_scores(
    method: Reconstructor, shapes: ShapeSet, indices: Sequence[int] | NDArray[np.int64], threshold: float
) -> list[SurfaceScores]:
    """Scores of the surface of each reconstruction against the surface of the shape's own voxels."""
    out = []
    for first in range(0, len(indices), method.batch_size):
        truth = np.stack([shapes.full(int(i)) for i in indices[first : first + method.batch_size]])
        for full, occupancy in zip(truth, method.reconstruct(truth)):
            if not (occupancy > threshold).any():
                out.append(WORST_SCORES)
                continue
            own = _sampled(surface_mesh(np.array(occupancy, np.float32), threshold))
            out.append(compare_surfaces(own, _sampled(surface_mesh(full.astype(np.float32), 0.5))))
    return out


def surface_mesh(occupancy: F32, threshold: float) -> Mesh:
    """The surface of occupancy (X, Y, Z) in the canonical frame, longest side 1."""
    return extract_surface(occupancy, canonical_affine(), threshold)


def _sampled(mesh: Mesh) -> SampledSurface:
    return sample_mesh(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32))


def format_table(table: dict[str, Any]) -> list[str]:
    """The table as lines of text."""
    out = [
        f"{table['shapes']} shapes of the {table['split']} split; surface scores on {table['surfaces']} of them",
        f"{'':<52}{'IoU':>8}{'by cat.':>9}{'F 1 %':>8}{'Chamfer':>9}{'normals':>9}",
    ]
    for name, row in table["rows"].items():
        out.append(
            f"{name:<52}{row['objects']['iou']:8.3f}{row['categories']['iou']:9.3f}{row['f']:8.3f}{row['chamfer']:9.4f}"
            f"{row['normals']:9.3f}"
        )
    return out
