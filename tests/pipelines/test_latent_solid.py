"""Voxels of latent codes become solids: closed, of the right volume, at the size that is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.context import Context
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.pipelines import latent_solid
from lift3d.pipelines.latent_solid import decode_solid, extract_solid, scale_to_longest_side
from lift3d.types import Latent, Voxels

SIDE = 24


def ball(radius: float) -> Voxels:
    """A smooth ball in a grid of 24 voxels whose affine spans the unit cube."""
    x = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    distance = np.linalg.norm(np.stack(np.meshgrid(x, x, x, indexing="ij"), -1), axis=-1)
    values = np.clip(0.5 + (radius - distance) * SIDE, 0, 1).astype(np.float32)
    affine = np.diag([1 / SIDE, 1 / SIDE, 1 / SIDE, 1.0])
    affine[:3, 3] = 0.5 / SIDE - 0.5
    return Voxels(values, affine, "occupancy")


def test_a_ball_of_voxels_is_a_ball() -> None:
    mesh = extract_solid(ball(0.35), Context())
    assert mesh is not None and inspect_solid(mesh).is_solid
    assert mesh.volume == pytest.approx(4 / 3 * np.pi * 0.35**3, rel=0.05)
    np.testing.assert_allclose(mesh.bounds.mean(0), 0, atol=0.02)


def patch_decoder(monkeypatch: pytest.MonkeyPatch, voxels: Voxels) -> None:
    """Every latent is decoded to these voxels."""

    class Decoder:
        def __init__(self, weights: str | None) -> None:
            pass

        def __call__(self, code: Latent, context: Context) -> Voxels:
            return voxels

    monkeypatch.setattr("lift3d.maps.latent_to_voxels.LatentToVoxels", Decoder)


CODE = Latent(np.zeros((1, 2, 2, 2), np.float32), "space")


def test_a_decoded_solid_stands_on_a_flat_base(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_decoder(monkeypatch, ball(0.4))
    solid = decode_solid(CODE)
    assert solid is not None and inspect_solid(solid.mesh).is_solid and solid.samples == 1
    assert solid.occupancy.shape == (SIDE,) * 3 and solid.occupancy.sum() == (ball(0.4).values > 0.5).sum()
    v, f = np.asarray(solid.mesh.vertices), np.asarray(solid.mesh.faces)
    on_base = (v[f][:, :, 2] <= v[:, 2].min() + 1e-9).all(1)
    assert solid.mesh.area_faces[on_base].sum() > 0.003


def test_a_code_that_fills_nothing_has_no_solid(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_decoder(monkeypatch, ball(0.02))
    assert decode_solid(CODE) is None


def test_symmetric_makes_a_nearly_symmetric_shape_symmetric(monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = ball(0.4)
    values = voxels.values.copy()
    values[3:6, 11:13, 11:13] = 1.0  # a bump on one side
    patch_decoder(monkeypatch, Voxels(values, voxels.affine, "occupancy"))
    as_decoded, symmetric = decode_solid(CODE), decode_solid(CODE, symmetric=True)
    assert as_decoded is not None and symmetric is not None

    def asymmetry(full: np.ndarray) -> int:
        return min(int((full != np.flip(full, axis)).sum()) for axis in (0, 1))

    assert asymmetry(symmetric.occupancy) <= asymmetry(as_decoded.occupancy)


def test_a_surface_that_cannot_be_repaired_has_no_solid(monkeypatch: pytest.MonkeyPatch) -> None:
    from lift3d.errors import SolidError
    from lift3d.maps.mesh_to_solid import MeshToSolid
    from lift3d.maps.voxels_to_mesh import VoxelsToMesh

    hollow = trimesh.creation.box()
    hollow.update_faces(np.arange(10))

    def fail(*_: object) -> trimesh.Trimesh:
        raise SolidError("it is hopeless")

    monkeypatch.setattr(VoxelsToMesh, "extract", lambda *_: (hollow, False))
    monkeypatch.setattr(MeshToSolid, "apply", fail)
    assert extract_solid(ball(0.3), Context()) is None
    monkeypatch.setattr(MeshToSolid, "apply", lambda *_: hollow)
    assert extract_solid(ball(0.3), Context()) is None, "still open after the repair"
    assert latent_solid.MIN_VOXELS > 0


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_scaling_to_a_longest_side(side: float, size: float) -> None:
    box = trimesh.creation.box((0.3 * side, side, 0.5 * side))
    scaled = scale_to_longest_side(box.copy(), size)
    np.testing.assert_allclose(scaled.extents, np.array([0.3, 1, 0.5]) * size, rtol=1e-9)
    assert scaled.units == "m"
    without = scale_to_longest_side(box, None)
    assert without.units is None and without.extents.max() == pytest.approx(1)
