"""Reliefs: exact sizes, the front in the right orientation, frame, photo detail, bad options."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.maps.heights_to_relief import HeightsToRelief
from lift3d.maps.mesh_to_heights import MeshToHeights
from lift3d.types import HeightField, Image

Y, X = np.mgrid[:90, :120] / 120.0
SCENE = HeightField((np.exp(-((X - 0.25) ** 2 + (Y - 0.2) ** 2) / 0.01) + 0.02 * X).astype(np.float32))
MAKE = HeightsToRelief(width=0.06, depth=3e-3, base=1.5e-3, detail=0.5e-3)


def test_sizes_and_orientation() -> None:
    mesh = MAKE(SCENE)
    assert inspect_solid(mesh).is_solid and mesh.units == "m"
    assert np.allclose(mesh.extents, [0.06, 0.045, 4.5e-3]) and mesh.vertices[:, 2].min() == 0
    x, y, _ = mesh.vertices[np.argmax(mesh.vertices[:, 2])]
    assert abs(x + 0.03 - 0.25 * 0.06) < 0.01 and abs(0.045 - y - 0.2 * 0.06) < 0.01, "the bump is upper left"


def test_a_frame_is_as_high_as_the_relief() -> None:
    mesh = replace(MAKE, frame=0.005)(SCENE)
    v = np.asarray(mesh.vertices)
    assert np.allclose(mesh.extents[:1], 0.06) and inspect_solid(mesh).is_solid
    edge = v[(np.abs(np.abs(v[:, 0]) - 0.03) < 1e-9) & (v[:, 2] > 0)]
    assert np.allclose(edge[:, 2], 4.5e-3)


def test_order_of_heights_on_a_pyramid_is_kept() -> None:
    steps = np.maximum(np.abs(X - 0.5), np.abs(Y - 0.375) * 4 / 3)
    heights = HeightField(np.floor(5 - 10 * steps).astype(np.float32) + (0.001 * X).astype(np.float32))
    field = HeightField((-steps).astype(np.float32))
    solid, thickness = MAKE.solid(field, Context())
    middle = thickness[len(thickness) // 2]
    rising = np.diff(middle[: len(middle) // 2])
    assert (rising > -1e-9).all() and np.ptp(thickness) == pytest.approx(3e-3)
    assert heights.values.shape == field.values.shape and len(solid.faces)


def test_the_photo_adds_its_detail() -> None:
    stripes = np.where((np.arange(120) // 4) % 2, 255, 0).astype(np.uint8)
    photo = Image(np.repeat(np.tile(stripes, (90, 1))[..., None], 3, 2), "stripes")
    context = Context()
    plain = MAKE.solid(replace(SCENE, image=photo), context)[1]
    fine = replace(MAKE, detail_strength=0.5).solid(replace(SCENE, image=photo), context)[1]
    assert np.abs(np.diff(fine[70])).mean() > 2 * np.abs(np.diff(plain[70])).mean()
    assert np.ptp(fine) == pytest.approx(3e-3)


def test_a_mesh_stands_out_of_its_background() -> None:
    field = MeshToHeights(120)(trimesh.creation.icosphere(4))
    solid, thickness = MAKE.solid(field, Context())
    assert thickness[0, 0] == pytest.approx(1.5e-3)
    n, m = thickness.shape
    assert thickness[n // 2, m // 2] > 4.2e-3
    ring = thickness[n // 2, :]
    assert (ring[(ring > 1.6e-3)] > 1.5e-3 + 0.2 * 3e-3).all(), "the silhouette is a step"
    assert len(solid.faces)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": 0.0}, "depth of 0 mm"),
        ({"depth": 1.0}, "depth of 1.00 m"),
        ({"base": 0.1e-3}, "base of 0.1 mm"),
        ({"compression": -1.0}, "compression"),
        ({"detail_strength": 2.0}, "detail strength"),
        ({"frame": -0.1}, "negative"),
        ({"width": 0.002}, "show nothing"),
    ],
)
def test_bad_options(options: dict[str, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        replace(MAKE, **options)(SCENE)


def test_bad_heights() -> None:
    with pytest.raises(InputError, match="equal"):
        MAKE(HeightField(np.ones((90, 120), np.float32)))
    with pytest.raises(InputError, match="no height is known"):
        MAKE(HeightField(np.ones((90, 120), np.float32), np.zeros((90, 120), bool)))
    with pytest.raises(InputError, match="aspect"):
        MAKE(replace(SCENE, image=Image(np.zeros((90, 90, 3), np.uint8), "square")))
    with pytest.raises(ValueError, match="finite"):
        HeightField(np.full((9, 9), np.nan, np.float32))
