"""One torch thread: the tests' pictures are small, and several test processes share the cores."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Set one thread before each test, because parallel numba kernels reset torch's number of threads."""
    torch = pytest.importorskip("torch", reason="the extra `learn` is not installed")
    torch.set_num_threads(1)
