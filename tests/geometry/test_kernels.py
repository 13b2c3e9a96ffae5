"""Bands cover every row once; kernels give the same bytes freshly compiled and from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from lift3d.geometry.kernels import run_in_bands

HELPERS = Path(__file__).resolve().parents[1] / "helpers"
DIGEST = """
import hashlib, numpy as np
from scenes import orbit_views
from lift3d.context import Context
from lift3d.geometry.fusion.tsdf import TsdfIntegrator
from lift3d.maps.images_to_depths import ImagesToDepths
maps = ImagesToDepths().apply(orbit_views(5), Context()).depths
field = TsdfIntegrator(list(maps), [np.ones(d.z.shape, np.int8) for d in maps])
f, w = field.integrate(np.array([-0.7, -0.7, 0.0]), 0.05, (29, 29, 25), 0.15)
arrays = [a for d in maps for a in (d.z, d.normals, d.confidence)] + [f, w]
print(hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest())
"""


@pytest.mark.parametrize("rows", [0, 1, 3, 1000])
@pytest.mark.parametrize("threads", [1, 2])
def test_bands_cover_every_row_once(rows, threads):
    before = numba.get_num_threads()
    times = np.zeros(rows, int)

    def kernel(first, last, scratch, out):
        assert scratch == "mine"
        out[first:last] += 1

    try:
        numba.set_num_threads(min(threads, before))
        run_in_bands(kernel, rows, lambda: "mine", times)
    finally:
        numba.set_num_threads(before)
    assert (times == 1).all()


def test_an_error_in_a_band_reaches_the_caller():
    def kernel(first, last, scratch):
        raise ValueError("from a band")

    with pytest.raises(ValueError, match="from a band"):
        run_in_bands(kernel, 4, lambda: None)


@pytest.mark.slow
def test_compiled_now_or_before_the_bytes_are_the_same(tmp_path):
    path = os.pathsep.join([str(HELPERS), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": path}
    digests = [
        subprocess.run(
            [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert list(tmp_path.rglob("*.nbc"))
    assert digests[0] == digests[1] != ""
