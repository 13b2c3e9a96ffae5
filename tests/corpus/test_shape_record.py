"""What is kept of a thing, against what is known of simple solids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import trimesh
from shape_makers import box, part, shape_record

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.parts.clean import clean_parts
from lift3d.geometry.parts.sampling import RANGE, sample_parts, unpack_samples
from lift3d.geometry.voxels.canonical_frame import CUBE_SIDE, RESOLUTION, canonical_grid
from lift3d.io.mesh import glb_reader
from lift3d.maps.mesh_to_voxels import MeshToVoxels
from lift3d.types import Material, Part


def test_a_box_has_its_volume_thickness_and_colour() -> None:
    shape = shape_record(box(2, 1, 0.5))
    cell = CUBE_SIDE / RESOLUTION
    assert shape.inside.sum() * cell**3 == pytest.approx(1 * 0.5 * 0.25, rel=0.05)
    area = 2 * (1 * 0.5 + 1 * 0.25 + 0.5 * 0.25)
    assert shape.surface.area == pytest.approx(area)
    assert shape.thickness == pytest.approx(2 * 0.125 / area / cell, rel=0.05)
    assert shape.closed and not shape.thin and not shape.textured and shape.faces == (12, 12)
    assert (shape.surface.colours == [200, 30, 40]).all()
    assert (shape.surface_voxels.any(2) >= shape.inside.any(2)).all()
    low, high = shape.surface.points.min(0), shape.surface.points.max(0)
    np.testing.assert_allclose(low, [-0.5, -0.25, 0], atol=0.02)
    np.testing.assert_allclose(high, [0.5, 0.25, 0.25], atol=0.02)
    (kept,) = glb_reader.read(shape.mesh, Path("x.glb")).parts
    assert np.ptp(kept.vertices, 0) == pytest.approx([1, 0.5, 0.25]) and kept.material.colour == (
        200,
        30,
        40,
        255,
    )


def test_a_sheet_is_thin_and_a_ball_is_exact_at_every_voxel() -> None:
    a = np.array(
        [[-1, 0, 0], [1, 0, 0], [1, 0, 2], [-1, 0, 2.0]]
    )  # two crossing sheets, as games make bushes
    v = np.concatenate([a, a[:, [1, 0, 2]], a[:, [1, 0, 2]] * [1, 1, 0.5], a[:, [0, 1, 2]] * [1, 1, 0.3]])
    f = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(4)])
    thin = shape_record(Part(v, np.concatenate([f, f[:, ::-1]])))
    assert thin.thin and not thin.closed
    ball = shape_record(part(trimesh.creation.icosphere(4)))
    origin, step = canonical_grid()
    centres = np.stack(np.meshgrid(*[np.arange(RESOLUTION)] * 3, indexing="ij"), -1) * step + origin
    far = np.linalg.norm(centres - [0, 0, 0.5], axis=-1)
    assert ((far < 0.497) <= ball.inside).all() and (ball.inside <= (far < 0.501)).all()


def test_packed_samples_come_back() -> None:
    cleaned = clean_parts([box(1, 1, 1)])
    s = sample_parts(cleaned.parts, 500)
    xyz, n, colours = unpack_samples(s.pack())
    assert np.abs(xyz - s.points).max() <= RANGE / 65535
    assert (n * s.normals).sum(1).min() > 0.9999 and (colours == s.colours).all()


def test_what_a_texture_leaves_out_is_not_sampled() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, 4:] = [10, 200, 10, 255]  # the right half is there
    v = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    leaf = Part(
        v,
        np.array([[0, 1, 2], [0, 2, 3]]),
        v[:, :2],
        None,
        Material("m", texture=PIL.Image.fromarray(pixels)),
    )
    s = sample_parts([leaf], 400)
    assert (s.points[:, 0] > 0.49).all() and (s.colours == [10, 200, 10]).all()


def test_the_digest_is_independent_of_the_order() -> None:
    rng = np.random.default_rng(0)
    ball = trimesh.creation.icosphere(2)
    order, turn = rng.permutation(len(ball.faces)), rng.permutation(len(ball.vertices))
    f = np.argsort(turn)[ball.faces][order][:, [1, 2, 0]]
    other = Part(np.asarray(ball.vertices)[turn] * 3 + 7, f)
    assert shape_record(part(ball)).digest == shape_record(other).digest != shape_record(box(1, 1, 1)).digest


@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes() -> None:
    a, b = (shape_record(box(1, 2, 3), part(trimesh.creation.icosphere(5))) for _ in range(2))
    assert a.mesh == b.mesh and (a.inside == b.inside).all() and (a.descriptor == b.descriptor).all()
    assert (a.surface.pack() == b.surface.pack()).all()


@pytest.mark.parametrize("kind", ["occupancy", "signed_distance"])
def test_voxels_of_a_mesh(kind: str) -> None:
    ball = trimesh.creation.icosphere(4, radius=2.0)
    ball.apply_translation([5, 0, -3])
    voxels = MeshToVoxels(32, kind)(ball, Context())
    nodes = np.stack(np.meshgrid(*[np.arange(32)] * 3, indexing="ij"), -1)
    centres = nodes @ voxels.affine[:3, :3].T + voxels.affine[:3, 3]
    far = np.linalg.norm(centres - [5, 0, -3], axis=-1) - 2
    clear = np.abs(far) > 0.01
    if kind == "occupancy":
        assert ((voxels.values > 0.5) == (far < 0))[clear].all()
    else:
        assert np.abs(voxels.values - far)[clear].max() < 0.01


def test_voxels_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="no faces with an area"):
        MeshToVoxels()(trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], process=False))
    with pytest.raises(InputError, match="2 to 512"):
        MeshToVoxels(1)(trimesh.creation.box())
