"""The notice about compilation: once, and only where a kernel is compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from lift3d.runtime.compilation import compilation_notice
from lift3d.geometry.image.colour_space import linear_to_srgb8
from lift3d.geometry.image.pyramid import halve
said = []
with compilation_notice(said.append):
    linear_to_srgb8(np.zeros((2, 2), np.float32))
    halve(np.zeros((8, 8), np.float32))
    linear_to_srgb8(np.zeros((2, 2), np.float32))
print(len(said), said[0][:9] if said else "")
"""


@pytest.mark.slow
def test_once_on_a_machine(tmp_path: Path) -> None:
    def run() -> str:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run() == "1 Compiling"
    assert run() == "0"
