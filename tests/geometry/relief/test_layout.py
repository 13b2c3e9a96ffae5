"""Grid lines: exact sizes, borders, bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.geometry.relief import layout
from lift3d.geometry.relief.layout import plan_layout


@settings(deadline=None)
@given(
    st.integers(64, 4000),
    st.integers(64, 4000),
    st.floats(0.03, 0.3),
    st.sampled_from([0, 0.001, 0.005]),
    st.booleans(),
)
def test_sizes_are_exact(high: int, wide: int, width: float, border: float, closed: bool) -> None:
    if max(high, wide) > 8 * min(high, wide):
        return
    found = plan_layout((high, wide), width, border, 0.5e-3, closed)
    inner = width if closed else width - 2 * border
    assert found.x[-1] - found.x[0] == pytest.approx(width * (1 - 1 / len(found.x)) if closed else width)
    assert found.y[0] == pytest.approx(inner * high / wide + 2 * border) and found.y[-1] == 0 or not border
    assert (np.diff(found.x) > 0).all() and (np.diff(found.y) < 0).all()
    assert len(found.y[found.rows]) == found.picture_shape[0]
    assert np.ptp(found.y[found.rows]) == pytest.approx(inner * high / wide)
    framed = found.framed(np.zeros(found.picture_shape), 1.0)
    assert framed.sum() == framed.size - np.prod(found.picture_shape)
    assert np.diff(found.x[found.columns]).max() <= 1.1 * found.detail


def test_the_number_of_nodes_is_bounded() -> None:
    found = plan_layout((3000, 4000), 2.0, 0.0, 0.1e-3)
    assert found.detail > 0.5e-3 and np.prod(found.picture_shape) < 1.01 * layout.MOST_NODES


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((300, 400), 0.1, 0.0, 1e-6), "out of range"),
        (((300, 400), 0.1, 0.0002, 0.0002), "narrower than two samples"),
        (((300, 400), 0.1, 0.049, 0.0002), "no room"),
        (((300, 400), 0.1, 0.06, 0.0002), "no room"),
        (((300, 400), 0.001, 0.0, 0.0002), "show nothing"),
        (((70, 7000), 0.1, 0.0, 0.0002), "show nothing"),
    ],
)
def test_sizes_that_leave_no_picture(arguments: tuple, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=sentence):
        plan_layout(*arguments)
