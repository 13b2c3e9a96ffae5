"""Shared by the tests of the command line: one call of `lift3d`, and its failure as one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trimesh
from typer.testing import CliRunner, Result

from lift3d.cli import app
from lift3d.io.mesh.meshes import save_mesh


@pytest.fixture
def run() -> Callable[..., Result]:
    """Calls `lift3d` with words; exit codes are results, other exceptions are errors of the test."""

    def call(*words: object) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


@pytest.fixture
def refused(run: Callable[..., Result]) -> Callable[..., str]:
    """Calls `lift3d` with words that fail; returns the one sentence on stderr."""

    def call(*words: object) -> str:
        result = run(*words)
        assert result.exit_code == 2 and "Traceback" not in result.output, result.output
        lines = [line for line in result.stderr.splitlines() if line.startswith("lift3d: ")]
        assert len(lines) == 1 and lines[0].endswith((".", "?")), result.stderr
        return lines[0]

    return call


@pytest.fixture
def cube(tmp_path: Path) -> Path:
    """A cube of 30 x 20 x 40 mm."""
    mesh = trimesh.creation.box((0.03, 0.02, 0.04))
    mesh.units = "m"
    save_mesh(mesh, tmp_path / "cube.glb")
    return tmp_path / "cube.glb"
