"""Text of unknown origin: encodings, lines, and colours by their largest value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.io.mesh.text import brightest, decode_name, logical_lines, utf8_text

TEXT = "v 0 0 0 # w\u00fcrfel\nf 1 2 3\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_becomes_utf8(encoding: str) -> None:
    assert utf8_text(TEXT.encode(encoding)).decode() == TEXT


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_text_of_bounded_size(data: bytes) -> None:
    assert len(utf8_text(data)) <= 3 * len(data) + 4 and sum(map(len, logical_lines(data))) <= 2 * len(data)


def test_other_encodings_are_unchanged() -> None:
    assert utf8_text(TEXT.encode("latin-1")) == TEXT.encode("latin-1")
    assert (
        decode_name("w\u00fcrfel".encode("latin-1")) == decode_name("w\u00fcrfel".encode()) == "w\u00fcrfel"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_may_continue_but_comments_do_not(end: bytes) -> None:
    text = end.join([b"f 1 2 \\", b"3 \\  ", b"4", b"# C:\\", b"v 1", b"f 5 \\"])
    words = [line.split() for line in logical_lines(text)]
    assert words == [[b"f", b"1", b"2", b"3", b"4"], [b"#", b"C:\\"], [b"v", b"1"], [b"f", b"5"]]


@pytest.mark.parametrize(
    ("values", "whole", "expected"),
    [
        ([0, 1], False, 1), ([0, 1], True, 255), ([0.2, 1.3], False, 1), ([0, 2], False, 255), ([7, 255], False, 255),
        ([0, 300], True, 65535), ([], False, 1), ([np.nan, 0.5], False, 1), ([np.inf, 0.5], False, 1),
    ],
)  # fmt: skip
def test_the_number_for_full_brightness(values: list[float], whole: bool, expected: float) -> None:
    assert brightest(np.array(values, float), whole) == expected
