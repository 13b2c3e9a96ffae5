"""Bounded reading of untrusted binary files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS


class Cursor:
    """A read position in `data`; reads beyond the end raise InputError with the file's name."""

    def __init__(self, data: bytes, name: str, at: int = 0) -> None:
        self.data, self.name, self.at = data, name, at

    def array(self, kind: DTypeLike, count: int, *shape: int) -> NDArray[Any]:
        """The next (count, *shape) values, copied in native byte order. Raises InputError beyond the end of the data."""
        dtype = np.dtype(kind)
        each = int(np.prod(shape)) if shape else 1
        if not 0 <= count <= MAX_ELEMENTS:
            raise damaged_file(self.name, f"states {count} elements, which is out of range")
        size = dtype.itemsize * each * count
        if not 0 <= self.at <= len(self.data) - size:
            raise damaged_file(self.name, "is cut short")
        out = np.frombuffer(self.data, dtype, each * count, self.at).reshape(count, *shape)
        self.at += size
        return out.astype(dtype.newbyteorder("="))

    def number(self, kind: DTypeLike) -> int:
        """The next integer."""
        return int(self.array(kind, 1)[0])

    def text(self, size: int) -> str:
        """The text of the next `size` bytes up to the first zero."""
        return self.array("u1", size).tobytes().split(b"\0")[0].decode("latin-1")

    def skip(self, size: int) -> None:
        """Skip `size` bytes. Raises InputError beyond the end of the data."""
        if size < 0 or self.at + size > len(self.data):
            raise damaged_file(self.name, "is cut short")
        self.at += size
