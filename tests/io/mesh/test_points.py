"""Point clouds: text and binary, with and without normals; damaged files are one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.io.mesh.meshes import save_mesh
from lift3d.io.mesh.points import load_surface, read_points
from lift3d.types import Points

NAMES = ("x", "y", "z", "nx", "ny", "nz")


def cloud(xyz: np.ndarray, normals: np.ndarray | None, binary: bool, faces: bool = False) -> bytes:
    table = xyz if normals is None else np.column_stack([xyz, normals])
    head = f"ply\nformat {'binary_little_endian' if binary else 'ascii'} 1.0\nelement vertex {len(xyz)}\n"
    head += "".join(f"property float {name}\n" for name in NAMES[: table.shape[1]])
    if faces:
        head += "element face 0\nproperty list uchar int vertex_indices\n"
    body = (
        table.astype("<f4").tobytes() if binary else "\n".join(" ".join(map(str, r)) for r in table).encode()
    )
    return head.encode() + b"end_header\n" + body


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("faces", [False, True])
def test_points_are_read(binary: bool, faces: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    xyz, normals = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    (tmp_path / "a.ply").write_bytes(cloud(xyz, normals, binary, faces))
    found = load_surface(tmp_path / "a.ply")
    assert isinstance(found, Points) and found.normals is not None
    assert np.allclose(found.xyz, xyz, atol=1e-5)
    assert np.allclose(found.normals, normals / np.linalg.norm(normals, axis=1, keepdims=True), atol=1e-5)
    (tmp_path / "b.ply").write_bytes(cloud(xyz, None, binary, faces))
    bare = load_surface(tmp_path / "b.ply")
    assert isinstance(bare, Points) and bare.normals is None


def test_a_mesh_stays_a_mesh(tmp_path: Path) -> None:
    save_mesh(trimesh.creation.box(), tmp_path / "box.ply")
    save_mesh(trimesh.creation.box(), tmp_path / "box.stl")
    for name in ("box.ply", "box.stl"):
        assert isinstance(load_surface(tmp_path / name), trimesh.Trimesh)


def test_points_that_are_not_finite_are_left_out() -> None:
    xyz, normals = np.ones((5, 3)), np.tile([0.0, 0, 2], (5, 1))
    xyz[1, 0], normals[2] = np.nan, 0
    found = read_points(cloud(xyz, normals, True), "a.ply")
    assert found is not None and len(found) == 3 and np.allclose(found.normals, [0, 0, 1])


@given(st.binary(max_size=300), st.integers(0, 400), st.booleans())
@settings(max_examples=120, deadline=None)
def test_damage_is_one_sentence(junk: bytes, at: int, keep: bool) -> None:
    whole = cloud(np.ones((9, 3)), np.ones((9, 3)), True)
    data = whole[:at] + junk + (whole[at:] if keep else b"")
    try:
        found = read_points(data, "a.ply")
    except InputError as error:
        assert "a.ply" in str(error) and "\n" not in str(error)
    else:
        assert found is None or np.isfinite(found.xyz).all()
