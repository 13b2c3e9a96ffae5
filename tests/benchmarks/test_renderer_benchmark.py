"""The benchmark of the renderer measures what it says."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.camera.orbit import orbit_cameras
from lift3d.geometry.render.renderer import render
from render import compare, crates, solids, table, true_depth, vase


def test_meshes_are_as_described() -> None:
    assert (len(vase().faces), len(crates().faces)) == (832, 480)
    assert vase().visual.material.baseColorTexture.size == (512, 512)


@pytest.mark.slow
def test_depth_errors_are_those_of_the_pictures() -> None:
    truths, mine, diagonals = {}, {}, {}
    for name, mesh in solids().items():
        camera = orbit_cameras(mesh.vertices, 3, 32, 32)[1]
        truths[name], mine[name] = true_depth(camera, mesh), render(mesh, camera, 1).depth.z
        diagonals[name] = float(np.linalg.norm(np.ptp(mesh.vertices, axis=0)))
    found = compare(mine, truths, diagonals)
    assert found["worst"] < 1e-6 and found["outline"] == 0
    off = compare(
        {k: np.where(z > 0, z + 0.01 * diagonals[k], 0) for k, z in truths.items()}, truths, diagonals
    )
    assert abs(off["p99"] - 0.01) < 1e-9


def test_an_absent_peer_is_named() -> None:
    rows = [{"name": "lift3d", "size": size, "rate": 99.0, "cpu": 0.01} for size in (128, 512)]
    result = {"cores": 2, "rows": rows, "absent": {"other at 512": "no driver"}}
    result["depth"] = {"lift3d": {"p99": 1e-8, "worst": 2e-8}}
    made = table(result)
    assert made["rows"] == [["lift3d", 99.0, 99.0, 10.0, "1.0e-08", "2.0e-08"]]
    assert "other at 512 did not run: no driver" in made["note"]
