"""Lines that several commands print."""

from __future__ import annotations

import numpy as np

from lift3d.cli.console.words import origin_lines


def test_a_shift_of_the_origin_is_printed_once_and_a_zero_shift_not_at_all() -> None:
    assert origin_lines(np.zeros(3)) == []
    (line,) = origin_lines(np.array([4e7, -5.5e7, 0.0]))
    assert "(40000000, -55000000, 0)" in line
