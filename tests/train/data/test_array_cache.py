"""The file cache: computed once, computed again where the file is damaged or does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")

from lift3d.train.data.array_cache import load_or_compute  # noqa: E402


def test_arrays_are_computed_once(tmp_path: Path) -> None:
    calls = []

    def make() -> dict:
        calls.append(1)
        return {"x": np.arange(6.0).reshape(2, 3)}

    path = tmp_path / "deep/folder/a.safetensors"
    for _ in range(3):
        held = load_or_compute(path, lambda a: set(a) == {"x"}, make)
        assert np.array_equal(held["x"], np.arange(6.0).reshape(2, 3))
    assert len(calls) == 1 and path.is_file()


@pytest.mark.parametrize("damage", [b"", b"not safetensors", b"\xff" * 64])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(damage)
    held = load_or_compute(path, lambda a: "x" in a, lambda: {"x": np.ones(2)})
    assert held["x"].tolist() == [1, 1]
    again = load_or_compute(path, lambda a: "x" in a, lambda: pytest.fail("it is computed already"))
    assert again["x"].tolist() == [1, 1]


def test_a_file_that_does_not_fit_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    load_or_compute(path, lambda a: True, lambda: {"x": np.zeros(2)})
    held = load_or_compute(path, lambda a: len(a["x"]) == 3, lambda: {"x": np.zeros(3)})
    assert held["x"].shape == (3,)
