"""Small glTF files for tests: arrays become accessors, pictures become images, and any table can be replaced."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.io.mesh import glb_reader
from lift3d.types import Model

_KINDS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
_SHAPES = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}

TRIANGLE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")
"""Its normal is +z in the file, -y in the model."""


class GltfFile:
    """A document that grows: `array` and `image` return indices, `read` the model."""

    def __init__(self, **tables: Any) -> None:
        self.document: dict[str, Any] = {"asset": {"version": "2.0"}, **tables}
        self.data = b""

    def table(self, name: str, entry: Any) -> int:
        """Append an entry to a table; returns its index."""
        self.document.setdefault(name, []).append(entry)
        return len(self.document[name]) - 1

    def view(self, data: bytes, **more: Any) -> int:
        """A buffer view of bytes."""
        entry = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data), **more}
        self.data += data + bytes(-len(data) % 4)
        return self.table("bufferViews", entry)

    def array(self, values: Any, dtype: str = "f4", **more: Any) -> int:
        """An accessor of (N, K) or (N,) values."""
        array = np.asarray(values)
        array = array.reshape(len(array), -1).astype("<" + dtype)
        entry = {
            "bufferView": self.view(array.tobytes()),
            "componentType": _KINDS[dtype],
            "count": len(array),
            "type": _SHAPES[array.shape[1]],
        }
        return self.table("accessors", {**entry, **more})

    def image(self, picture: Pil.Image, kind: str = "PNG") -> int:
        """An embedded picture."""
        out = io.BytesIO()
        picture.save(out, kind)
        return self.table(
            "images", {"bufferView": self.view(out.getvalue()), "mimeType": f"image/{kind.lower()}"}
        )

    def mesh(self, primitive: dict[str, Any], **node: Any) -> int:
        """A mesh of one primitive and a node for it; returns the node's index."""
        return self.table("nodes", {"mesh": self.table("meshes", {"primitives": [primitive]}), **node})

    def glb(self) -> bytes:
        """The file."""
        document = {**self.document, "buffers": [{"byteLength": len(self.data)}]}
        text = json.dumps(document).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(self.data), b"BIN\0") + self.data
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def read(self) -> Model:
        """The model that the reader makes of it."""
        return glb_reader.read(self.glb(), Path("a.glb"))


def textured_triangle(
    material: Any, picture: Pil.Image | None = None, uv: Any = ((0, 0), (1, 0), (0, 1)), **attributes: Any
) -> GltfFile:
    """A triangle with a material, texture 0 with picture 0, and further attributes (accessor options in a pair)."""
    file = GltfFile(materials=[material])
    if picture is not None:
        file.table("textures", {"source": file.image(picture)})
    names = {"POSITION": file.array(TRIANGLE), "TEXCOORD_0": file.array(uv)}
    for name, value in attributes.items():
        names[name] = file.array(value)
    file.mesh({"attributes": names, "material": 0})
    return file
