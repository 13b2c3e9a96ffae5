"""Files beside a model, textures and numbers as text."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.mesh.common import decode_texture, encode_picture, finite_or, format_rows, resolve_companion


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
@settings(max_examples=100, deadline=None)
def test_nine_digits_restore_float32(values: list[float]) -> None:
    row = np.array([values], np.float32)
    (text,) = format_rows(row)
    assert np.array_equal(np.array(text.split(), np.float32), row[0])


def test_negative_zero_is_written_as_zero() -> None:
    assert format_rows(np.array([[-0.0, 1.5]])) == ["0 1.5"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2, 2.0), (2.5, 2.5), ("2", 7.0), (None, 7.0), (float("nan"), 7.0), (float("inf"), 7.0), ([], 7.0)],
)
def test_only_finite_numbers_are_taken(value: object, expected: float) -> None:
    assert finite_or(value, 7.0) == expected


@pytest.mark.parametrize(
    "reference", ["a.png", "./a.png", "sub/../a.png", "C:\\models\\a.png", "/home/someone/a.png", " a.png "]
)
def test_a_companion_is_found_in_the_folder(tmp_path: Path, reference: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").write_bytes(b"x")
    assert resolve_companion(tmp_path, reference, "m.obj").resolve() == (tmp_path / "a.png").resolve()


@pytest.mark.parametrize("reference", ["../secret", "sub/../../secret", "", "a\0b", "x" * 2000])
def test_nothing_outside_the_folder_is_opened(tmp_path: Path, reference: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    with pytest.raises((InputError, FileNotFoundError)):
        resolve_companion(inside, reference, "m.obj")


def test_a_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (inside / "a.png").symlink_to(tmp_path / "secret")
    with pytest.raises(InputError, match="outside its folder"):
        resolve_companion(inside, "a.png", "m.obj")


@pytest.mark.parametrize(
    ("size", "mode", "lossy", "ending"),
    [
        ((8, 8), "RGB", None, "png"),
        ((1100, 1000), "RGB", None, "jpg"),
        ((1100, 1000), "RGBA", None, "png"),
        ((8, 8), "RGB", 80, "jpg"),
        ((8, 8), "RGBA", 80, "png"),
    ],
)
def test_the_encoding_follows_size_and_transparency(
    size: tuple[int, int], mode: str, lossy: int | None, ending: str
) -> None:
    picture = Pil.new(mode, size, (10, 20, 30, 40)[: len(mode)])
    data, found = encode_picture(picture, lossy)
    assert found == ending and decode_texture(data, "a").size == size


def test_an_opaque_alpha_channel_is_dropped() -> None:
    data, _ = encode_picture(Pil.new("RGBA", (8, 8), (1, 2, 3, 255)))
    assert decode_texture(data, "a").mode == "RGB"


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_textures_become_rgb_or_rgba(mode: str) -> None:
    out = io.BytesIO()
    Pil.new(mode, (4, 4)).save(out, "PNG")
    assert decode_texture(out.getvalue(), "a").mode == ("RGBA" if "A" in mode else "RGB")


@pytest.mark.parametrize("data", [b"", b"x", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_damaged_textures_are_one_sentence(data: bytes) -> None:
    with pytest.raises(InputError, match="the texture a"):
        decode_texture(data, "a")
