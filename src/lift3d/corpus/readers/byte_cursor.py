"""Reading binary files of strangers: every step is bounded by what the file holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS


class Cursor:
    """A place in `data`; what would go beyond its end raises InputError that names the file."""

    def __init__(self, data: bytes, name: str, at: int = 0) -> None:
        self.data, self.name, self.at = data, name, at

    def array(self, kind: DTypeLike, count: int, *shape: int) -> NDArray[Any]:
        """`count` x shape numbers, a copy in native byte order."""
        dtype = np.dtype(kind)
        each = int(np.prod(shape)) if shape else 1
        if not 0 <= count <= MAX_ELEMENTS:
            raise damaged_file(self.name, f"says that it holds {count} elements")
        size = dtype.itemsize * each * count
        if not 0 <= self.at <= len(self.data) - size:
            raise damaged_file(self.name, "ends in the middle")
        out = np.frombuffer(self.data, dtype, each * count, self.at).reshape(count, *shape)
        self.at += size
        return out.astype(dtype.newbyteorder("="))

    def number(self, kind: DTypeLike) -> int:
        """One integer."""
        return int(self.array(kind, 1)[0])

    def text(self, size: int) -> str:
        """A field of `size` bytes up to its first zero."""
        return self.array("u1", size).tobytes().split(b"\0")[0].decode("latin-1")

    def skip(self, size: int) -> None:
        """Go on by `size` bytes, which must exist."""
        if size < 0 or self.at + size > len(self.data):
            raise damaged_file(self.name, "ends in the middle")
        self.at += size
