"""Packing of several textures into one atlas, so that a model of many materials becomes one mesh.

Shelf packing by height. A repeating texture is tiled as often as it is used, with fewer pixels where it would be larger
than MAX_REPEATED; beyond MAX_REPEAT times in a direction it is stretched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.types import F64

MAX_ATLAS = 8192
"""Largest side of the atlas in pixels."""
MAX_REPEAT = 64
MAX_REPEATED = 4096
"""Largest side in pixels of a texture with its repetitions."""
GUTTER = 4
"""Pixels around a tile that repeat its border."""
Piece = tuple[F64, NDArray[np.int64], F64 | None, Pil.Image | None, tuple[int, int, int, int]]
"""Vertices (V, 3), faces (F, 3), uv (V, 2) or None, texture or None, base colour with alpha."""


def _wrap_uv(v: F64, f: NDArray[np.int64], uv: F64) -> tuple[F64, NDArray[np.int64], F64]:
    """(vertices, faces, uv) with the texture coordinates of each face shifted by integers to start in [0, 1).

    Vertices whose faces shift differently are split.
    """
    low = np.floor(uv.min(0) + 1e-6)
    if (uv - low).max() <= 1 + 1e-6:
        return v, f, uv - low
    corner_uv = uv[f]
    shift = np.floor(corner_uv.min(1) + 1e-6)
    keys = np.column_stack([f.reshape(-1), np.repeat(shift, 3, axis=0).astype(np.int64)])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    return v[unique[:, 0]], inverse.reshape(-1, 3), uv[unique[:, 0]] - unique[:, 1:]


Key = tuple[int, tuple[int, int, int, int], int, int]
"""Tile of a piece: identity of its texture (0 for none), colour, repetitions across and down."""


def _prepare(piece: Piece, notes: list[str]) -> tuple[F64, NDArray[np.int64], F64, Key]:
    """(vertices, faces, uv in [0, 1] of the tile, key of the tile)."""
    v, f, uv, picture, colour = piece
    if uv is None or picture is None or len(uv) == 0:
        return v, f, np.full((len(v), 2), 0.5), (0, colour, 1, 1)
    v, f, uv = _wrap_uv(v, f, uv)
    needed = np.maximum(np.ceil(uv.max(0) - 1e-6), 1)
    across, down = np.minimum(needed, MAX_REPEAT).astype(int).tolist()
    if needed.max() > MAX_REPEAT:
        notes.append(
            f"a texture repeats {needed.max():.0f} times across a triangle: it is stretched to {MAX_REPEAT} repetitions"
        )
    return v, f, np.clip(uv / needed, 0, 1), (id(picture), colour, across, down)


def _tile(picture: Pil.Image | None, key: Key, limit: int) -> NDArray[np.uint8]:
    """(h, w, 4) uint8 with both sides at most `limit`: the texture times its colour, repeated."""
    _, colour, across, down = key
    if picture is None or key[0] == 0:
        return np.broadcast_to(np.array(colour, np.uint8), (4, 4, 4))
    limit = limit if across == down == 1 else min(limit, MAX_REPEATED)
    factor = max(1, -(-picture.width * across // limit), -(-picture.height * down // limit))
    pixels = np.asarray(picture.convert("RGBA").reduce(factor))
    if colour != (255, 255, 255, 255):
        pixels = np.rint(pixels * (np.array(colour) / 255)).astype(np.uint8)
    return np.tile(pixels, (down, across, 1))


def _shelves(sizes: list[tuple[int, int]], width: int) -> tuple[list[tuple[int, int]], int]:
    """(left-top corners of boxes (w, h) on shelves of the given width, tallest box first; total height)."""
    corners = [(0, 0)] * len(sizes)
    x = y = shelf = 0
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i][1], i)):
        w, h = sizes[i]
        if x + w > width and x > 0:
            x, y, shelf = 0, y + shelf, 0
        corners[i] = (x, y)
        x, shelf = x + w, max(shelf, h)
    return corners, y + shelf


def _note_reduced(
    tiles: list[NDArray[np.uint8]], keys: dict[Key, tuple[int, Pil.Image | None]], notes: list[str]
) -> None:
    """A warning where a texture lost more than half of its resolution."""
    for tile, (key, (_, picture)) in zip(tiles, keys.items()):
        if picture is not None and key[0] and 2 * tile.shape[1] < picture.width * key[2]:
            notes.append("textures have fewer pixels in the atlas of all of them than in the file")
            return


def _halved(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The tile at half its resolution, unless it is 8 pixels or smaller."""
    if max(tile.shape[:2]) <= 8:
        return tile
    return np.asarray(Pil.fromarray(np.ascontiguousarray(tile)).reduce(2))


def pack_textures(
    pieces: Sequence[Piece], notes: list[str] | None = None
) -> tuple[F64, NDArray[np.int64], F64, Pil.Image]:
    """(vertices (V, 3), faces (F, 3), uv (V, 2), atlas) of all pieces; equal textures with equal colours share a
    tile. notes: where warnings go.

    Raises InputError where the textures do not fit even when reduced to 8 pixels.
    """
    notes = notes if notes is not None else []
    prepared: list[tuple[F64, NDArray[np.int64], F64, int]] = []
    tile_keys: dict[Key, tuple[int, Pil.Image | None]] = {}
    for piece in pieces:
        v, f, uv, key = _prepare(piece, notes)
        tile_index, _ = tile_keys.setdefault(key, (len(tile_keys), piece[3]))
        prepared.append((v, f, uv, tile_index))
    pictures = sum(key[0] != 0 for key in tile_keys)
    limit = max(16, MAX_ATLAS // int(np.ceil(max(pictures, 1) ** 0.5)) - 2 * GUTTER)
    tiles = [_tile(picture, key, limit) for key, (_, picture) in tile_keys.items()]
    while True:
        sizes = [(t.shape[1] + 2 * GUTTER, t.shape[0] + 2 * GUTTER) for t in tiles]
        area = sum(w * h for w, h in sizes)
        width = min(MAX_ATLAS, max(max(w for w, _ in sizes), int(np.ceil(area**0.5 / 64) * 64)))
        corners, height = _shelves(sizes, width)
        if height <= MAX_ATLAS and max(w for w, _ in sizes) <= MAX_ATLAS:
            break
        if all(max(t.shape[:2]) <= 8 for t in tiles):
            raise InputError("the model has more textures than fit into one", "split it into several files")
        tiles = [_halved(t) for t in tiles]
    _note_reduced(tiles, tile_keys, notes)
    atlas = np.zeros((height, width, 4), np.uint8)
    for (x, y), tile in zip(corners, tiles):
        padded = np.pad(tile, ((GUTTER, GUTTER), (GUTTER, GUTTER), (0, 0)), mode="edge")
        atlas[y : y + padded.shape[0], x : x + padded.shape[1]] = padded
    vertices, faces, coordinates, start = [], [], [], 0
    for v, f, uv, tile_index in prepared:
        (x, y), (h, w) = corners[tile_index], tiles[tile_index].shape[:2]
        u = (x + GUTTER + uv[:, 0] * w) / width
        down = (y + GUTTER + (1 - uv[:, 1]) * h) / height
        vertices.append(v)
        faces.append(f + start)
        coordinates.append(np.column_stack([u, 1 - down]))
        start += len(v)
    picture = Pil.fromarray(atlas)
    if atlas[..., 3].min() == 255 or all(t[..., 3].min() == 255 for t in tiles):
        picture = picture.convert("RGB")
    return np.concatenate(vertices), np.concatenate(faces), np.concatenate(coordinates), picture
