"""What a trunk that rests says of shapes: made once, kept in CORPUS-features, so that heads learn in seconds.

Of each shape there are some ways: the first as it stands, the others laid, stretched, tilted a little or turned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.shape_classifier import VoxelClassifier
from lift3d.nets.spatial_transformer import transform_voxels
from lift3d.train.data.array_cache import Arrays, load_or_compute
from lift3d.train.data.labelled_shapes import (
    LabelledShapes,
    evaluation_rotation,
    random_rotation,
    small_rotation,
)
from lift3d.train.data.shape_set import ORIENTATIONS, orient

SUFFIX = "-features"
CHUNK = 32
SEED = 4
F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """How shapes are laid. count: ways of each; rotate: how far those beyond the first are turned, "none", "up" or "any"; with
    none they are tilted by so many degrees, a standard deviation, and the share `askew` is turned around the vertical by any
    angle; stretch along each axis, at most."""

    count: int
    rotate: str
    stretch: float
    tilt: float
    askew: float
    seed: int

    def sample(self, rng: np.random.Generator) -> tuple[int, F32, F32]:
        """A move (train/data/shape_set.py), a rotation (3, 3) and a stretch (3,)."""
        move, stretch = (
            int(rng.integers(ORIENTATIONS)),
            np.exp(rng.uniform(-self.stretch, self.stretch, 3)).astype(np.float32),
        )
        if self.rotate == "none":
            around = random_rotation(rng, "up" if rng.random() < self.askew else "none")
            return move, small_rotation(rng, self.tilt) @ around, stretch
        return move, random_rotation(rng, self.rotate), stretch


def load_features(
    net: VoxelClassifier,
    shapes: LabelledShapes,
    ways: Augmentation,
    precision: str,
    progress: Callable[[float], None],
) -> torch.Tensor:
    """(N, count, F) in half precision, from the kept file or made now."""
    folder = shapes.shapes.corpus.folder
    which = [shapes.number(i) for i in range(len(shapes))]
    told = repr((ways, precision, shapes.shapes.digest(), which, backbone_digest(net)))
    name = f"{shapes.shapes.split}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.safetensors"
    held = load_or_compute(
        folder.parent / (folder.name + SUFFIX) / name,
        lambda held: set(held) == {"said"} and held["said"].shape[:2] == (len(shapes), ways.count),
        lambda: _made(net, shapes, ways, precision, progress),
    )
    return torch.from_numpy(held["said"])


def augmented_variants(shapes: LabelledShapes, i: int, ways: Augmentation) -> tuple[NDArray[np.bool_], F32]:
    """(P, 64, 64, 64) cells of shape i, and linear maps (P, 3, 3)."""
    full, cells, maps = shapes.full(i), list[NDArray[np.bool_]](), list[F32]()
    for v in range(ways.count):
        rng = np.random.default_rng([ways.seed, shapes.number(i), v, SEED])
        move, turn, stretch = (
            ways.sample(rng) if v else (0, np.eye(3, dtype=np.float32), np.ones(3, np.float32))
        )
        cells.append(orient(full, move))
        maps.append(turn @ np.diag(stretch))
    return np.stack(cells), np.stack(maps).astype(np.float32)


def rotated_features(
    net: VoxelClassifier, shapes: LabelledShapes, numbers: NDArray[np.int64], kind: str, precision: str
) -> torch.Tensor:
    """(N, F) of shapes turned as `kind` says and as their numbers in the corpus decide."""
    poses = (
        (shapes.full(int(i))[None], evaluation_rotation(shapes.number(int(i)), kind)[None]) for i in numbers
    )
    return compute_features(net, poses, precision)[:, 0]


def _made(
    net: VoxelClassifier,
    shapes: LabelledShapes,
    ways: Augmentation,
    precision: str,
    progress: Callable[[float], None],
) -> Arrays:
    def each() -> Iterator[tuple[NDArray[np.bool_], F32]]:
        for i in range(len(shapes)):
            progress(i / len(shapes))
            yield augmented_variants(shapes, i, ways)

    return {"said": compute_features(net, each(), precision).half().numpy()}


def compute_features(
    net: VoxelClassifier, poses: Iterable[tuple[NDArray[np.bool_], F32]], precision: str
) -> torch.Tensor:
    """(N, P, F) of things in P poses each: their cells (P, 64, 64, 64) and linear maps (P, 3, 3)."""
    device = next(net.parameters()).device
    learning, out, count = net.training, list[torch.Tensor](), 1
    net.eval()
    held: list[tuple[NDArray[np.bool_], F32]] = []

    def ask() -> None:
        cells, maps = (torch.from_numpy(np.concatenate(parts)).to(device) for parts in zip(*held))
        with torch.no_grad():
            share = transform_voxels(cells.float(), maps)
            with autocast_bfloat16(device.type, precision == "bfloat16"):
                out.append(net.features(share).float().cpu())
        held.clear()

    for one in poses:
        count = len(one[1])
        held.append(one)
        if len(held) * count >= CHUNK:
            ask()
    if held:
        ask()
    net.train(learning)
    return torch.cat(out).view(-1, count, out[0].shape[1])


def backbone_digest(net: VoxelClassifier) -> str:
    """Of the trunk's weights."""
    out = hashlib.sha256()
    for name, t in sorted(net.backbone.state_dict().items()):
        out.update(name.encode() + t.detach().cpu().contiguous().numpy().tobytes())
    return out.hexdigest()
