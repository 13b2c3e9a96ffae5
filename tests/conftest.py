"""Test processes run side by side: none spins while it waits, and torch has one thread in each."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import pytest  # noqa: E402


@pytest.fixture(autouse=True)
def few_threads() -> None:
    """Before each test, since a parallel numba kernel sets torch's number of threads back."""
    torch = sys.modules.get("torch")
    if torch is not None and "PYTEST_XDIST_WORKER" in os.environ:
        torch.set_num_threads(1)
