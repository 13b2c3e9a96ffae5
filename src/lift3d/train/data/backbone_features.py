"""Features of a frozen backbone: computed once and cached in CORPUS-features, so that heads train in seconds.

Each shape has several variants: the first is the shape unchanged; the others are reoriented, stretched, slightly tilted or
rotated.
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
    """Random variants of shapes. count: variants of each shape, the unchanged one included; rotate: rotation of the others,
    "none", "up" or "any"; with "none" they are tilted (standard deviation `tilt` in degrees), and a fraction `askew` is rotated
    about the vertical by any angle; stretch: largest change of the logarithm of each axis."""

    count: int
    rotate: str
    stretch: float
    tilt: float
    askew: float
    seed: int

    def sample(self, rng: np.random.Generator) -> tuple[int, F32, F32]:
        """A random variant: orientation (train/data/shape_set.py), rotation (3, 3) and stretch (3,)."""
        orientation, stretch = (
            int(rng.integers(ORIENTATIONS)),
            np.exp(rng.uniform(-self.stretch, self.stretch, 3)).astype(np.float32),
        )
        if self.rotate == "none":
            around = random_rotation(rng, "up" if rng.random() < self.askew else "none")
            return orientation, small_rotation(rng, self.tilt) @ around, stretch
        return orientation, random_rotation(rng, self.rotate), stretch


def load_features(
    net: VoxelClassifier,
    shapes: LabelledShapes,
    augmentation: Augmentation,
    precision: str,
    progress: Callable[[float], None],
) -> torch.Tensor:
    """Features (N, count, F) float16 of the variants of all shapes, read from the cache or computed."""
    folder = shapes.shapes.corpus.folder
    which = [shapes.number(i) for i in range(len(shapes))]
    key = repr((augmentation, precision, shapes.shapes.digest(), which, backbone_digest(net)))
    name = f"{shapes.shapes.split}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.safetensors"
    cached = load_or_compute(
        folder.parent / (folder.name + SUFFIX) / name,
        lambda cached: (
            set(cached) == {"said"} and cached["said"].shape[:2] == (len(shapes), augmentation.count)
        ),
        lambda: _compute_all(net, shapes, augmentation, precision, progress),
    )
    return torch.from_numpy(cached["said"])


def augmented_variants(
    shapes: LabelledShapes, i: int, augmentation: Augmentation
) -> tuple[NDArray[np.bool_], F32]:
    """The variants of shape i: occupancy (P, 64, 64, 64) bool and linear maps (P, 3, 3)."""
    full, voxels, maps = shapes.full(i), list[NDArray[np.bool_]](), list[F32]()
    for v in range(augmentation.count):
        rng = np.random.default_rng([augmentation.seed, shapes.number(i), v, SEED])
        orientation, rotation, stretch = (
            augmentation.sample(rng) if v else (0, np.eye(3, dtype=np.float32), np.ones(3, np.float32))
        )
        voxels.append(orient(full, orientation))
        maps.append(rotation @ np.diag(stretch))
    return np.stack(voxels), np.stack(maps).astype(np.float32)


def rotated_features(
    net: VoxelClassifier, shapes: LabelledShapes, numbers: NDArray[np.int64], kind: str, precision: str
) -> torch.Tensor:
    """Features (N, F) of shapes in their evaluation rotations, "none", "up" or "any"."""
    poses = (
        (shapes.full(int(i))[None], evaluation_rotation(shapes.number(int(i)), kind)[None]) for i in numbers
    )
    return compute_features(net, poses, precision)[:, 0]


def _compute_all(
    net: VoxelClassifier,
    shapes: LabelledShapes,
    augmentation: Augmentation,
    precision: str,
    progress: Callable[[float], None],
) -> Arrays:
    def each() -> Iterator[tuple[NDArray[np.bool_], F32]]:
        for i in range(len(shapes)):
            progress(i / len(shapes))
            yield augmented_variants(shapes, i, augmentation)

    return {"said": compute_features(net, each(), precision).half().numpy()}


def compute_features(
    net: VoxelClassifier, poses: Iterable[tuple[NDArray[np.bool_], F32]], precision: str
) -> torch.Tensor:
    """Features (N, P, F) of N shapes in P poses each: occupancy (P, 64, 64, 64) and linear maps (P, 3, 3)."""
    device = next(net.parameters()).device
    training, out, count = net.training, list[torch.Tensor](), 1
    net.eval()
    cached: list[tuple[NDArray[np.bool_], F32]] = []

    def run_batch() -> None:
        voxels, maps = (torch.from_numpy(np.concatenate(parts)).to(device) for parts in zip(*cached))
        with torch.no_grad():
            occupancy = transform_voxels(voxels.float(), maps)
            with autocast_bfloat16(device.type, precision == "bfloat16"):
                out.append(net.features(occupancy).float().cpu())
        cached.clear()

    for one in poses:
        count = len(one[1])
        cached.append(one)
        if len(cached) * count >= CHUNK:
            run_batch()
    if cached:
        run_batch()
    net.train(training)
    return torch.cat(out).view(-1, count, out[0].shape[1])


def backbone_digest(net: VoxelClassifier) -> str:
    """A hash of the backbone's weights."""
    out = hashlib.sha256()
    for name, t in sorted(net.backbone.state_dict().items()):
        out.update(name.encode() + t.detach().cpu().contiguous().numpy().tobytes())
    return out.hexdigest()
