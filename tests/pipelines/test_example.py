"""The bundled example from its photos to the model, by the real mappings: small, but whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from solid_twin import why_not_solid
from typer.testing import CliRunner

from lift3d.cli import app
from lift3d.io.mesh.meshes import load_mesh

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos"


@pytest.mark.slow
def test_the_example_becomes_a_solid_and_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    words = ["reconstruct", str(PHOTOS), "--size", "480", "--texture", "512", "--faces", "10000"]
    words += ["--height", "12cm", "--memory", "900MB", "--work", str(tmp_path / "work")]
    first = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "a" / "owl.glb")])
    assert first.exit_code == 0, first.output
    report = json.loads((tmp_path / "a" / "owl.report.json").read_text())
    assert report["kind"] == "object" and report["model"]["is_solid"]
    assert report["evidence"]["reconstruct"]["placed"] == len(list(PHOTOS.glob("*.jpg")))
    assert all(entry["status"] == "registered" for entry in report["inputs"])
    assert all(entry["reprojection_error"] < 1 for entry in report["inputs"])
    assert report["model"]["size"][2] == pytest.approx(0.12, rel=1e-4)
    assert report["model"]["coverage"] > 0.6
    mesh = load_mesh(tmp_path / "a" / "owl.glb")
    assert mesh.units == "m" and mesh.visual.uv is not None
    assert why_not_solid(mesh) == []
    second = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "b" / "owl.glb")])
    assert second.exit_code == 0, second.output
    for name in ("owl.glb", "owl.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
