"""Sets of shapes that the table of a generator compares: real, interpolated, autoencoded and generated shapes, each as point
clouds (N, 1024, 3) and voxel grids (64, 64, 64)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.evaluate.autoencoder import surface_mesh
from lift3d.evaluate.baselines.autoencoder import Autoencoded
from lift3d.evaluate.scores.generation import POINTS, sample_points
from lift3d.geometry.metrics.chamfer import chamfer_matrix
from lift3d.geometry.symmetry.symmetrize import symmetrize
from lift3d.inference.generators import LatentSampler
from lift3d.inference.networks import inference_mode
from lift3d.inference.rejection_sampling import sample_with_rejection
from lift3d.maps.latent_to_voxels import MARGIN
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.nets.sizes import GRID_SIZE
from lift3d.pipelines.latent_solid import decode_solid
from lift3d.pipelines.models import thumbnail
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F32, Latent

Grid = NDArray[np.bool_]
EMPTY = np.zeros((POINTS, 3), np.float32)
"""The point cloud of a sample that has no surface."""
MAX_TILES, TILE_SIZE = 64, 128
"""Maximum number of samples that are rendered, and the side of each picture in pixels."""


def point_clouds(shapes: ShapeSet, indices: NDArray[np.int64]) -> F32:
    """Point clouds (N, 1024, 3) of shapes of a split, given by their indices (N,)."""
    return np.stack(
        [sample_points(surface_mesh(shapes.full(int(i)).astype(np.float32), 0.5)) for i in indices]
    )


def interpolations(
    train: ShapeSet, indices: NDArray[np.int64], clouds: F32, count: int, rng: np.random.Generator
) -> tuple[F32, list[Grid]]:
    """`count` random training shapes, each interpolated with its nearest neighbour: the zero level set of the mean of their
    signed distances. clouds: point clouds of the shapes `indices`."""
    out: list[F32] = []
    grids: list[Grid] = []
    first = rng.permutation(len(indices))[:count]
    distance = chamfer_matrix(clouds[first], clouds)
    distance[np.arange(len(first)), first] = np.inf
    for i, other in zip(first, distance.argmin(1)):
        pair = [train.full(int(indices[j])) for j in (i, other)]
        inside = sum(ndimage.distance_transform_edt(p) - ndimage.distance_transform_edt(~p) for p in pair)
        full = np.asarray(inside > 0)
        grids.append(full if full.any() else pair[0])
        out.append(sample_points(surface_mesh(grids[-1].astype(np.float32), 0.5)))
    return np.stack(out), grids


def autoencoded_shapes(
    test: ShapeSet, indices: NDArray[np.int64], codec: ShapeAutoencoder
) -> tuple[F32, list[Grid]]:
    """Test shapes after encoding and decoding; a shape whose reconstruction is empty has the points of the original."""
    method = Autoencoded(codec)
    out: list[F32] = []
    grids: list[Grid] = []
    for i in indices:
        full = test.full(int(i))
        occupancy = method.reconstruct(full[None])[0]
        visible = occupancy if (occupancy > 0.5).any() else full.astype(np.float32)
        out.append(sample_points(surface_mesh(visible, 0.5)))
        grids.append(occupancy > 0.5)
    return np.stack(out), grids


def sample_surfaces(
    sampler: LatentSampler, category: str, count: int, seed: int, codec: ShapeAutoencoder
) -> tuple[F32, list[Grid]]:
    """The first `count` samples of a generator, without rejection and without conversion to solids, which takes minutes for
    noise."""
    index = sampler.categories.index(category) if sampler.categories else 0
    out: list[F32] = []
    grids: list[Grid] = []
    for k in range(count):
        with inference_mode():
            code = torch.from_numpy(sampler.sample(index, (seed, k)))[None]
            occupancy = codec.decode(code).sigmoid()[0].numpy()
        occupancy = symmetrize(occupancy, 0.5)[0]
        grids.append(occupancy > 0.5)
        out.append(sample_points(surface_mesh(occupancy, 0.5)) if grids[-1].any() else EMPTY)
    return np.stack(out), grids


def sample_solids(
    sampler: LatentSampler, category: str, count: int, seed: int, autoencoder: str | None,
    progress: Callable[[float], None],
) -> tuple[F32, list[Grid], float, list[NDArray[np.uint8]]]:  # fmt: skip
    """The first `count` samples of `lift3d generate` that are not empty: point clouds, grids, the fraction of samples that
    became solids, and tiles of the first 64. If 3 * count attempts yield fewer, the others are empty."""
    index = sampler.categories.index(category) if sampler.categories else 0
    rows: list[F32] = []
    grids: list[Grid] = []
    tiles: list[NDArray[np.uint8]] = []
    attempts = 0
    while len(rows) < count and attempts < 3 * count:
        code = sample_with_rejection(sampler, index, (seed, attempts), autoencoder)
        solid = decode_solid(Latent(code, sampler.space), autoencoder, symmetric=True)
        attempts += 1
        if solid is None:
            continue
        rows.append(sample_points(solid.mesh))
        grids.append(solid.occupancy[(slice(MARGIN, -MARGIN),) * 3])
        progress(len(rows) / count)
        if len(tiles) < MAX_TILES:
            tiles.append(thumbnail(solid.mesh, TILE_SIZE))
    fraction = len(rows) / max(attempts, 1)
    grids += [np.zeros((GRID_SIZE,) * 3, bool)] * (count - len(rows))
    rows += [EMPTY] * (count - len(rows))
    return np.stack(rows), grids, fraction, tiles
