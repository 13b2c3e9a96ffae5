"""`interpolate`: the models between two models, their sizes and units, and models that have no body."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.errors import CaptureError, InputError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.geometry.metrics.iou import iou
from lift3d.geometry.voxels.canonical_frame import voxelize_canonical
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines import interpolate as pipeline
from lift3d.pipelines.interpolate import (
    EncodedModel,
    Options,
    interpolate,
    interpolate_latents,
    slerp,
    voxelize,
)
from lift3d.pipelines.latent_solid import DecodedSolid
from lift3d.types import Latent

CODE = Latent(np.zeros((1, 2, 2, 2), np.float32), "space")


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> list[Latent]:
    """Networks that encode every mesh as its mean height and decode a box; the list has the latents that were decoded."""
    decoded: list[Latent] = []

    def encode(name: str, mesh: trimesh.Trimesh, full: np.ndarray, autoencoder: str | None) -> EncodedModel:
        height = float(np.asarray(mesh.vertices)[:, 2].max())
        code = Latent(np.full((1, 2, 2, 2), height, np.float32), "space")
        return EncodedModel(name, code, float(mesh.extents.max()), mesh.units, 0.5 if height > 5 else 0.9)

    def decode(code: Latent, autoencoder: str | None) -> DecodedSolid | None:
        decoded.append(code)
        if code.values.max() > 90:
            return None
        return DecodedSolid(trimesh.creation.box((0.2, 0.3, 0.5)), np.ones((2, 2, 2), bool), 1)

    monkeypatch.setattr(pipeline, "encode_model", encode)
    monkeypatch.setattr(pipeline, "decode_solid", decode)
    return decoded


def box(height: float, unit: str | None = "m") -> trimesh.Trimesh:
    mesh = trimesh.creation.box((0.5, 0.5, height))
    mesh.apply_translation((0, 0, height / 2))
    if unit is not None:
        mesh.units = unit
    return mesh


def test_sizes_lie_geometrically_between_those_of_the_ends(stubs: list[Latent]) -> None:
    heard: list[str] = []
    steps: list[tuple[str, float]] = []
    models = interpolate(
        box(1), box(4), steps=3, path="straight",
        progress=lambda name, done: steps.append((name, done)), message=heard.append,
    )  # fmt: skip
    assert [round(float(mesh.extents.max()), 6) for mesh in models] == [1, 2, 4]
    assert all(mesh.units == "m" for mesh in models) and models.paths == () and heard == []
    np.testing.assert_allclose([code.values.mean() for code in stubs], [1, 2.5, 4])
    assert steps[-1] == ("interpolate", 1.0) and ("read", 1.0) in steps
    assert models.report["path"] == "straight" and models.report["overlap"] == [0.9, 0.9]


def test_without_a_common_unit_every_model_has_size_1(stubs: list[Latent]) -> None:
    models = interpolate(box(1, "m"), box(4, None), steps=2, path="straight")
    assert [mesh.units for mesh in models] == [None, None] and models.report["unit"] is None
    assert [round(float(mesh.extents.max()), 6) for mesh in models] == [1, 1]


def test_a_shape_that_the_network_does_not_know_is_reported(stubs: list[Latent]) -> None:
    heard: list[str] = []
    interpolate(box(1), box(6), steps=2, path="straight", message=heard.append)
    (sentence,) = heard
    assert "50 % of the second mesh" in sentence


@pytest.mark.slow
def test_models_are_written_together(stubs: list[Latent], tmp_path: Path) -> None:
    save_mesh(box(1), tmp_path / "a.glb")
    models = interpolate(tmp_path / "a.glb", box(2), tmp_path / "out", steps=2, path="straight", format="stl")
    assert [p.name for p in models.paths] == ["step-01.stl", "step-02.stl"]
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["from"] == "a.glb" and report["to"] == "the second mesh"
    assert [row["file"] for row in report["models"]] == ["step-01.stl", "step-02.stl"]
    with pytest.raises(CaptureError, match="step 2 fills nothing.*--path flow"):
        interpolate(box(1), box(100), tmp_path / "none", steps=2, path="straight")
    assert not (tmp_path / "none").exists()
    with pytest.raises(InputError, match="holds other files"):
        interpolate(box(1), box(2), tmp_path / "out")


def test_options_and_meshes_that_cannot_be_used(stubs: list[Latent]) -> None:
    for words, options in (("2 to 1000", {"steps": 1}), ("no path called", {"path": "x"})):
        with pytest.raises(InputError, match=words):
            interpolate(box(1), box(2), **options)  # type: ignore[arg-type]
    flat = trimesh.Trimesh([[0, 0, 0], [2, 0, 0], [0, 1, 0], [2, 1, 0]], [[0, 1, 2], [1, 3, 2]] * 4)
    with pytest.raises(InputError, match="the second mesh cannot be used: it is a flat sheet"):
        interpolate(box(1), flat)
    with pytest.raises(InputError, match="too few faces"):
        voxelize(trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]))
    assert stubs == []


def test_a_straight_path_is_linear_and_meets_its_ends() -> None:
    rng = np.random.default_rng(0)
    a, b = (Latent(rng.normal(size=(1, 2, 2, 2)).astype(np.float32), "space") for _ in range(2))
    codes = [code.values for code in interpolate_latents(a, b, Options(5, "straight"))]
    np.testing.assert_array_equal(codes[0], a.values)
    np.testing.assert_array_equal(codes[4], b.values)
    np.testing.assert_allclose(
        np.diff(codes, axis=0), np.broadcast_to((b.values - a.values) / 4, (4, 1, 2, 2, 2)), atol=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_slerp_keeps_the_angle_and_the_length_in_proportion(seed: int, t: float) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, 4, 4)).astype(np.float32)

    def angle(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.arccos(np.clip((x * y).sum() / np.linalg.norm(x) / np.linalg.norm(y), -1, 1)))

    c = slerp(a, b, t)
    length = (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b)
    assert np.linalg.norm(c) == pytest.approx(length, rel=1e-4)
    assert angle(a, c) == pytest.approx(t * angle(a, b), abs=2e-3)


def test_slerp_of_parallel_and_opposite_vectors_is_the_straight_line() -> None:
    a = np.ones((2, 2), np.float32)
    np.testing.assert_allclose(slerp(a, a, 0.3), a, atol=1e-6)
    np.testing.assert_allclose(slerp(a, -a, 0.25), 0.5 * a, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("path", ["flow", "straight"])
def test_the_networks_meet_both_ends_with_solids(path: str) -> None:
    ends = [trimesh.creation.box((1, 0.6, 0.4)), trimesh.creation.cylinder(0.3, 1.0)]
    models = list(interpolate(*ends, steps=3, path=path))
    assert all(inspect_solid(mesh).is_solid for mesh in models)
    for model, end in ((models[0], ends[0]), (models[2], ends[1])):
        assert iou(voxelize_canonical(model)[0], voxelize_canonical(end)[0]) > 0.8


def test_files_are_read_before_the_networks_are_loaded(tmp_path: Path, stubs: list[Latent]) -> None:
    (tmp_path / "bad.stl").write_bytes(b"solid nothing")
    with pytest.raises(InputError):
        interpolate(tmp_path / "bad.stl", box(1))
    assert stubs == []
