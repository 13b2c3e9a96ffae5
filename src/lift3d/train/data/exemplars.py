"""Of which shapes outlines are remembered (nets/latent_pca.py), and of which parts of the other kinds it is learned
how they vary.
What is remembered goes into the weights, so only of those whose makers ask for no more than to be named, and they are. Of one's
own meshes all are."""

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
"""A kind is begun with outlines if it has so many such shapes, and they are so large a part of its shapes: else what is drawn
would be less varied than the kind."""
FEWEST = 8
"""Codes of a part."""


def is_permissive(licence: str) -> bool:
    """Whether each part of an SPDX expression asks for no more than to name the author."""
    return all(PERMISSIVE.fullmatch(part.strip()) for part in licence.split(" AND "))


def choose_exemplar_shapes(
    corpus: Corpus, numbers: NDArray[np.int64], kinds: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Which of the shapes `numbers` of a corpus, of kinds (N,), are remembered; a number of `count` or more is no kind."""
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
    """Key, name, author and licence of each."""
    columns = [corpus.column(name) for name in ("key", "name", "author", "licence")]
    return [[str(column[int(i)]) for column in columns] for i in numbers]


def cluster_categories(
    codes: F32, kinds: NDArray[np.int64], wanted: Iterable[int], size: int
) -> list[tuple[int, NDArray[np.int64]]]:
    """Kind and numbers of codes (N, D) of each part: a kind that is wanted is one, or as many as it has times `size` codes, each
    around a mean of its own (k-means). A part of fewer than FEWEST is left out."""
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
