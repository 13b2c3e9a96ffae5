"""Choice of the training shapes that become exemplars of the latent PCA (nets/latent_pca.py), and of the clusters of the other
categories.

Exemplars are stored in the weights, so that their licences may require at most attribution, which the card gives. All of the
user's own meshes can be exemplars."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from lift3d.corpus.dataset import Corpus
from lift3d.types import F32

PERMISSIVE = re.compile(
    r"CC0-1\.0|public-domain|CC-BY-\d(\.\d)?(-[A-Z]{2})?|MIT|BSD-\d-Clause|Apache-2\.0|ISC|Zlib|Unlicense"
)
LEAST, SHARE = 12, 0.3
"""Minimum number of permissively licensed shapes of a category with exemplars, and their minimum fraction of the category. With
fewer, samples would be less varied than the category."""
FEWEST = 8
"""Minimum number of latents of a cluster."""


def is_permissive(licence: str) -> bool:
    """Whether each licence of an SPDX expression requires at most attribution."""
    return all(PERMISSIVE.fullmatch(part.strip()) for part in licence.split(" AND "))


def choose_exemplar_shapes(
    corpus: Corpus, numbers: NDArray[np.int64], kinds: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Sorted positions in `numbers` of the shapes that can be exemplars. numbers (N,): indices of shapes of a corpus.

    kinds (N,): their category indices; an index of `count` or more means no category."""
    if corpus.card.get("plan", {}).get("folder") is not None:
        return np.flatnonzero(kinds < count)
    licences = corpus.column("licence")
    free = np.array([is_permissive(str(licences[int(i)])) for i in numbers], bool)
    out = []
    for kind in range(count):
        own = kinds == kind
        some = np.flatnonzero(own & free)
        if len(some) >= LEAST and len(some) >= SHARE * own.sum():
            out.append(some)
    return np.sort(np.concatenate([np.zeros(0, np.int64), *out]))


def attribution(corpus: Corpus, numbers: NDArray[np.int64]) -> list[list[str]]:
    """[key, name, author, licence] of each shape, given by its index in the corpus."""
    columns = [corpus.column(name) for name in ("key", "name", "author", "licence")]
    return [[str(column[int(i)]) for column in columns] for i in numbers]


def cluster_categories(
    codes: F32, kinds: NDArray[np.int64], wanted: Iterable[int], size: int
) -> list[tuple[int, NDArray[np.int64]]]:
    """(category, indices of latents) of each cluster of latents (N, D) of the wanted categories.

    A category has one cluster for every `size` latents, at least one (k-means). Clusters of fewer than FEWEST latents are
    omitted."""
    out = []
    for kind in wanted:
        own = np.flatnonzero(kinds == kind)
        count = max(1, round(len(own) / size))
        nearest = np.zeros(len(own), np.int64)
        if count > 1:
            nearest = kmeans2(codes[own].astype(np.float64), count, minit="++", seed=0)[1]
        parts = [own[nearest == k] for k in range(count)]
        out += [(kind, part) for part in parts if len(part) >= FEWEST]
    return out
