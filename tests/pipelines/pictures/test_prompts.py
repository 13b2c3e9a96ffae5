"""Clicks and boxes as users write them: the forms that are read, and one sentence for every other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.geometry.image.prompt_maps import Prompts
from lift3d.pipelines.pictures.prompts import parse_prompts, prompts_on
from lift3d.types import Image


@pytest.fixture
def image() -> Image:
    return Image(np.zeros((60, 80, 3), np.uint8), "p.jpg")


@pytest.mark.parametrize(
    "at",
    [
        "5,6",
        "5, 6",
        "5;6",
        "5 6",
        (5, 6),
        [5.0, 6.0],
        ["5,6"],
        [(5, 6)],
        np.array([5, 6]),
        np.array([[5, 6]]),
    ],
)
def test_forms_of_one_click(at: object) -> None:
    assert parse_prompts(at).clicks == ((5.0, 6.0),)  # type: ignore[arg-type]


def test_several_clicks_and_a_box() -> None:
    found = parse_prompts(["5,6", "7,8"], (1, 2), "1,2,30,40")
    assert found == Prompts(((5, 6), (7, 8)), ((1, 2),), (1, 2, 30, 40))
    assert parse_prompts(box=(1, 2, 30, 40)).box == (1, 2, 30, 40) and not parse_prompts()
    assert parse_prompts([]) == Prompts()


@pytest.mark.parametrize(
    "at", ["", "5", "5,6,7", "a,b", "nan,3", "inf,1", "1e12,3", [("5", "b")], [5], "5,6" * 500, [None]]
)
def test_what_is_no_click(at: object) -> None:
    with pytest.raises(InputError, match="--at") as caught:
        parse_prompts(at)  # type: ignore[arg-type]
    assert "512,300" in caught.value.advice


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ("1,2,3", "not 4 numbers"),
        ("10,10,10,40", "is empty"),
        ("40,40,10,60", "is empty"),
        ("1,2,x,4", "not 4 numbers"),
    ],
)
def test_what_is_no_box(box: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_prompts(box=box)


def test_too_many_clicks() -> None:
    with pytest.raises(InputError, match="51 times"):
        parse_prompts(["1,2"] * 51)


@pytest.mark.parametrize("at", [(-1, 5), (80, 5), (5, 60), (900, 20)])
def test_clicks_outside_the_photo(image: Image, at: tuple[float, float]) -> None:
    for given_ in (parse_prompts(at), parse_prompts(None, at)):
        with pytest.raises(InputError, match="outside p.jpg, which has 80 x 60 pixels"):
            prompts_on(image, given_)


def test_clicks_that_contradict_each_other(image: Image) -> None:
    with pytest.raises(InputError, match="at one place"):
        prompts_on(image, parse_prompts((30, 20), (30, 20.5)))


def test_boxes_beyond_the_photo(image: Image) -> None:
    assert prompts_on(image, parse_prompts(box=(-10, 20, 90, 50))).box == (0, 20, 80, 50)
    for box in ((80, 0, 90, 10), (-9, -9, -1, -1), (0, 60, 10, 70)):
        with pytest.raises(InputError, match="lies outside"):
            prompts_on(image, parse_prompts(box=box))


@given(st.floats(0, 799), st.floats(0, 599))
def test_positions_are_those_of_the_photo_before_it_was_reduced(x: float, y: float) -> None:
    image = replace(Image(np.zeros((60, 80, 3), np.uint8), "p.jpg"), original_size=(800, 600))
    ((u, v),) = prompts_on(image, parse_prompts((x, y))).clicks
    assert u == pytest.approx(x / 10) and v == pytest.approx(y / 10)
