"""The space in which photos, models and words are near what they belong to, as arrays: what stands between the network
(nets/embedding.py) and search.

A model has the vector of its solid, and one of each of twelve pictures of it from around (Su et al. 2015, arXiv:1505.00880):
a photo is more like the picture taken from its own side than like the thing as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.corpus.clean import clean
from lift3d.corpus.shape import SAMPLES, together
from lift3d.corpus.surface import sample
from lift3d.errors import InputError
from lift3d.geometry.colour_cells import colour_cells
from lift3d.geometry.cut_out import cut_out
from lift3d.geometry.inside import inside
from lift3d.geometry.orbit import orbit_camera
from lift3d.geometry.unit_frame import GRID, LOW, SIDE, grid
from lift3d.geometry.view_frame import crop_of, levels_of
from lift3d.geometry.voxelize import crossed
from lift3d.io.parts import Part
from lift3d.types import F32, Embedding, Words

if TYPE_CHECKING:
    import torch

NAME = "embedding"
LOOKS, KIND = 160, 96
"""Numbers of the two halves of a vector, as nets/embedding.py has them; each half is of unit length."""
VIEWS, PIXELS = 12, 128
HEIGHTS = (15.0, 35.0, -10.0, 60.0)
"""Degrees above the horizon, in turn."""
LIGHT = 0.5
LEAST = 20
"""Pixels that a picture must show."""
FULL = 127
CHUNK = 32
NAMED = 2.0
"""How much it counts for words that a thing is likely of the kind they name, beside the cosine; fixed on validation, as the
sharpness of kinds of words (kinds_of_places.py)."""
WHY = {"no faces": "it has no faces", "few faces": "it has too few faces", "flat": "it is a flat sheet"}


@dataclass(frozen=True)
class Mix:
    """How much each counts in how near two things are: looks of the nearest views, looks of the solid, kind. sharp: above 0,
    looks of all things that are compared become probabilities first, softmax(sharp * looks). feedback: share of the query's
    kind that is learned from the things that are likely the one sought (Rocchio 1971)."""

    views: float = 0.6
    solid: float = 0.2
    kind: float = 0.2
    sharp: float = 0.0
    feedback: float = 0.0


@dataclass(frozen=True, eq=False)
class Compared:
    """A query beside T things. views, solid, kin (T,): cosines of looks with the nearest view and with the solid, and of kinds;
    told: probabilities of kinds of the query (K,) and of the things (T, K), if someone tells them."""

    views: F32
    solid: F32
    kin: F32
    told: tuple[F32, F32] | None


class Space:
    """The network with its weights. weights: a run's folder or a weights file; the package's own if not given."""

    def __init__(self, weights: str | Path | None = None) -> None:
        from lift3d.learned import network

        self.net, self.found = network(NAME, weights)
        self.coloured = bool(self.found.card.get("config", {}).get("colours", True))

    @cached_property
    def name(self) -> str:
        """Of these weights: vectors of others do not compare."""
        import hashlib

        told = self.found.card.get("sha256")
        return str(told or hashlib.sha256(self.found.file.read_bytes()).hexdigest())[:16]

    def mix(self, asked: str = "photo") -> Mix:
        """For a "photo", a "model" or "words", as the weights' card says, fixed on validation."""
        card = self.found.card
        told = card.get("mix_of_models", card.get("mix")) if asked == "model" else card.get("mix")
        try:
            return Mix(**{k: float(v) for k, v in told.items()}) if isinstance(told, dict) else Mix()
        except (TypeError, ValueError) as error:
            raise InputError(
                "the card of these weights tells a mix that is none", "get weights and card again"
            ) from error

    def _asked(self, of: Any, *arrays: Any) -> F32:
        """What a part of the network says of batches of arrays, a few at a time."""
        import torch

        from lift3d.learned import asking

        out, device = [], next(self.net.parameters()).device
        with asking():
            for at in range(0, len(arrays[0]), CHUNK):
                some: list[torch.Tensor] = [
                    torch.from_numpy(np.ascontiguousarray(a[at : at + CHUNK])).to(device) for a in arrays
                ]
                out.append(of(*some).float().cpu().numpy())
        return np.concatenate(out)

    def of_pictures(self, pictures: F32) -> F32:
        """(N, 4, 128, 128) cut-outs to (N, D)."""
        return self._asked(self.net.of_pictures, pictures)

    def of_solids(self, cells: F32, colours: F32) -> F32:
        """(N, 64, 64, 64) from 0 to 1 and (N, 4, 16, 16, 16) to (N, D)."""
        return self._asked(self.net.of_solids, cells, colours)

    def of_texts(self, texts: Sequence[str]) -> F32:
        """(N, D); nothing is said of looks. MissingExtra without the extra `text`."""
        from lift3d.sentences import vectors

        kind = self._asked(self.net.of_words, vectors(texts))
        return np.concatenate([np.zeros((len(kind), LOOKS), np.float32), kind], 1)

    def of_words(self, words: Words) -> Embedding:
        return Embedding(self.of_texts([words.text]), "words", self.name)

    def of_parts(self, parts: list[Part]) -> Embedding:
        """A model, z up: its solid and its views. InputError for what has no shape."""
        cleaned = clean(parts)
        if isinstance(cleaned, str):
            raise InputError(WHY.get(cleaned, cleaned))
        cells, colours = solid_arrays(cleaned.parts, self.coloured)
        solid = self.of_solids(cells[None], colours[None])
        views = self.of_pictures(pictures_of(cleaned.parts))
        return Embedding(np.concatenate([solid, views]), "shape", self.name)


