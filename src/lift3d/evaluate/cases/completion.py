"""Damaged shapes of the test split, for completion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.partial_views import partial
from lift3d.geometry.metrics.solids import SampledSurface
from lift3d.geometry.parts.convert import concatenate_parts
from lift3d.train.data.partial_scans import exposed, open_samples
from lift3d.types import Mesh


@dataclass(frozen=True, eq=False)
class Broken:
    """A shape of the corpus by number, its true surface and the part that is given."""

    shape: int
    kind: str
    truth: SampledSurface
    part: Mesh


def broken(corpus: Corpus, shape: int, kind: str) -> Broken | None:
    """None where nothing of it is seen. Faces that lie buried in the thing are no part of what is given: no scan has them."""
    v, f = concatenate_parts(corpus.parts(shape))
    points, normals = open_samples(corpus, shape)
    inward = np.array([[1, 1, 1], [8, 1, 1], [1, 8, 1], [1, 1, 8]]) / np.array([[3], [10], [10], [10]])
    places = (inward @ v[f]).reshape(-1, 3)
    seen = exposed(corpus, shape, places).reshape(-1, len(inward)).any(1)
    part = partial(v, f[seen] if seen.any() else f, points, kind, shape)
    if len(part.faces) < 4:
        return None
    side = float(np.ptp(points, axis=0).max())
    return Broken(shape, kind, SampledSurface(v, f, points, normals, side), part)
