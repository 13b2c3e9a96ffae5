"""Sizes of label maps and meshes against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.errors import InputError
from lift3d.geometry.volume.measure import measure_labels, measure_mesh
from lift3d.types import Labels


def test_a_ball_has_its_volume_and_area() -> None:
    index = np.stack(np.meshgrid(*[np.arange(44)] * 3, indexing="ij"), -1)
    ids = np.where(np.linalg.norm(index - 21.6, axis=-1) < 18.3, 6, 0).astype(np.uint8)
    one = measure_labels(Labels.of(ids, np.diag([0.5, -0.5, 0.5, 1]), {6: "kidney"}))[6]
    r = 18.3 / 2
    assert one.name == "kidney" and one.voxels == (ids == 6).sum() and one.parts == 1
    assert one.volume_ml == pytest.approx(4 / 3 * np.pi * r**3 / 1000, rel=5e-3)
    assert one.area_mm2 == pytest.approx(4 * np.pi * r**2, rel=0.01)
    np.testing.assert_allclose(one.low, [10.8 - r, -10.8 - r, 10.8 - r], atol=0.2)


def test_a_mesh_has_its_volume_and_an_open_one_has_none() -> None:
    box = trimesh.creation.box((10, 20, 30))
    one = measure_mesh(box)
    assert one.volume_ml == pytest.approx(6) and one.area_mm2 == pytest.approx(2200) and one.parts == 1
    with pytest.raises(InputError, match="not closed"):
        measure_mesh(trimesh.Trimesh(box.vertices, box.faces[1:], process=False))