def solid_arrays(parts: list[Part], coloured: bool = True) -> tuple[F32, F32]:
    """(64, 64, 64) of full cells and (4, 16, 16, 16) of colours of clean parts."""
    v, f = together(parts)
    origin, step = grid()
    shape = (GRID, GRID, GRID)
    levels = levels_of(inside(v, f, origin, step, shape), crossed(v, f, origin, step, shape))
    surface = sample(parts, SAMPLES)
    colours = colour_cells(surface.points, surface.colours, np.array(LOW), SIDE)
    if not coloured:
        colours[:3] = 0
    return (levels > FULL).astype(np.float32), colours


def pictures_of(parts: list[Part], count: int = VIEWS) -> F32:
    """(N, 4, 128, 128) cut-outs from around, N <= count: where next to nothing is seen there is none."""
    from lift3d.maps.mesh_to_images import drawable, render_many

    ready = drawable(parts)
    cameras = [
        orbit_camera(ready.v, 360 * k / count + 15, HEIGHTS[k % len(HEIGHTS)], PIXELS, PIXELS, 1.2 * PIXELS)
        for k in range(count)
    ]
    out = []
    for shot in render_many(ready, cameras, 2, LIGHT, None):
        alpha = np.round(255 * np.clip(shot.cover, 0, 1)).astype(np.uint8)
        if (alpha > FULL).sum() >= LEAST:
            out.append(cut_out(shot.rgb, alpha, crop_of(alpha > FULL), PIXELS))
    if not out:
        raise InputError("nothing of it is seen from any side")
    return np.stack(out)


def centre_of(vectors: F32) -> F32:
    """(D,) of the (N, D) of a thing: the mean of its looks and of its kinds, each of unit length."""
    mean = vectors.mean(0)
    out = [part / max(float(np.linalg.norm(part)), 1e-9) for part in (mean[..., :LOOKS], mean[..., LOOKS:])]
    return np.concatenate(out).astype(np.float32)


def asked_of(query: Embedding, mix: Mix) -> F32:
    """(D,) whose product with a thing's centre is about how near they are."""
    views, solid = _sides(query)
    looks = mix.views * views[:, :LOOKS].mean(0) + mix.solid * solid[:, :LOOKS].mean(0)
    return np.concatenate([looks, _kind(query, mix) * query.vectors[:, LOOKS:].mean(0)]).astype(np.float32)


def nearness(
    query: Embedding,
    vectors: F32,
    owners: np.ndarray,
    mix: Mix,
    count: int,
    told: tuple[F32, F32] | None = None,
) -> F32:
    """(count,) how near each thing is, of (M, D) vectors and the thing (M,) that each belongs to; a thing's rows stand
    together, its solid's first. told: probabilities of kinds of the query (K,) and of the things that are there (T, K); how
    likely both are of one kind then counts in place of how alike the kinds' vectors are.

    With a sharp mix: how likely it is this very thing, and how likely it is of its kind, each with its weight. A plain sum of
    cosines lets the kind push the thing itself from the first place before it gathers its like behind it."""
    first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    out = np.full(count, -np.inf, np.float32)
    out[owners[first]] = score(compared(query, vectors, first, told), mix, query.of == "words")
    return out


def compared(query: Embedding, vectors: F32, first: np.ndarray, told: tuple[F32, F32] | None) -> Compared:
    """first (T,): where the rows of each thing begin; the rest as for `nearness`."""
    views, solid = _sides(query)
    seen = np.ones(len(vectors), bool)
    # of a thing without views, the solid stands for them
    seen[first] = np.diff(np.r_[first, len(vectors)]) == 1
    alike = np.where(seen[:, None], vectors[:, :LOOKS] @ views[:, :LOOKS].T, -1)
    by_views = np.maximum.reduceat(alike, first).mean(1)
    by_solid = vectors[first, :LOOKS] @ solid[:, :LOOKS].mean(0)
    kinds = np.add.reduceat(vectors[:, LOOKS:], first)
    kinds /= np.maximum(np.linalg.norm(kinds, axis=1, keepdims=True), 1e-9)
    return Compared(by_views, by_solid, kinds @ query.vectors[:, LOOKS:].mean(0), told)


def score(of: Compared, mix: Mix, words: bool = False) -> F32:
    """(T,); words know nothing of looks: what they say of the kind, beside what they say of this thing, is all that counts."""
    if words:
        return of.kin if of.told is None else np.asarray(of.kin + NAMED * (of.told[1] @ of.told[0]))
    alike, weight = mix.views * of.views + mix.solid * of.solid, mix.views + mix.solid
    likely = None
    if mix.sharp > 0 and weight > 0:
        likely = np.exp(mix.sharp / weight * (alike - alike.max()))
        likely /= likely.sum()
        alike = weight * likely
    if of.told is None:
        return np.asarray(alike + mix.kind * of.kin)
    kind, kinds = of.told
    if likely is not None and mix.feedback > 0:
        kind = (1 - mix.feedback) * kind + mix.feedback * (likely @ kinds)
    return np.asarray(alike + mix.kind * (kinds @ kind))


def _sides(query: Embedding) -> tuple[F32, F32]:
    """The rows that are compared with views, and those with solids."""
    if query.of == "shape" and len(query.vectors) > 1:
        return query.vectors[1:], query.vectors[:1]
    return query.vectors, query.vectors


def _kind(query: Embedding, mix: Mix) -> float:
    """Words know of the kind alone."""
    return 1.0 if query.of == "words" else mix.kind


def nearest_words(query: F32, said: F32) -> np.ndarray:
    """Numbers of the texts (K, D), the nearest to the query (N, D) first: what it is called, without ever having been taught
    these names."""
    kind = query[:, LOOKS:].mean(0)
    return np.argsort(-(said[:, LOOKS:] @ kind), kind="stable")
