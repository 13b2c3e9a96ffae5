"""Agreement of segmentations: published values, formulas of shifted bodies, and structures that are missing."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from lift3d.errors import InputError
from lift3d.geometry.metrics.segmentation import compare_labels, compare_masks, compare_solids, mean_scores
from lift3d.geometry.metrics.surfels import area_table, surfels
from lift3d.types import Labels
from lift3d.types.volumes import Grid


def grid(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
    """A grid with these steps."""
    return Grid(shape, np.diag([*spacing, 1.0]))


def test_areas_of_known_cells() -> None:
    area = area_table(np.diag([3.0, 2.0, 1.0]))
    assert area[0] == area[255] == 0
    corner = np.linalg.norm(np.cross([-1.5, 1, 0], [-1.5, 0, 0.5])) / 2
    for c in range(8):
        assert area[1 << c] == area[255 ^ 1 << c] == pytest.approx(corner)
    assert (
        area[0b01010101] == pytest.approx(2)
        and area[0b00110011] == pytest.approx(3)
        and area[0b00001111] == pytest.approx(6)
    )
    assert area[0b10000001] == pytest.approx(2 * corner)  # opposite corners


def test_areas_do_not_change_with_rotation_and_reflection() -> None:
    turn = Rotation.from_rotvec([0.3, 1.0, -0.4]).as_matrix()
    np.testing.assert_allclose(
        area_table(turn @ np.diag([1, 2, -3])), area_table(np.diag([1.0, 2, 3])), atol=1e-12
    )


def test_surfels_of_a_slanted_plane_have_its_area() -> None:
    index = np.stack(np.meshgrid(*[np.arange(40)] * 3, indexing="ij"), -1)
    places, areas = surfels(index @ [1, 1, 0] < 40, grid((40, 40, 40), (1, 1, 1)))
    inner = (np.abs(places - 19.5) < 10).all(1)  # 19 layers of 19 + 18 cells along the diagonal
    assert areas[inner].sum() == pytest.approx(19 * (19 + 18) * np.sqrt(0.5))


def test_published_values_two_voxels_2_mm_apart() -> None:
    """Values of the tests of github.com/google-deepmind/surface-distance."""
    a, b = np.zeros((2, 128, 128, 128), bool)
    a[50, 60, 70] = b[50, 60, 72] = True
    s = compare_masks(b, a, grid((128, 128, 128), (3, 2, 1)))
    assert (s.assd, s.hd95, s.nsd, s.dice) == pytest.approx((1.5, 2.0, 0.5, 0.0)) and not s.missing


def test_published_values_two_blocks_shifted_by_one_voxel() -> None:
    a, b = np.zeros((2, 100, 100, 100), bool)
    a[:50], b[:51] = True, True
    s = compare_masks(b, a, grid((100, 100, 100), (2, 1, 1)))
    assert (
        s.nsd == pytest.approx(0.836, abs=5e-4) and s.dice == pytest.approx(0.990, abs=5e-4) and s.hd95 == 2.0
    )
    assert 0.322 < s.assd < 0.339


def test_scores_do_not_depend_on_the_frame() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 9, 8, 7)) < 0.5
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_rotvec([0.3, 1.0, -0.4]).as_matrix() @ np.diag([1, 2, 3])
    turned[:3, 3] = 50, -70, 900
    one = compare_masks(a, b, grid((9, 8, 7), (1, 2, 3)), 0.9)
    two = compare_masks(a, b, Grid((9, 8, 7), turned), 0.9)
    assert vars(one) == pytest.approx(vars(two))


def test_a_missing_structure_counts_as_the_worst_and_is_counted() -> None:
    truth, predicted = np.zeros((2, 10, 10, 10), np.uint8)
    truth[2:5, 2:5, 2:5] = predicted[2:5, 2:5, 2:5] = 1
    truth[7:9, 7:9, 7:9], predicted[6:8, 1:3, 1:3] = 2, 3
    affine = np.diag([1.0, 1, 2, 1])
    scores = compare_labels(Labels.of(predicted, affine), Labels.of(truth, affine), [1, 2, 3, 4])
    diagonal = np.sqrt(100 + 100 + 400)
    assert sorted(scores) == [1, 2, 3] and scores[1].dice == 1 and scores[1].assd == 0 and scores[1].nsd == 1
    for n in (2, 3):
        s = scores[n]
        assert s.missing and (s.dice, s.nsd) == (0, 0) and s.hd95 == s.assd == pytest.approx(diagonal)
    assert scores[2].true_ml == pytest.approx(0.016) and scores[2].predicted_ml == 0
    mean = mean_scores(scores.values())
    assert mean.structures == 3 and mean.missing == 2 and mean.dice == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="no structure"):
        mean_scores([])


def test_volumes_on_different_grids_are_refused() -> None:
    ids, moved = np.ones((4, 4, 4), np.uint8), np.eye(4)
    moved[0, 3] = 0.5
    with pytest.raises(InputError, match="up to 0.5 mm apart"):
        compare_labels(Labels.of(ids, np.eye(4)), Labels.of(ids, moved))
    with pytest.raises(InputError, match="4, 4, 3"):
        compare_labels(Labels.of(ids, np.eye(4)), Labels.of(ids[:, :, :3], np.eye(4)))


def test_concentric_balls_of_meshes() -> None:
    a, b = trimesh.creation.icosphere(4, 20.0), trimesh.creation.icosphere(4, 22.0)
    s = compare_solids(a, b, tolerance=1.0, samples=3000)
    assert s.hd95 == pytest.approx(2, abs=0.05) and s.assd == pytest.approx(2, abs=0.05) and s.nsd == 0
    assert s.dice == pytest.approx(2 * 20**3 / (20**3 + 22**3), abs=0.005)
    assert compare_solids(a, b, tolerance=2.1, samples=3000).nsd == 1
    worst = compare_solids(None, b)
    assert (
        worst.missing
        and worst.dice == 0
        and worst.hd95 == pytest.approx(44 * np.sqrt(3))
        and worst.predicted_ml == 0
    )
    with pytest.raises(InputError, match="not closed"):
        compare_solids(trimesh.Trimesh(a.vertices, a.faces[1:], process=False), b)
    with pytest.raises(InputError, match="no structure"):
        compare_solids(None, None)
