"""Cleaning of models: normalisation, transparent faces, strays, and shapes that are none."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lift3d.errors import InputError
from lift3d.geometry.parts.clean import FAR, FLAT, NoShapeError, clean_parts
from lift3d.types import Material, Part


def part(mesh: trimesh.Trimesh, colour: tuple[int, int, int, int] = (255, 255, 255, 255)) -> Part:
    """The mesh as a part of one colour."""
    return Part(np.asarray(mesh.vertices), np.asarray(mesh.faces), None, None, Material("m", colour))


def box(
    extents: tuple[float, float, float] = (1, 1, 1), offset: tuple[float, float, float] = (0, 0, 0)
) -> Part:
    """A box with its centre at the offset."""
    return part(trimesh.creation.box(extents).apply_translation(offset))


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(0.5, 10)] * 3), st.tuples(*[st.floats(-50, 50)] * 3))
def test_a_box_stands_centred_with_longest_side_1_and_the_frame_is_inverted(
    extents: tuple[float, float, float], offset: tuple[float, float, float]
) -> None:
    source = box(extents, offset)
    cleaned = clean_parts([source])
    v = cleaned.parts[0].vertices
    low, high = v.min(0), v.max(0)
    assert (high - low).max() == pytest.approx(1) and low[2] == pytest.approx(0, abs=1e-9)
    assert np.allclose(low[:2] + high[:2], 0, atol=1e-9)
    assert np.allclose(v / cleaned.scale + cleaned.shift, source.vertices)
    assert cleaned.strays == 0 and cleaned.faces == 12


def test_faces_without_area_and_unused_vertices_go() -> None:
    b = box()
    v = np.concatenate([b.vertices, [[9, 9, 9]]])
    f = np.concatenate([b.faces, [[0, 0, 1], [0, 1, 1]]])
    cleaned = clean_parts([Part(v, f, np.zeros((9, 2)), np.full((9, 4), 255, np.uint8))])
    only = cleaned.parts[0]
    assert cleaned.faces == 12 and len(only.vertices) == len(only.uv) == len(only.colours) == 8


@pytest.mark.parametrize(("alpha", "kept"), [(0, False), (20, False), (60, True), (255, True)])
def test_transparent_faces_go_and_window_panes_stay(alpha: int, kept: bool) -> None:
    beam = part(trimesh.creation.box((0.2, 0.2, 0.2)).apply_translation((0, 0, 0.6)), (255, 255, 0, alpha))
    assert clean_parts([box(), beam]).faces == (24 if kept else 12)


def test_the_alpha_of_a_texture_counts() -> None:
    pixels = np.full((4, 4, 4), 255, np.uint8)
    pixels[:, :2, 3] = 0  # the left half is transparent
    picture = Image.fromarray(pixels)
    b = box()
    left = Part(b.vertices, b.faces, np.full((8, 2), 0.1), None, Material("m", (255,) * 4, picture))
    right = Part(b.vertices, b.faces, np.full((8, 2), 0.9), None, Material("m", (255,) * 4, picture))
    assert clean_parts([right]).faces == 12
    with pytest.raises(NoShapeError) as error:
        clean_parts([left])
    assert error.value.reason == "no faces"


@pytest.mark.parametrize(("distance", "strays"), [(FAR - 0.2, 0), (FAR + 1.2, 12)])
def test_small_components_far_away_are_strays(distance: float, strays: int) -> None:
    crumb = box((0.1, 0.1, 0.1), (1 * 0.5 + distance, 0, 0))
    cleaned = clean_parts([box(), crumb])
    assert cleaned.strays == strays and cleaned.faces == 24 - strays


def test_chains_of_near_components_and_large_ones_are_no_strays() -> None:
    chain = [box((0.1, 0.1, 0.1), (x, 0, 0)) for x in (3.0, 10.0, 30.0)]
    assert clean_parts([box(), *chain]).strays == 0
    assert clean_parts([box(), box((1, 1, 1), (30, 0, 0))]).strays == 0


def test_what_holds_no_shape_says_why() -> None:
    triangle = Part(np.eye(3), np.array([[0, 1, 2]]))
    cases = {"no faces": [], "few faces": [triangle], "flat": [box((1, 1, FLAT / 2))]}
    for reason, parts in cases.items():
        with pytest.raises(NoShapeError) as error:
            clean_parts(parts)
        assert error.value.reason == reason and isinstance(error.value, InputError)
