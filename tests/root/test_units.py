"""Lengths, beds, memory and durations as text: exact values, and a refusal of everything without a unit."""

from __future__ import annotations

import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.units import (
    METRES,
    format_count,
    format_length,
    format_memory,
    format_seconds,
    parse_angle,
    parse_bed,
    parse_duration,
    parse_length,
    parse_length_range,
    parse_memory,
    set_unit,
)


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("24cm", 0.24),
        (" 240 mm ", 0.24),
        ("9.5in", 9.5 * 0.0254),
        ('9.5"', 9.5 * 0.0254),
        ("1,5 m", 1.5),
        (".5m", 0.5),
        ("2e2mm", 0.2),
        ("3FT", 3 * 0.3048),
    ],
)
def test_lengths_are_read_in_metres(text: str, metres: float) -> None:
    assert parse_length(text) == pytest.approx(metres, rel=1e-12)


@given(st.floats(0.01, 1000), st.sampled_from(["mm", "cm", "m", "in", "ft"]))
@settings(max_examples=30, deadline=None)
def test_a_length_is_its_number_times_its_unit(number: float, unit: str) -> None:
    text = f"{number:.4f}"
    assert parse_length(text + unit) == pytest.approx(float(text) * METRES[unit])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("24", "has no unit"),
        ("24 parsec", "not a unit of length"),
        ("tall", "is not a length"),
        ("", "is not a length"),
        ("-3cm", "is not a length"),
        ("0cm", "out of range"),
        ("1e-9m", "out of range"),
        ("20000m", "out of range"),
        ("1e999m", "out of range"),
        ("nanm", "is not a length"),
    ],
)
def test_other_texts_are_refused_with_advice(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_length(text)
    assert caught.value.advice


def test_the_message_names_the_option() -> None:
    with pytest.raises(InputError, match="--height 'tall' is not a length"):
        parse_length("tall", "--height")


@pytest.mark.parametrize(
    "text", ["220x220x250mm", "22cm x 22cm x 25cm", "220×220*250mm", "0.22m x 220mm x 25cm"]
)
def test_beds_share_the_last_unit(text: str) -> None:
    assert parse_bed(text) == pytest.approx((0.22, 0.22, 0.25))


@pytest.mark.parametrize("text", ["220x220mm", "220x220x250", "mm", "", "1x2x3x4mm"])
def test_a_bed_needs_three_sides_and_a_unit(text: str) -> None:
    with pytest.raises(InputError, match="printer bed"):
        parse_bed(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("3GB", 3 * 10**9), ("1500MB", 15 * 10**8), ("1GiB", 2**30), ("1G", 2**30), ("0,5 gb", 5 * 10**8)],
)
def test_memory_is_decimal_unless_it_says_binary(text: str, amount: int) -> None:
    assert parse_memory(text) == amount


@pytest.mark.parametrize(
    ("text", "message"), [("3", "not an amount"), ("3 apples", "not an amount"), ("1MB", "out of range")]
)
def test_other_amounts_of_memory_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_memory(text)


def test_values_are_formatted_for_people() -> None:
    assert [format_length(x) for x in (0.24, 0.0123, 1.5)] == ["240 mm", "12.3 mm", "1.50 m"]
    assert [format_memory(x) for x in (1.5e9, 2e8)] == ["1.5 GB", "200 MB"]
    assert [format_seconds(x) for x in (75, 4.4, 119.7, -1)] == ["1 min 15 s", "4 s", "2 min 00 s", "0 s"]
    assert format_count(1, "mesh", "meshes") == "1 mesh" and format_count(2, "mesh", "meshes") == "2 meshes"
    assert format_count(0, "photo") == "0 photos"


def test_a_unit_is_set_and_removed() -> None:
    mesh = trimesh.creation.box()
    assert set_unit(mesh, "m").units == "m"
    assert set_unit(mesh, None).units is None and "units" not in mesh.metadata


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("0.8mm..3mm", (0.8e-3, 3e-3)),
        ("0.8..3mm", (0.8e-3, 3e-3)),
        (" 1mm .. 0,5cm ", (1e-3, 5e-3)),
        ("3mm..1mm", (3e-3, 1e-3)),
    ],
)
def test_ranges_of_lengths(text: str, ends: tuple[float, float]) -> None:
    assert parse_length_range(text) == pytest.approx(ends)


@pytest.mark.parametrize("text", ["", "3mm", "..", "1..2", "1mm-2mm", "1mm..x", "-1mm..2mm"])
def test_no_ranges_of_lengths(text: str) -> None:
    with pytest.raises(InputError):
        parse_length_range(text)


@pytest.mark.parametrize(
    ("text", "degrees"), [("120deg", 120), ("90°", 90), ("0 deg", 0), ("22,5 Degrees", 22.5)]
)
def test_angles(text: str, degrees: float) -> None:
    assert parse_angle(text) == degrees


@pytest.mark.parametrize("text", ["", "120", "2rad", "deg", "-3deg", "1e3deg"])
def test_no_angles(text: str) -> None:
    with pytest.raises(InputError):
        parse_angle(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("14d", 14 * 86400), ("12h", 43200), ("30 min", 1800), ("1.5h", 5400), ("45s", 45), ("2w", 1209600)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "14", "d", "-1d", "0s", "1 year", "1e9d", "9999999999w"])
def test_no_durations(text: str) -> None:
    with pytest.raises(InputError):
        parse_duration(text)
