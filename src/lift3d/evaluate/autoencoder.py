"""The table of the autoencoder: how much of shapes never seen a code holds, beside principal components of the same length,
the mean shape, and the nearest shapes that were trained on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.scores.bootstrap import Rows, intervals, means
from lift3d.evaluate.scores.generation import surfaced
from lift3d.geometry.metrics.solids import WORST_SCORES, SurfaceScores, compare_surfaces, sample_mesh
from lift3d.geometry.voxels.canonical_frame import canonical_affine
from lift3d.inference.networks import load_network
from lift3d.io.files.atomic import write_bytes
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.shape_autoencoder import ShapeAutoencoder, refine_latent
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F32, Mesh

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
LEVELS = np.round(np.arange(0.2, 0.71, 0.05), 2)
CHOOSING = 120
"""Shapes of the validation set on which each one's threshold is fixed."""
SURFACES = 120
"""Shapes whose surfaces are compared, evenly spread."""
CHUNK, WIDE = 16, 256
"""Shapes at once; of what walks over all training shapes for each."""
REFINE, REFINED = 24, 160
"""Steps of refinement, and shapes, evenly spread, on which it is looked at: each takes seconds."""
NET, LINEAR = "autoencoder", "principal components"


class Maker(Protocol):
    """Shapes (B, 64, 64, 64) made again, as shares (B, 64, 64, 64). chunk: how many at once."""

    chunk: int

    def again(self, full: NDArray[np.bool_]) -> F32: ...


class Coded:
    """Through the network's code, as the encoder says it or refined by some steps."""

    chunk = CHUNK

    def __init__(self, net: ShapeAutoencoder, refine: int = 0) -> None:
        self.net, self.refine = net, refine

    def again(self, full: NDArray[np.bool_]) -> F32:
        cells = torch.from_numpy(np.ascontiguousarray(full)).float()
        with torch.no_grad(), autocast_bfloat16():
            code = refine_latent(self.net, cells, self.net.encode(cells).float(), self.refine)
            said = self.net.decode(code)
        return np.asarray(torch.sigmoid(said.float()).numpy())


