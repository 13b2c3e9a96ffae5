"""Sets of shapes for the table of a generator, from stub samplers and decoders: counts, empty samples and interpolations."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.evaluate.cases import generation  # noqa: E402
from lift3d.evaluate.cases.generation import (  # noqa: E402
    EMPTY,
    MAX_TILES,
    autoencoded_shapes,
    interpolations,
    point_clouds,
    sample_solids,
    sample_surfaces,
)
from lift3d.geometry.voxels.canonical_frame import canonical_affine  # noqa: E402
from lift3d.maps.latent_to_voxels import MARGIN  # noqa: E402

CATEGORIES = ("chair", "table")


def cube(half: int) -> np.ndarray:
    """A cube with sides of 2 * half voxels in the centre of the grid."""
    full = np.zeros((64, 64, 64), bool)
    inside = slice(32 - half, 32 + half)
    full[inside, inside, inside] = True
    return full


class Cubes:
    """Shape i is a cube with sides of 4 * (i + 1) voxels."""

    def full(self, i: int) -> np.ndarray:
        return cube(2 * (i + 1))


class Decoder:
    """Decodes a code to the cube with half the side that is its first number; 0 is an empty grid."""

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(20.0 * cube(int(code.flatten()[0])) - 10)[None].float()


def sampler(sizes: dict[int, int], categories: tuple[str, ...] = CATEGORIES) -> Any:
    """A generator whose sample k has the half side sizes[k]; it is used for the second of its categories alone."""

    def sample(index: int, seeds: tuple[int, ...]) -> np.ndarray:
        assert seeds[0] == 7 and index == (1 if categories else 0)
        return np.full((1, 1, 1, 1), sizes[seeds[1]], np.float32)

    return SimpleNamespace(categories=categories, space="s", sample=sample)


def test_point_clouds_lie_on_the_surfaces_of_the_shapes() -> None:
    clouds = point_clouds(Cubes(), np.array([7, 2]))  # type: ignore[arg-type]
    step = canonical_affine()[0, 0]
    assert clouds.shape == (2, 1024, 3)
    for cloud, side in zip(clouds, (32, 12)):
        assert np.ptp(cloud, axis=0) == pytest.approx(side * step, rel=0.05)


@pytest.mark.slow
def test_an_interpolation_of_two_cubes_has_the_mean_of_their_sides() -> None:
    indices = np.array([3, 7, 9])  # half sides 8, 16 and 20
    clouds = point_clouds(Cubes(), indices)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    first = np.random.default_rng(0).permutation(3)
    points, grids = interpolations(Cubes(), indices, clouds, 3, rng)  # type: ignore[arg-type]
    assert points.shape == (3, 1024, 3)
    nearest = {0: (8, 16), 1: (16, 20), 2: (20, 16)}
    for k, grid in zip(first, grids):
        # on the axis of a cube the signed distance is linear, so that the zero of the mean lies midway
        extent = int(grid[:, 32, 32].sum())
        assert extent == pytest.approx(sum(nearest[int(k)]), abs=2)


def test_a_reconstruction_is_evaluated_and_an_empty_one_has_the_points_of_the_original(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shrunk(grids: np.ndarray) -> np.ndarray:
        return np.stack([cube(4) if g.sum() > 4000 else cube(0) for g in grids]).astype(np.float32)

    monkeypatch.setattr(generation, "Autoencoded", lambda codec: SimpleNamespace(reconstruct=shrunk))
    points, grids = autoencoded_shapes(Cubes(), np.array([3, 1]), None)  # type: ignore[arg-type]
    assert np.array_equal(grids[0], cube(4)) and not grids[1].any()
    step = canonical_affine()[0, 0]
    assert np.ptp(points[0], axis=0) == pytest.approx(8 * step, rel=0.1)
    assert np.ptp(points[1], axis=0) == pytest.approx(8 * step, rel=0.1)  # the original of 8 voxels


def test_an_empty_sample_has_the_empty_point_cloud() -> None:
    points, grids = sample_surfaces(sampler({0: 5, 1: 0, 2: 9}), "table", 3, 7, Decoder())  # type: ignore[arg-type]
    assert [int(g.sum()) for g in grids] == [10**3, 0, 18**3]
    assert np.array_equal(points[1], EMPTY) and points[0].any()


def test_the_prior_has_no_categories() -> None:
    _, grids = sample_surfaces(sampler({0: 5}, ()), "table", 1, 7, Decoder())  # type: ignore[arg-type]
    assert grids[0].sum() == 10**3


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the samples that were decoded. A code of 0 gives no solid."""
    seen: list[int] = []

    def decode(latent: Any, autoencoder: str | None, symmetric: bool) -> Any:
        size = int(latent.code.flat[0])
        seen.append(size)
        return SimpleNamespace(mesh=size, occupancy=np.pad(cube(size), MARGIN)) if size else None

    monkeypatch.setattr(generation, "decode_solid", decode)
    monkeypatch.setattr(generation, "Latent", lambda code, space: SimpleNamespace(code=code, space=space))
    monkeypatch.setattr(
        generation, "sample_with_rejection", lambda some, index, seeds, autoencoder: some.sample(index, seeds)
    )
    monkeypatch.setattr(generation, "sample_points", lambda mesh: np.full((1024, 3), mesh, np.float32))
    monkeypatch.setattr(generation, "thumbnail", lambda mesh, side: np.full((side, side, 3), mesh, np.uint8))
    return seen


def test_samples_without_a_solid_are_replaced_by_later_ones(attempts: list[int]) -> None:
    done: list[float] = []
    points, grids, fraction, tiles = sample_solids(
        sampler({0: 0, 1: 3, 2: 0, 3: 5, 4: 8}), "table", 2, 7, None, done.append
    )
    assert attempts == [0, 3, 0, 5] and fraction == 0.5 and done == [0.5, 1.0]
    assert points[:, 0, 0].tolist() == [3, 5] and [t[0, 0, 0] for t in tiles] == [3, 5]
    assert np.array_equal(grids[0], cube(3)) and np.array_equal(grids[1], cube(5))


def test_after_three_attempts_for_each_sample_the_others_are_empty(attempts: list[int]) -> None:
    points, grids, fraction, tiles = sample_solids(
        sampler({0: 0, 1: 0, 2: 4, 3: 0, 4: 0, 5: 0}), "table", 2, 7, None, lambda fraction: None
    )
    assert len(attempts) == 6 and fraction == 1 / 6 and len(tiles) == 1
    assert np.array_equal(points[1], EMPTY) and not grids[1].any() and grids[1].shape == (64, 64, 64)


def test_only_the_first_samples_are_rendered(attempts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "MAX_TILES", 2)
    _, grids, _, tiles = sample_solids(
        sampler({k: k + 1 for k in range(4)}), "table", 4, 7, None, lambda f: None
    )
    assert len(tiles) == 2 < len(grids) == 4 < MAX_TILES
