"""What is known of this machine, and the extras that errors name."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lift3d.errors import MissingExtra
from lift3d.runtime import environment
from lift3d.runtime.doctor import examine
from lift3d.version import __version__

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


def test_the_version_is_that_of_the_package() -> None:
    assert PROJECT["version"] == __version__ == environment.versions()["lift3d"]


def test_every_dependency_is_reported_with_its_version() -> None:
    required = {line.split(">")[0].split("=")[0].strip() for line in PROJECT["dependencies"]}
    assert required == set(environment.PACKAGES)
    packages = environment.versions()["packages"]
    assert all(packages[name] for name in required)


@pytest.mark.parametrize("extra", sorted(environment.EXTRAS))
def test_each_extra_is_one_of_the_package(extra: str) -> None:
    distribution = environment.EXTRAS[extra][0]
    assert any(line.startswith(distribution) for line in PROJECT["optional-dependencies"][extra])


def test_a_missing_extra_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "version_of", lambda distribution: None)
    with pytest.raises(MissingExtra, match=r"writing USDZ .*pip install 'lift3d\[usdz\]'"):
        environment.require_extra("usdz", "writing USDZ")


def test_an_absent_distribution_has_no_version() -> None:
    assert environment.version_of("no-such-distribution-as-this") is None


@pytest.mark.parametrize(("value", "count"), [("1", 1), ("3,1", 3), ("", None), ("none", None), ("0", 1)])
def test_thread_count_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, value: str, count: int | None
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert environment.thread_count() == (environment.usable_cores() if count is None else count)


def test_limit_threads_bounds_cores_and_numerical_libraries() -> None:
    code = (
        "import os; from lift3d.runtime.environment import limit_threads; limit_threads(1)\n"
        "print(os.environ['NUMBA_NUM_THREADS'], os.environ['OMP_NUM_THREADS'],"
        " len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else 1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert done.stdout.split() == ["1", "1", "1"], done.stderr


def test_the_self_test_passes_here_and_names_what_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = {finding.name: finding for finding in examine()}
    assert all(finding.ok for finding in findings.values() if finding.needed)
    assert {"lift3d", "python", "numpy", "pycolmap"} <= set(findings)

    def broken(module: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("lift3d.runtime.doctor.importlib.import_module", broken)
    numpy = next(finding for finding in examine() if finding.name == "numpy")
    assert not numpy.ok and numpy.needed and "does not load: libGL" in numpy.found