class Known:
    """The cells of all training shapes, packed, and what can be had from them by one walk over them."""

    def __init__(self, train: ShapeSet, progress: Progress) -> None:
        rows = []
        for i in range(len(train)):
            rows.append(np.packbits(train.full(i)))
            if i % 200 == 0:
                progress("training shapes", i / len(train))
        self.bits = np.stack(rows)

    def __len__(self) -> int:
        return len(self.bits)

    def blocks(self, width: int = 8192) -> list[tuple[int, int]]:
        """Ranges of cells that are looked at together."""
        cells = self.bits.shape[1] * 8
        return [(first, min(first + width, cells)) for first in range(0, cells, width)]

    def block(self, first: int, last: int) -> torch.Tensor:
        """(N, last - first) float32."""
        return torch.from_numpy(np.unpackbits(self.bits[:, first // 8 : last // 8], axis=1)).float()


class Components:
    """Principal components of the training shapes' cells (Pearson 1901), by the matrix of their inner products: `length`
    numbers a shape, or as many as there are."""

    chunk = WIDE

    def __init__(self, known: Known, length: int, progress: Progress) -> None:
        n = len(known)
        self.known, self.length = known, min(length, n - 1)
        gram, means_ = torch.zeros(n, n), []
        blocks = known.blocks()
        for k, (first, last) in enumerate(blocks):
            cells = known.block(first, last)
            means_.append(cells.mean(0))
            cells -= means_[-1]
            gram += cells @ cells.T
            progress("principal components", (k + 1) / len(blocks))
        self.mean = torch.cat(means_)
        values, vectors = torch.linalg.eigh(gram)
        self.values = values.flip(0)[: self.length].clamp(min=1e-6)
        self.vectors = vectors.flip(1)[:, : self.length].contiguous()

    def again(self, full: NDArray[np.bool_]) -> F32:
        flat = torch.from_numpy(full.reshape(len(full), -1)).float()
        product = torch.zeros(len(full), len(self.known))
        blocks = self.known.blocks()
        held = []
        for first, last in blocks:
            centred = self.known.block(first, last) - self.mean[first:last]
            product += (flat[:, first:last] - self.mean[first:last]) @ centred.T
        weights = (product @ self.vectors / self.values) @ self.vectors.T
        for first, last in blocks:
            centred = self.known.block(first, last) - self.mean[first:last]
            held.append(weights @ centred + self.mean[first:last])
        return np.asarray(torch.cat(held, 1).view(full.shape).numpy())


class Average:
    """The mean of all training shapes, whatever is shown."""

    chunk = CHUNK

    def __init__(self, known: Known) -> None:
        side = round((known.bits.shape[1] * 8) ** (1 / 3))
        self.mean = torch.cat([known.block(a, b).mean(0) for a, b in known.blocks()]).view(side, side, side)

    def again(self, full: NDArray[np.bool_]) -> F32:
        return np.broadcast_to(self.mean.numpy(), full.shape)


class NearestCells:
    """The training shape that overlaps most: what the best retrieval gives."""

    chunk = WIDE

    def __init__(self, known: Known) -> None:
        self.known = known

    def again(self, full: NDArray[np.bool_]) -> F32:
        flat = torch.from_numpy(full.reshape(len(full), -1)).float()
        both, sizes = torch.zeros(len(full), len(self.known)), torch.zeros(len(self.known))
        for first, last in self.known.blocks():
            cells = self.known.block(first, last)
            both += flat[:, first:last] @ cells.T
            sizes += cells.sum(1)
        best = (both / (flat.sum(1)[:, None] + sizes - both)).argmax(1).numpy()
        return np.asarray(np.unpackbits(self.known.bits[best], axis=1).reshape(full.shape), np.float32)


class NearestCode:
    """The training shape whose code is nearest."""

    chunk = CHUNK

    def __init__(self, known: Known, net: ShapeAutoencoder, codes: F32) -> None:
        self.known, self.net, self.codes = known, net, torch.from_numpy(codes.reshape(len(codes), -1))

    def again(self, full: NDArray[np.bool_]) -> F32:
        with torch.no_grad():
            own = self.net.encode(torch.from_numpy(np.ascontiguousarray(full)).float()).flatten(1)
        best = torch.cdist(own, self.codes).argmin(1).numpy()
        return np.asarray(np.unpackbits(self.known.bits[best], axis=1).reshape(full.shape), np.float32)


def evaluate_codes(
    corpus: Path, weights: str | None, split: str, limit: int | None, output: Path | None, say: Say,
    progress: Progress,
) -> list[str]:  # fmt: skip
    """The table's lines."""
    from lift3d.train.data.latents import load_latents

    held = Corpus(corpus)
    train, val, test = (ShapeSet(held, name) for name in ("train", "val", split))
    net, found = load_network("autoencoder", weights)
    assert isinstance(net, ShapeAutoencoder)
    length = int(np.prod(net.shape))
    known = Known(train, progress)
    say("codes of the training shapes")
    codes = load_latents(held, "train", weights or "autoencoder", ()).values.astype(np.float32)
    who: dict[str, Maker] = {
        "mean shape": Average(known),
        "nearest training shape, by code": NearestCode(known, net, codes),
        "oracle: nearest training shape": NearestCells(known),
        f"{LINEAR}, {min(length, len(known) - 1)} numbers": Components(known, length, progress),
        f"{NET}, {length} numbers, encoded once": Coded(net),
    }
    numbers, choosing = spread(len(test), limit), spread(len(val), CHOOSING)
    levels = {
        name: float(LEVELS[overlaps(maker, val, choosing, LEVELS).mean(0).argmax()])
        for name, maker in who.items()
    }
    few = numbers[spread(len(numbers), REFINED)]
    plain, better = Coded(net), Coded(net, REFINE)
    asked = [(name, maker, numbers, levels[name]) for name, maker in who.items()]
    linear, own = list(who)[-2:]
    last = levels[own]
    asked.append((f"{len(few)} shapes: {LINEAR}", who[linear], few, levels[linear]))
    asked.append((f"{len(few)} shapes: autoencoder, encoded once", plain, few, last))
    asked.append((f"{len(few)} shapes: autoencoder, {REFINE} refinement steps", better, few, last))
    result: dict[str, Any] = {
        "rows": {}, "levels": levels, "shapes": len(numbers), "surfaces": min(len(numbers), SURFACES), "length": length,
        "weights": found.sha256, "split": split,
    }  # fmt: skip
    for k, (name, maker, mine, level) in enumerate(asked):
        table: Rows = {"iou": overlaps(maker, test, mine, np.array([level]))[:, 0]}
        seen = surfaces(maker, test, mine[spread(len(mine), SURFACES)], level)
        names, families = test.category[mine], [held.column("family")[int(i)] for i in test.numbers[mine]]
        result["rows"][name] = {
            "objects": means(table, None), "categories": means(table, names),
            "interval": intervals(table, names, families),
            "f": float(np.mean([x.f_score for x in seen])), "chamfer": float(np.mean([x.chamfer for x in seen])),
            "normals": float(np.mean([x.normal_consistency for x in seen])),
        }  # fmt: skip
        progress("rows", (k + 1) / len(asked))
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_bytes(output / "autoencoder.json", (json.dumps(result, indent=1) + "\n").encode())
    return lines(result)


def spread(count: int, most: int | None) -> NDArray[np.int64]:
    """At most `most` of range(count), evenly over it."""
    shown = count if most is None else min(count, most)
    return np.linspace(0, count - 1, shown).astype(np.int64)


def overlaps(
    maker: Maker, shapes: ShapeSet, numbers: NDArray[np.int64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, levels) intersection over union."""
    out = np.empty((len(numbers), len(levels)))
    for first in range(0, len(numbers), maker.chunk):
        some = numbers[first : first + maker.chunk]
        truth = np.stack([shapes.full(int(i)) for i in some])
        share = maker.again(truth)
        for k, level in enumerate(levels):
            said = share > level
            both, either = (said & truth).sum((1, 2, 3)), (said | truth).sum((1, 2, 3))
            out[first : first + len(some), k] = both / np.maximum(either, 1)
    return out


def surfaces(
    maker: Maker, shapes: ShapeSet, numbers: Sequence[int] | NDArray[np.int64], level: float
) -> list[SurfaceScores]:
    """How near the surface of what is made again lies to that of the shape's own cells."""
    out = []
    for first in range(0, len(numbers), maker.chunk):
        truth = np.stack([shapes.full(int(i)) for i in numbers[first : first + maker.chunk]])
        for full, share in zip(truth, maker.again(truth)):
            if not (share > level).any():
                out.append(WORST_SCORES)
                continue
            meshes = mesh_of(np.array(share, np.float32), level), mesh_of(full.astype(np.float32), 0.5)
            out.append(compare_surfaces(*(sampled(m) for m in meshes)))
    return out


def mesh_of(share: F32, level: float) -> Mesh:
    return surfaced(share, canonical_affine(), level)


def sampled(mesh: Mesh) -> Any:
    return sample_mesh(np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32))


def lines(result: dict[str, Any]) -> list[str]:
    """The table for a person."""
    out = [
        f"{result['shapes']} shapes of the {result['split']} split made again; surfaces of {result['surfaces']}",
        f"{'':<52}{'IoU':>8}{'by kind':>9}{'F 1 %':>8}{'Chamfer':>9}{'normals':>9}",
    ]
    for name, row in result["rows"].items():
        out.append(
            f"{name:<52}{row['objects']['iou']:8.3f}{row['categories']['iou']:9.3f}{row['f']:8.3f}{row['chamfer']:9.4f}"
            f"{row['normals']:9.3f}"
        )
    return out
