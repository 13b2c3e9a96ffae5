"""Gravity from what phones and drones write beside a photo."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.io.image.decode import decode
from lift3d.io.image.gravity import recorded_gravity


def apple_note(vector: tuple[float, float, float], order: str = ">") -> bytes:
    """A maker note with one entry, the accelerometer's vector."""
    head = b"Apple iOS\x00\x00\x01" + (b"MM" if order == ">" else b"II") + struct.pack(order + "H", 1)
    entry = struct.pack(order + "HHII", 8, 10, 3, 32) + bytes(4)
    numbers = [n for v in vector for n in (round(1e6 * v), 10**6)]
    return (head + entry).ljust(32, b"\x00") + struct.pack(order + "6i", *numbers)


def jpeg(
    note: bytes | None, orientation: int, lens: str = "iPhone 15 back camera", xmp: bytes = b""
) -> bytes:
    exif = Pil.Exif()
    exif[0x0112] = orientation
    ifd = exif.get_ifd(0x8769)
    ifd[0xA434] = lens
    if note is not None:
        ifd[0x927C] = note
    out = io.BytesIO()
    extra = {"xmp": xmp} if xmp else {}
    Pil.new("RGB", (160, 120)).save(out, "JPEG", exif=exif, **extra)
    return out.getvalue()


def gravity(data: bytes) -> tuple[float, float, float] | None:
    return recorded_gravity(Pil.open(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("orientation", "held"),
    # the phone upright; its top to the left, so that its right is up; upside down; its top to the right
    [(6, (0, -1, 0)), (1, (-1, 0, 0)), (8, (0, 1, 0)), (3, (1, 0, 0))],
)
def test_held_level_down_is_the_bottom_of_the_upright_photo(
    orientation: int, held: tuple[int, int, int]
) -> None:
    found = gravity(jpeg(apple_note(held), orientation))
    assert found is not None
    np.testing.assert_allclose(found, (0, 1, 0), atol=1e-6)
    assert gravity(jpeg(apple_note(held, "<"), orientation)) == found


def test_a_phone_that_looks_down_has_gravity_ahead() -> None:
    """Lying with its screen up, as when it photographs a table from above, z out of the screen points up."""
    assert gravity(jpeg(apple_note((0, 0, -1)), 6)) == pytest.approx((0, 0, 1))
    tilted = gravity(jpeg(apple_note((0, -np.cos(0.5), -np.sin(0.5))), 6))
    assert tilted == pytest.approx((0, np.cos(0.5), np.sin(0.5)), abs=1e-5)


def test_what_is_no_gravity_is_left_out() -> None:
    down = apple_note((0, -1, 0))
    assert gravity(jpeg(down, 6, "iPhone 15 front TrueDepth camera")) is None
    assert gravity(jpeg(down, 5)) is None and gravity(jpeg(None, 6)) is None
    assert gravity(jpeg(apple_note((0, -1.4, 0)), 6)) is None, "the phone was shaken"
    assert gravity(jpeg(b"Canon" + down, 6)) is None and gravity(jpeg(down[:40], 6)) is None


@given(st.binary(max_size=80))
def test_damaged_notes_never_raise(rest: bytes) -> None:
    for data in (rest, b"Apple iOS\x00\x00\x01MM" + rest):
        found = gravity(jpeg(data, 6))
        assert found is None or np.linalg.norm(found) == pytest.approx(1)


def test_a_gimbal_in_xmp_as_attribute_or_element() -> None:
    attributes = b'<x drone-dji:GimbalPitchDegree="-90.0" drone-dji:GimbalRollDegree="+0.0"/>'
    elements = (
        b"<drone-dji:GimbalPitchDegree>-30.00</drone-dji:GimbalPitchDegree>"
        b"<drone-dji:GimbalRollDegree>0</drone-dji:GimbalRollDegree>"
    )
    assert gravity(jpeg(None, 1, xmp=attributes)) == pytest.approx((0, 0, 1), abs=1e-9)
    half, root = 0.5, np.sqrt(0.75)
    assert gravity(jpeg(None, 1, xmp=elements)) == pytest.approx((0, root, half))
    assert gravity(jpeg(None, 1, xmp=elements[:60])) is None


def test_the_decoded_photo_carries_it() -> None:
    assert decode(jpeg(apple_note((0, -1, 0)), 6), "a.jpg").gravity == pytest.approx((0, 1, 0))
