"""Recipes and their independent random numbers."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from lift3d.corpus.pictures.recipes import (
    BACKGROUND,
    CAMERA,
    RECIPES,
    SENSOR,
    Recipe,
    get_recipe,
    random_stream,
)
from lift3d.errors import InputError


def test_a_recipe_is_found_by_name_and_passed_through() -> None:
    assert get_recipe("hard") is RECIPES["hard"]
    own = Recipe("own")
    assert get_recipe(own) is own


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(InputError, match="no recipe called soft.*clean, natural, close, hard"):
        get_recipe("soft")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_ranges_are_ordered_and_probabilities_are_probabilities(recipe: Recipe) -> None:
    for name in ("elevation", "usual", "field", "fill", "level", "jpeg"):
        low, high = getattr(recipe, name)
        assert low <= high
    for name in ("often", "off", "plain", "gradient", "noise", "ground", "occluded", "hidden"):
        assert 0 <= getattr(recipe, name) <= 1
    assert recipe.plain + recipe.gradient + recipe.noise <= 1
    assert RECIPES[recipe.name] is recipe


def test_every_field_is_explained() -> None:
    text = Recipe.__doc__ or ""
    assert not [f.name for f in fields(Recipe) if f.name not in text and f.name != "name"]


def test_streams_are_repeatable_and_independent() -> None:
    first = random_stream(0, "a", 1, CAMERA).random(4)
    assert np.array_equal(first, random_stream(0, "a", 1, CAMERA).random(4))
    others = [
        (1, "a", 1, CAMERA),
        (0, "b", 1, CAMERA),
        (0, "a", 2, CAMERA),
        (0, "a", 1, SENSOR),
        (0, "a", 1, BACKGROUND),
    ]
    assert all(not np.allclose(first, random_stream(*key).random(4)) for key in others)
