"""OpenUSD reads in a process of its own: what it returns is what was read, and its death is one clear error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.mesh import usdz_worker as usdz_process
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.io.mesh.usdz_worker import _pack, _unpack
from lift3d.types import Material, Model, Part

pytest.importorskip("pxr")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return save_mesh(trimesh.creation.box(), tmp_path / "box.usdz")[0]


def test_a_model_comes_back_as_it_was():
    wood = Material("wood", (1, 2, 3, 4), Pil.new("RGBA", (3, 2), (9, 8, 7, 6)))
    v, f = np.random.default_rng(0).random((5, 3)), np.array([[0, 1, 2], [2, 3, 4]])
    colours = np.full((5, 4), 7, np.uint8)
    model = Model(
        [Part(v, f, v[:, :2], None, wood), Part(v, f, None, colours), Part(v, f, material=wood)], None, ["a"]
    )
    said, arrays = _pack(model)
    back = _unpack(json.loads(json.dumps(said)), arrays)
    assert back.unit is None and back.warnings == ["a"] and back.parts[0].material is back.parts[2].material
    for one, two in zip(model.parts, back.parts):
        for field in ("vertices", "faces", "uv", "colours"):
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    material = back.parts[0].material
    assert material is not None and material.texture is not None and material.colour == wood.colour
    assert material.texture.tobytes() == wood.texture.tobytes() and back.parts[1].material is None


@pytest.mark.slow
def test_one_process_reads_many_files_and_is_replaced_when_it_is_lost(box: Path):
    assert load_mesh(box).volume == pytest.approx(1)
    first = usdz_process._READER.process
    load_mesh(box)
    assert first is not None and usdz_process._READER.process is first
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert load_mesh(box).volume == pytest.approx(1) and usdz_process._READER.process is not first


@pytest.mark.slow
def test_a_file_that_kills_or_hangs_the_process_is_damaged(box: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(usdz_process, "WAIT", 0.0)  # whatever it does takes too long
    with pytest.raises(InputError, match="box.usdz made OpenUSD crash"):
        load_mesh(box)
    monkeypatch.undo()
    assert load_mesh(box).volume == pytest.approx(1)


BUSY = """
from lift3d.io.mesh import usdz_worker as usdz_process
usdz_process.SECONDS, usdz_process.MEMORY = 0.2, 200 << 20
usdz_process._limit(usdz_process._address_space(), 0)
try:
    bytearray(1 << 30)
except MemoryError:
    while True:
        pass
"""


@pytest.mark.skipif(not hasattr(signal, "SIGPROF"), reason="limits are those of Unix")
@pytest.mark.slow
def test_time_and_memory_have_bounds_in_the_process():
    assert subprocess.run([sys.executable, "-c", BUSY], timeout=60).returncode == -signal.SIGPROF
