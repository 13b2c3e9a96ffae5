"""Test processes run side by side: none spins while it waits, and torch has one thread in each."""

from __future__ import annotations

import os
import sys

import lift3d  # noqa: F401  its import makes the threads of torch and numba wait asleep

WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:
    os.environ["OMP_NUM_THREADS"] = "1"

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from lift3d.inference import networks as learned  # noqa: E402

# how long an example takes depends on what else the machine does, and is measured in benchmarks/
settings.register_profile("lift3d", deadline=None)
settings.load_profile("lift3d")

if WORKER:
    import compile_once

    compile_once.install()
    # two processes of two threads each wait for each other most of the time
    learned.THREADS = 1


@pytest.fixture(autouse=True)
def few_threads() -> None:
    """Before each test, since a parallel numba kernel sets torch's number of threads back."""
    torch = sys.modules.get("torch")
    if torch is not None and WORKER:
        torch.set_num_threads(1)
