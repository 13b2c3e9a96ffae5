"""Options of MTL maps: every one, before and after the name, and clamped pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.io.mesh.obj.texture_maps import adjusted, parse_map, with_opacity, without_repeats


@pytest.mark.parametrize(
    ("text", "file", "scale", "offset"),
    [
        ("t.png", "t.png", (1, 1), (0, 0)),
        ("my own t.png", "my own t.png", (1, 1), (0, 0)),
        ("-s 2 t.png", "t.png", (2, 1), (0, 0)),
        ("-s 2 3 t.png", "t.png", (2, 3), (0, 0)),
        ("-s 2 3 4 my t.png", "my t.png", (2, 3), (0, 0)),
        ("-S\t2 3 4\tmy t.png", "my t.png", (2, 3), (0, 0)),
        ("-o 0.5 -0.25 0 -s 2 2 2 t.png", "t.png", (2, 2), (0.5, -0.25)),
        ("t.png -s 2 2 2 -o 1", "t.png", (2, 2), (1, 0)),
        ("-s 2 2 7", "7", (2, 2), (0, 0)),
        (
            "-blendu off -blendv on -cc off -clamp on -texres 64 -boost 2 -bm 1 -mm 0 1 -imfchan r t.png",
            "t.png",
            (1, 1),
            (0, 0),
        ),
        ("-type cube_top -t 0 0 0 t.png", "t.png", (1, 1), (0, 0)),
        ("-unknown t.png", "t.png", (1, 1), (0, 0)),
        ('"a b.png"', "a b.png", (1, 1), (0, 0)),
        ("-s x t.png", "x t.png", (1, 1), (0, 0)),
        ("-s 1e99 nan t.png", "t.png", (1, 1), (0, 0)),
        ("a-s 2.png", "a-s 2.png", (1, 1), (0, 0)),
        ("-s", "-s", (1, 1), (0, 0)),
        ("", "", (1, 1), (0, 0)),
    ],
)
def test_name_and_options(
    text: str, file: str, scale: tuple[float, float], offset: tuple[float, float]
) -> None:
    found = parse_map(text)
    assert found.file == file and tuple(found.scale) == scale and tuple(found.offset) == offset


def test_range_channel_and_clamp() -> None:
    found = parse_map("-mm 0.25 0.5 -imfchan m -clamp on -t 1 t.png")
    assert (found.base, found.gain, found.channel, found.clamp, found.turbulent) == (
        0.25,
        0.5,
        "m",
        True,
        True,
    )
    assert parse_map("t.png").key() != found.key() and not found.placed_as(parse_map("t.png"))


def test_the_opacity_is_a_channel_or_the_luminance() -> None:
    picture = Pil.new("RGBA", (2, 2), (10, 20, 30, 40))
    values = {c: adjusted(picture, parse_map(f"-imfchan {c} t"), True).getpixel((0, 0)) for c in "rgbm"}
    assert values == {"r": 10, "g": 20, "b": 30, "m": 40}
    assert adjusted(picture, parse_map("t"), True).getpixel((0, 0)) == 40
    assert adjusted(picture.convert("RGB"), parse_map("t"), True).getpixel((0, 0)) == 18
    assert adjusted(picture, parse_map("-mm 0 2 t"), False).getpixel((0, 0)) == (20, 40, 60, 40)
    opaque = with_opacity(picture, Pil.new("L", (5, 5), 255))
    assert opaque.mode == "RGB" and with_opacity(picture, Pil.new("L", (5, 5), 9)).getpixel((1, 1)) == (
        10,
        20,
        30,
        9,
    )


@pytest.mark.parametrize("low", [-1.5, 0.0, 0.25])
@pytest.mark.parametrize("high", [0.75, 1.0, 2.5, 400.0])
def test_a_clamped_picture_shows_its_edges(low: float, high: float) -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4)
    uv = np.array([[low, low], [high, high], [0.3, 0.6]])
    picture, placed = without_repeats(Pil.fromarray(pixels), uv)
    assert (placed >= 0).all() and (placed <= 1).all()
    wide = np.asarray(picture)
    for (u, v), (x, y) in zip(uv, placed):
        column, row = (np.clip([u, 1 - v], 0, 1 - 1e-9) * 4).astype(int)
        found = (np.clip([x, 1 - y], 0, 1 - 1e-9) * wide.shape[::-1]).astype(int)
        assert wide[found[1], found[0]] == pixels[row, column]
