"""Several textures packed into one picture, so that a scene of many materials becomes one mesh.

Shelf packing by height; a texture that repeats is written as often as it is used (at most four times each way).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.types import F64

MAX_ATLAS = 8192
MAX_REPEAT = 4
GUTTER = 4
Piece = tuple[F64, NDArray[np.int64], F64 | None, Pil.Image | None, tuple[int, int, int, int]]


def _into_first_cell(v: F64, f: NDArray[np.int64], uv: F64) -> tuple[F64, NDArray[np.int64], F64]:
    """Shift each face's coordinates by whole cells so that they start in [0, 1); corners that part are split."""
    low = np.floor(uv.min(0) + 1e-6)
    if (uv - low).max() <= 1 + 1e-6:
        return v, f, uv - low
    corner_uv = uv[f]
    shift = np.floor(corner_uv.min(1) + 1e-6)
    keys = np.column_stack([f.reshape(-1), np.repeat(shift, 3, axis=0).astype(np.int64)])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    return v[unique[:, 0]], inverse.reshape(-1, 3), uv[unique[:, 0]] - unique[:, 1:]


def _tile(piece: Piece) -> tuple[F64, NDArray[np.int64], F64, NDArray[np.uint8], bool]:
    """(vertices, faces, uv in [0, 1] of the tile, tile (h, w, 4), whether it is one flat colour)."""
    v, f, uv, picture, colour = piece
    if uv is None or picture is None or len(uv) == 0:
        flat = np.broadcast_to(np.array(colour, np.uint8), (4, 4, 4))
        return v, f, np.full((len(v), 2), 0.5), flat, True
    v, f, uv = _into_first_cell(v, f, uv)
    repeat = np.clip(np.ceil(uv.max(0) - 1e-6), 1, MAX_REPEAT).astype(int)
    used = uv / repeat
    pixels = np.asarray(picture.convert("RGBA"))
    if tuple(colour) != (255, 255, 255, 255):
        pixels = np.rint(pixels * (np.array(colour) / 255)).astype(np.uint8)
    while pixels.shape[0] * repeat[1] > MAX_ATLAS or pixels.shape[1] * repeat[0] > MAX_ATLAS:
        half = Pil.fromarray(np.ascontiguousarray(pixels))
        pixels = np.asarray(half.reduce(2))
    return v, f, np.clip(used, 0, 1), np.tile(pixels, (repeat[1], repeat[0], 1)), False


def _shelves(sizes: list[tuple[int, int]], width: int) -> tuple[list[tuple[int, int]], int]:
    """Left-top corners of boxes (w, h) on shelves of the given width, tallest first, and the height they need."""
    corners = [(0, 0)] * len(sizes)
    x = y = shelf = 0
    for i in sorted(range(len(sizes)), key=lambda i: (-sizes[i][1], i)):
        w, h = sizes[i]
        if x + w > width and x > 0:
            x, y, shelf = 0, y + shelf, 0
        corners[i] = (x, y)
        x, shelf = x + w, max(shelf, h)
    return corners, y + shelf


def pack(pieces: Sequence[Piece]) -> tuple[F64, NDArray[np.int64], F64, Pil.Image]:
    """(vertices, faces, uv, picture) of all pieces joined; equal pictures with equal colours share a tile."""
    tiles: list[NDArray[np.uint8]] = []
    known: dict[tuple[int, tuple[int, ...], tuple[int, ...]], int] = {}
    done: list[tuple[F64, NDArray[np.int64], F64, int]] = []
    for piece in pieces:
        v, f, uv, tile, flat = _tile(piece)
        key = (0 if flat else id(piece[3]), piece[4], tile.shape)
        if key not in known:
            known[key] = len(tiles)
            tiles.append(tile)
        done.append((v, f, uv, known[key]))
    while True:
        sizes = [(t.shape[1] + 2 * GUTTER, t.shape[0] + 2 * GUTTER) for t in tiles]
        area = sum(w * h for w, h in sizes)
        width = min(MAX_ATLAS, max(max(w for w, _ in sizes), int(np.ceil(area**0.5 / 64) * 64)))
        corners, height = _shelves(sizes, width)
        if height <= MAX_ATLAS and max(w for w, _ in sizes) <= MAX_ATLAS:
            break
        tiles = [np.asarray(Pil.fromarray(np.ascontiguousarray(t)).reduce(2)) if min(t.shape[:2]) > 8 else t for t in tiles]
        if all(min(t.shape[:2]) <= 8 for t in tiles):
            tiles = [t[:4, :4] for t in tiles]
    atlas = np.zeros((height, width, 4), np.uint8)
    for (x, y), tile in zip(corners, tiles):
        padded = np.pad(tile, ((GUTTER, GUTTER), (GUTTER, GUTTER), (0, 0)), mode="edge")
        atlas[y : y + padded.shape[0], x : x + padded.shape[1]] = padded
    vertices, faces, coordinates, start = [], [], [], 0
    for v, f, uv, number in done:
        (x, y), (h, w) = corners[number], tiles[number].shape[:2]
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
