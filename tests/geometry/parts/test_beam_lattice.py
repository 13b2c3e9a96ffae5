"""Solids of beams and balls: volumes in closed form, one surface for all, materials by colour."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.parts.beam_lattice import Ball, Beam, lattice_body

POINTS = np.array([[0, 0, 0], [0, 0, 10.0], [3, 4, 0]])
BALL = 4 / 3 * np.pi


@pytest.mark.parametrize(
    ("beams", "balls", "volume"),
    [
        ([Beam(0, 1, 1, 1)], [], 10 * np.pi + BALL),
        ([Beam(0, 1, 1, 1, "butt", "butt")], [], 10 * np.pi),
        ([Beam(0, 2, 0.1, 0.1, "butt", "butt")], [], 0.05 * np.pi),
        ([], [Ball(1, 2.0)], 8 * BALL),
        ([Beam(0, 1, 2, 1, "hemisphere", "butt")], [], 10 * np.pi * 7 / 3 + 4 * BALL),
    ],
)
def test_volumes(beams: list[Beam], balls: list[Ball], volume: float) -> None:
    body = lattice_body(POINTS, beams, balls)
    assert body is not None and body.shape.volume() == pytest.approx(volume, rel=2e-3)


def test_beams_that_meet_are_one_surface_with_a_material_for_each_colour() -> None:
    red, blue = (255, 0, 0, 255), (0, 0, 255, 255)
    body = lattice_body(POINTS, [Beam(0, 1, 1, 1, colour=red), Beam(0, 2, 1, 1, colour=blue)], [])
    assert body is not None and len(body.shape.decompose()) == 1
    assert {p.material.colour for p in body.parts() if p.material} == {red, blue}


def test_nothing_is_none() -> None:
    assert lattice_body(POINTS, [], []) is None
