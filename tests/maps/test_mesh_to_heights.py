"""Heights of a mesh: analytic on a ball and a box, from every side."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.errors import InputError
from lift3d.maps.mesh_to_heights import MARGIN, MeshToHeights


def test_a_ball_is_exact() -> None:
    field = MeshToHeights(101)(trimesh.creation.icosphere(5, radius=2.0))
    axis = np.linspace(-1, 1, 101) * 2 * (1 + 2 * MARGIN)
    x, z = np.meshgrid(axis, -axis)
    truth = np.sqrt(np.maximum(4 - x**2 - z**2, 0))
    assert field.known is not None and field.values.shape == (101, 101)
    inside = x**2 + z**2 < 3.8
    assert field.known[inside].all() and not field.known[x**2 + z**2 > 4].any()
    assert np.abs(field.values - truth)[inside].max() < 0.01


@pytest.mark.parametrize(("azimuth", "side"), [(0, 3.0), (90, 1.0), (180, 3.0), (270, 1.0)])
def test_the_viewer_walks_around(azimuth: float, side: float) -> None:
    """A box 3 wide, 1 deep and 2 high with a post at +x: seen from +x after a quarter."""
    box = trimesh.creation.box((3, 1, 2))
    field = MeshToHeights(90, azimuth)(box)
    assert field.known is not None
    rows, columns = np.nonzero(field.known)
    ratio = (np.ptp(columns) + 1) / (np.ptp(rows) + 1)
    assert ratio == pytest.approx(side / 2, rel=0.06)
    assert np.ptp(field.values[field.known]) < 1e-6
    assert field.values[field.known].mean() == pytest.approx((4 - side) / 2)


def test_right_is_right_and_up_is_up() -> None:
    box = trimesh.creation.box((0.2, 0.2, 0.2))
    box.apply_translation([1, 0, 2])
    both = trimesh.util.concatenate([box, trimesh.creation.box((0.2, 0.2, 0.2))])
    field = MeshToHeights(64)(both)
    assert field.known is not None
    assert field.known[:10, -8:].any() and not field.known[:10, :10].any() and field.known[-8:, :10].any()
    from_right = MeshToHeights(64, 90)(
        trimesh.util.concatenate([both, box.copy().apply_translation([0, 1, 0])])
    )
    assert from_right.known is not None and from_right.known[:8, -8:].any(), (
        "+y is on the right as seen from +x"
    )


def test_bad_input() -> None:
    with pytest.raises(InputError, match="resolution"):
        MeshToHeights(5)(trimesh.creation.box())
    sheet = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False)
    with pytest.raises(InputError, match="no ray"):
        MeshToHeights(50)(sheet)
    broken = trimesh.creation.box()
    broken.vertices = np.where(np.asarray(broken.vertices) > 0.4, np.nan, broken.vertices)
    with pytest.raises(InputError):
        MeshToHeights(50)(broken)
