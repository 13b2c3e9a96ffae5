"""JPEG files of more pixels than a photo may have, which the decoder reduces while it decodes, so that memory stays bounded."""

from __future__ import annotations

import io

from PIL import JpegImagePlugin

LARGEST = 1_000_000_000
"""Pixels of the file."""
REDUCTION = 8
"""Largest factor by which libjpeg reduces both sides."""


def open_large_jpeg(data: bytes, limit: int, max_size: int | None) -> JpegImagePlugin.JpegImageFile | None:
    """The picture with its header read, if it is a JPEG of more than `limit` pixels of which no more than that are decoded when
    its longer side is reduced to max_size; else None.

    A progressive file keeps the coefficients of all its pixels in memory and is not opened.
    """
    if data[:3] != b"\xff\xd8\xff" or max_size is None:
        return None
    try:
        picture = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None  # `open_picture` says what is wrong
    pixels = picture.width * picture.height
    if not limit < pixels <= LARGEST or "progressive" in picture.info or "progression" in picture.info:
        return None
    factor = 1
    while factor < REDUCTION and max(picture.size) // (2 * factor) >= max_size:
        factor *= 2
    return picture if pixels // factor**2 <= limit else None
