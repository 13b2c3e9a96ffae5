"""Targets: the parts of outputs that they measure, and how their grids lie in each other."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from scipy import ndimage  # noqa: E402

from lift3d.inference.attribution.photo_targets import (  # noqa: E402
    REGIONS,
    label_target,
    log_odds,
    nearest_point,
    region_of,
    spot,
)
from lift3d.inference.attribution.voxel_targets import to_upright  # noqa: E402
from lift3d.maps.voxels_to_label import grid_transform, resample_to_network_grid  # noqa: E402
from lift3d.nets.spatial_transformer import transform_voxels  # noqa: E402
from lift3d.types import Voxels  # noqa: E402


def test_opposite_regions_divide_the_view() -> None:
    assert region_of(8, "whole").all()
    for a, b in (("front", "back"), ("left", "right"), ("top", "bottom")):
        one, other = region_of(8, a), region_of(8, b)
        assert (one ^ other).all() and one.sum() == 256
    assert (
        region_of(8, "front")[0].all()
        and region_of(8, "top")[:, 0].all()
        and region_of(8, "left")[..., 0].all()
    )
    with pytest.raises(ValueError, match="no region"):
        region_of(8, "inside")


def test_a_column_goes_through_the_whole_depth() -> None:
    column = region_of(16, "whole", (0.5, 0.25))
    assert column.sum() == 16 * 9 and column[:, 4, 8].all()
    assert region_of(16, "back", (0.0, 0.0)).sum() == 8 * 4


def test_a_spot_is_a_square_around_the_pixel_within_the_picture() -> None:
    rows, columns = spot((0.5, 0.5), 100, 200)
    assert (rows.start + rows.stop - 1) / 2 == 50 and (columns.start + columns.stop - 1) / 2 == 100
    rows, columns = spot((0.999999, 0.0), 100, 200)
    assert rows.start == 0 and columns.stop == 200


def test_the_nearest_point_is_that_of_the_largest_mean() -> None:
    inverse = torch.zeros(60, 80)
    inverse[0, 0] = 5  # a single pixel is no surface
    inverse[20:30, 50:60] = 1
    x, y = nearest_point(inverse)
    assert 50 <= x * 80 <= 60 and 20 <= y * 60 <= 30


def test_log_odds_are_those_of_the_softmax() -> None:
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1)[:, 2]
    torch.testing.assert_close(log_odds(logits, 2), (p / (1 - p)).log())
    assert log_odds(torch.ones(3, 1), 0).tolist() == [1, 1, 1]


def block(n: int = 64) -> torch.Tensor:
    """An asymmetric shape of three blocks."""
    out = torch.zeros(n, n, n)
    out[10:50, 20:40, 5:20] = 1
    out[10:20, 20:40, 20:45] = 1
    out[44:50, 34:40, 20:30] = 1
    return out


@pytest.mark.parametrize("angle", [0.0, 0.7, 2.0])
def test_the_transform_to_the_upright_grid_is_that_of_the_resampling(angle: float) -> None:
    c, s = np.cos(angle), np.sin(angle)
    rotation = torch.tensor([[[c, -s, 0], [s, c, 0], [0, 0, 1]]], dtype=torch.float32)
    given = block()[None]
    rotated = transform_voxels(given, rotation)[0].numpy()
    matrix = to_upright(given, rotation)
    centre = np.array(ndimage.center_of_mass(given[0].numpy()))
    np.testing.assert_allclose(
        matrix[:3, :3] @ centre + matrix[:3, 3], ndimage.center_of_mass(rotated), atol=0.15
    )
    corner = np.array([49.0, 39, 28])  # inside the smallest block
    at = np.rint(matrix[:3, :3] @ corner + matrix[:3, 3]).astype(int)
    assert rotated[tuple(at)] > 0.5


@pytest.mark.parametrize(("n", "step"), [(64, 1.0), (30, 1.0), (64, -2.0)])
def test_the_transform_to_the_network_grid_is_that_of_the_resampling(n: int, step: float) -> None:
    values = ndimage.zoom(block().numpy(), n / 64, order=0)
    affine = np.diag([step, abs(step), abs(step), 1.0])
    affine[:3, 3] = 3, -2, 7
    voxels = Voxels(values.astype(np.float32), affine, "occupancy")
    full = resample_to_network_grid(voxels)
    matrix = grid_transform(voxels)
    centre = np.array(ndimage.center_of_mass(voxels.inside))
    np.testing.assert_allclose(
        matrix[:3, :3] @ centre + matrix[:3, 3], ndimage.center_of_mass(full), atol=0.5
    )


class Space:
    """An embedding of pictures by their mean colours."""

    on_backbone, image_size = False, 8

    class net(torch.nn.Module):  # noqa: N801
        @staticmethod
        def embed_images(x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3))

    class found:
        name, sha256 = "space", None


class Classifier:
    """The first category for red pictures, the second for the others."""

    names = ("red", "other")

    class net:
        def __call__(self, views: torch.Tensor, solids: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
            assert present.tolist() == [[True, False]] * len(views) and not solids.any()
            return torch.stack([views[:, 0], -views[:, 0]], 1)

    found = Space.found
    net = net()  # type: ignore[assignment]


def test_the_label_of_a_cut_out_is_the_most_probable_one_unless_given() -> None:
    picture = np.zeros((4, 8, 8), np.float32)
    picture[0] = 1
    target, category = label_target(Space(), Classifier(), picture, None)  # type: ignore[arg-type]
    assert (
        category == 0
        and target.what == "label red"
        and float(target(target.input[None])[0]) == pytest.approx(2)
    )
    target, category = label_target(Space(), Classifier(), picture, 1)  # type: ignore[arg-type]
    assert category == 1 and float(target(target.input[None])[0]) == pytest.approx(-2)
    assert tuple(REGIONS)[0] == "whole"
