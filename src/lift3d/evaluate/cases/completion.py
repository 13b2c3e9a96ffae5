"""Partial shapes of the test split with their true surfaces, for completion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.partial_views import make_partial
from lift3d.geometry.metrics.solids import SampledSurface
from lift3d.geometry.parts.convert import concatenate_parts
from lift3d.train.data.partial_scans import exposed, open_samples
from lift3d.types import Mesh


@dataclass(frozen=True, eq=False)
class PartialShape:
    """shape: index in the corpus; mode: "cut" by a plane or a "view" from one side; truth: the surface of the whole shape; part:
    the partial mesh, in the same frame."""

    shape: int
    mode: str
    truth: SampledSurface
    part: Mesh


def make_partial_shape(corpus: Corpus, shape: int, mode: str) -> PartialShape | None:
    """A partial surface of a shape; None where fewer than four faces remain. Faces inside the solid are removed, because no
    scanner can see them."""
    v, f = concatenate_parts(corpus.parts(shape))
    points, normals = open_samples(corpus, shape)
    barycentric = np.array([[1, 1, 1], [8, 1, 1], [1, 8, 1], [1, 1, 8]]) / np.array([[3], [10], [10], [10]])
    samples = (barycentric @ v[f]).reshape(-1, 3)
    visible = exposed(corpus, shape, samples).reshape(-1, len(barycentric)).any(1)
    part = make_partial(v, f[visible] if visible.any() else f, points, mode, shape)
    if len(part.faces) < 4:
        return None
    side = float(np.ptp(points, axis=0).max())
    return PartialShape(shape, mode, SampledSurface(v, f, points, normals, side), part)
