"""Test images: which views are chosen, and the best, median and worst of the results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.evaluate.cases import image_to_voxels as cases  # noqa: E402
from lift3d.evaluate.cases.image_to_voxels import best_median_worst, photo_cases  # noqa: E402


class Solids:
    """Shapes 3, 5, 8 and 9 with one to five views; odd views are too small to be used."""

    views = {9: np.array([40]), 5: np.array([10, 12]), 3: np.array([1, 7]), 8: np.array([20, 21, 22, 24, 26])}

    def view(self, number: int) -> Any:
        return SimpleNamespace(number=number) if number % 2 == 0 else None


@pytest.fixture(autouse=True)
def _small_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "network_input", lambda view: np.full((4, 2, 2), view.number, np.float32))


def test_every_visible_shape_has_one_case_with_up_to_three_of_its_images() -> None:
    found = photo_cases(Solids(), None)  # type: ignore[arg-type]
    numbers = [case.images[:, 0, 0, 0].astype(int).tolist() for case in found]
    assert [len(set(n)) for n in numbers] == [2, 3, 1]  # shapes 5, 8 and 9; shape 3 is invisible
    assert set(numbers[0]) == {10, 12} and set(numbers[1]) < {20, 22, 24, 26} and numbers[2] == [40]
    assert [case.view.number for case in found] == [n[0] for n in numbers]


def test_a_limit_keeps_evenly_spaced_shapes_and_their_images() -> None:
    every = {case.view.number: case.images for case in photo_cases(Solids(), None)}  # type: ignore[arg-type]
    found = photo_cases(Solids(), 2)  # type: ignore[arg-type]
    assert [case.view.number for case in found] == [40]  # shapes 3, which is invisible, and 9
    assert np.array_equal(found[0].images, every[40])
    assert len(photo_cases(Solids(), 9)) == len(every)  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 999), min_size=1, max_size=20, unique=True), st.data())
def test_best_median_and_worst_equal_slices_of_the_sorted_values(
    values: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(values)))
    found = np.array(values)[best_median_worst(np.array(values, float), count)]
    ranked = sorted(values, reverse=True)
    assert found[:count].tolist() == ranked[:count] and found[-count:].tolist() == ranked[-count:]
    middle = found[count:-count].tolist()
    start = ranked.index(middle[0])
    assert middle == ranked[start : start + count]
    assert abs(2 * start + count - len(values)) <= 1  # as many values before it as after it
