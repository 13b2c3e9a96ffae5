"""Asked in eight ways, the network hears the same part eight times: moves of cells are moves of the points."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.completion.partial_frame import PartialFrame, partial_voxels
from lift3d.maps.points_to_voxels import (
    SYMMETRIES,
    PointsToVoxels,
    apply_symmetry,
    count_at_wall,
    predict_occupancy,
    undo_symmetry,
)
from lift3d.types import Points


def moved(x: np.ndarray, move: int) -> np.ndarray:
    """Points or normals around the origin, as `laid` moves their cells."""
    out = x * [-1 if move & 1 else 1, -1 if move & 2 else 1, 1]
    return out[:, [1, 0, 2]] if move & 4 else out


@pytest.mark.parametrize("move", range(SYMMETRIES))
def test_cells_move_with_their_points(move: int) -> None:
    rng = np.random.default_rng(move)
    p, n = (
        rng.uniform(-0.4, 0.4, (400, 3)),
        np.eye(3)[rng.integers(0, 3, 400)] * rng.choice([-1, 1], (400, 1)),
    )
    frame = PartialFrame(np.full(3, -0.5), 1.0)
    cells = partial_voxels(p, n, frame)
    assert np.allclose(
        apply_symmetry(cells, move), partial_voxels(moved(p, move), moved(n, move), frame), atol=1e-4
    )
    assert np.array_equal(undo_symmetry(apply_symmetry(cells, move)[0], move), cells[0])


def test_all_ways_of_asking_are_brought_back_together() -> None:
    torch = pytest.importorskip("torch")
    from lift3d.inference.torch_network import TorchNetwork

    class Echo(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1))

        def forward(self, cells: torch.Tensor) -> torch.Tensor:
            return 20 * cells[:, 0] - 10

    cells = np.zeros((5, 64, 64, 64), np.float32)
    cells[0, 3:20, 30:33, 5:60] = 1
    assert np.allclose(
        predict_occupancy(TorchNetwork("points_to_voxels", Echo()), cells), cells[0], atol=1e-4
    )


def test_a_guess_that_runs_into_the_wall_is_noticed() -> None:
    share = np.zeros((64, 64, 64), np.float32)
    share[20:40, 20:40, 2:62] = 1
    assert count_at_wall(share, 0.5) == 0
    share[20:40, 20:40, 0] = 1
    assert count_at_wall(share, 0.5) == 400


def test_too_little_is_one_sentence() -> None:
    some = np.random.default_rng(0).normal(size=(200, 3))
    with pytest.raises(InputError, match="no normals"):
        PointsToVoxels()(Points(some), Context())
    normals = np.tile(np.array([0, 0, 1], np.float32), (200, 1))
    with pytest.raises(InputError, match="only 50 points"):
        PointsToVoxels()(Points(some[:50], normals[:50]), Context())
    with pytest.raises(InputError, match="augmentations"):
        PointsToVoxels(augmentations=9)(Points(some, normals), Context())
