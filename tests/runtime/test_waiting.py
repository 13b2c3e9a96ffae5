"""OpenMP's threads wait asleep, unless the user has decided how they wait."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lift3d.runtime.waiting import CHOICES, PASSIVE, wait_passively


def test_an_environment_without_a_choice_becomes_passive() -> None:
    environment = {"HOME": "/home/someone", "OMP_NUM_THREADS": "3"}
    wait_passively(environment)
    assert environment == {"HOME": "/home/someone", "OMP_NUM_THREADS": "3", **PASSIVE}


@pytest.mark.parametrize("name", CHOICES)
def test_what_the_user_has_set_is_left_alone(name: str) -> None:
    environment = {name: "200"}
    wait_passively(environment)
    assert environment == {name: "200"}


def run(code: str, **given: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in CHOICES}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**clean, **given}
    )


@pytest.mark.parametrize("module", ["lift3d", "lift3d.cli", "lift3d.__main__", "lift3d.geometry.mesh"])
def test_every_way_in_sets_it(module: str) -> None:
    code = f"import {module}, os; print([os.environ.get(n) for n in {list(PASSIVE)}])"
    assert run(code).stdout.strip() == str(list(PASSIVE.values()))
    chosen = run(code, OMP_WAIT_POLICY="active").stdout.strip()
    assert chosen == str(["active", *[None] * (len(PASSIVE) - 1)])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP library shows its settings")
def test_the_library_that_torch_loads_has_read_it() -> None:
    pytest.importorskip("torch")
    code = "import lift3d, torch; print(torch.ones(9).sum().item())"
    shown = run(code, OMP_DISPLAY_ENV="verbose").stderr
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in shown and "GOMP_SPINCOUNT = '0'" in shown, shown
    shown = run(code, OMP_DISPLAY_ENV="verbose", OMP_WAIT_POLICY="active").stderr
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in shown, shown
