"""Packed atlases show every face the texels that its own texture showed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lift3d.errors import InputError
from lift3d.geometry.parts import texture_packing as packing

WHITE = (255, 255, 255, 255)
TRIANGLE = np.array([[0, 1, 2]])
UV = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9]])


def noise(seed: int, size: tuple[int, int] = (16, 16)) -> Image.Image:
    """A texture of random pixels."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8))


def texel(picture: Image.Image, uv: np.ndarray) -> np.ndarray:
    """(N, 3) nearest texels, with repetition."""
    pixels = np.asarray(picture.convert("RGB")).astype(float)
    h, w = pixels.shape[:2]
    x, y = np.floor(uv[:, 0] % 1 * w).astype(int), np.floor((1 - uv[:, 1] % 1) * h).astype(int)
    return pixels[np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)]


def inside(uv: np.ndarray, n: int = 200) -> np.ndarray:
    """Texture coordinates of points in the triangle, and the weights are the same for every call."""
    return np.random.default_rng(7).dirichlet([1, 1, 1], n) @ uv


@pytest.mark.parametrize("uv", [UV, UV + 3, UV - 2, UV * 2.5, UV * [3.7, 0.5]], ids=str)
def test_texels_are_those_of_the_pieces(uv: np.ndarray) -> None:
    pictures = [noise(0), noise(1, (32, 8)), noise(2, (5, 7))]
    pieces = [(np.eye(3) + i, TRIANGLE, uv, p, WHITE) for i, p in enumerate(pictures)]
    v, f, packed, atlas = packing.pack_textures(pieces)
    assert v.shape == (9, 3) and f.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    for i, picture in enumerate(pictures):
        assert np.array_equal(texel(atlas, inside(packed[f[i]])), texel(picture, inside(uv)))
    assert packed.min() >= 0 and packed.max() <= 1


@pytest.mark.parametrize("uv", [UV * 9.5, UV * [40, 0.5] - 20], ids=str)
def test_many_repetitions_keep_their_texels(uv: np.ndarray) -> None:
    pieces = [(np.eye(3), TRIANGLE, uv, noise(0), WHITE), (np.eye(3), TRIANGLE, UV, noise(1), WHITE)]
    notes: list[str] = []
    _, f, packed, atlas = packing.pack_textures(pieces, notes)
    assert np.array_equal(texel(atlas, inside(packed[f[0]])), texel(noise(0), inside(uv))) and notes == []


def test_too_many_repetitions_and_reduced_textures_are_said() -> None:
    picture, notes = Image.new("RGB", (256, 256), (9, 99, 199)), list[str]()
    pieces = [(np.eye(3), TRIANGLE, UV * 1000, picture, WHITE), (np.eye(3), TRIANGLE, UV, noise(1), WHITE)]
    _, f, uv, atlas = packing.pack_textures(pieces, notes)
    assert max(atlas.size) <= packing.MAX_REPEATED + 100
    assert (texel(atlas, inside(uv[f[0]])) == [9, 99, 199]).all()
    assert "repeats 800 times across a triangle" in notes[0] and "fewer pixels" in notes[1]


def test_equal_textures_share_a_tile_and_colours_are_multiplied() -> None:
    picture = Image.new("RGB", (8, 8), (200, 100, 50))
    half = (128, 128, 128, 255)
    pieces = [(np.eye(3), TRIANGLE, UV, picture, c) for c in (WHITE, WHITE, half)]
    _, f, uv, atlas = packing.pack_textures(pieces)
    assert np.array_equal(uv[f[0]], uv[f[1]]) and not np.array_equal(uv[f[0]], uv[f[2]])
    assert np.allclose(texel(atlas, uv[f[2]]), np.rint(np.array([200, 100, 50]) * 128 / 255))


def test_pieces_without_texture_have_their_colour() -> None:
    pieces = [(np.eye(3), TRIANGLE, None, None, (1, 2, 3, 255)), (np.eye(3), TRIANGLE, UV, noise(0), WHITE)]
    _, f, uv, atlas = packing.pack_textures(pieces)
    assert (texel(atlas, uv[f[0]]) == [1, 2, 3]).all() and atlas.mode == "RGB"


def test_transparency_is_kept() -> None:
    picture = Image.new("RGBA", (8, 8), (255, 0, 0, 90))
    _, _, uv, atlas = packing.pack_textures([(np.eye(3), TRIANGLE, UV, picture, WHITE)])
    assert atlas.mode == "RGBA" and np.asarray(atlas)[..., 3].max() == 90 and uv.shape == (3, 2)


def test_faces_in_different_repetitions_are_split_where_they_share_vertices() -> None:
    v = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 1, 0]], np.float64)
    uv = np.array([[0.1, 0.1], [0.9, 0.2], [7.5, 0.3], [5.2, 0.8]])
    w, f, t = packing._wrap_uv(v, np.array([[0, 1, 3], [1, 2, 3]]), uv)
    corner = t[f]
    assert (corner.min(1) >= -1e-6).all() and (np.floor(corner.min(1) + 1e-6) == 0).all()
    assert np.array_equal(w[f], v[[[0, 1, 3], [1, 2, 3]]])
    assert np.allclose((corner - uv[[[0, 1, 3], [1, 2, 3]]]) % 1 % 1, 0, atol=1e-9)


def test_shelves_do_not_overlap() -> None:
    rng = np.random.default_rng(0)
    sizes = [tuple(x) for x in rng.integers(3, 60, (40, 2)).tolist()]
    corners, height = packing._shelves(sizes, 128)
    used = np.zeros((height, 128), int)
    for (x, y), (w, h) in zip(corners, sizes):
        used[y : y + h, x : x + w] += 1
    assert used.max() == 1 and used.sum() == sum(w * h for w, h in sizes)


def test_too_many_textures_are_reduced_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_ATLAS", 64)
    pieces = [(np.eye(3), TRIANGLE, UV, noise(i, (64, 64)), WHITE) for i in range(4)]
    atlas = packing.pack_textures(pieces)[3]
    assert max(atlas.size) <= 64
    monkeypatch.setattr(packing, "MAX_ATLAS", 20)
    with pytest.raises(InputError, match="more textures"):
        packing.pack_textures(pieces)
