"""How threads wait for each other: asleep, not in a loop.

OpenMP's threads (torch, numba) spin at the end of each parallel loop, in the hope of another one. Beside other work, or beside a
second pool of threads in the same process, that takes the processor from those who have work to do.
"""

from __future__ import annotations

from collections.abc import MutableMapping

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
"""The variables of the OpenMP standard, of GNU's library, and of Intel's and LLVM's (milliseconds)."""
CHOICES = (*PASSIVE, "KMP_LIBRARY")
"""Variables with which a user decides how threads wait."""


def wait_passively(environment: MutableMapping[str, str]) -> None:
    """Set the variables by which OpenMP's threads sleep while they wait, unless the environment has one of `CHOICES` already.

    The libraries read them when they are loaded, so that this must precede the import of torch and numba. Results are the same
    bytes either way.
    """
    if not any(name in environment for name in CHOICES):
        environment.update(PASSIVE)
