"""The JSON and buffers of a glTF 2.0 file, GLB or .gltf, with bounded access.

Every index, offset and length is checked against the file before anything is allocated.
"""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE, resolve_companion

_COMPONENT_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_COMPONENT_COUNTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_SUPPORTED_EXTENSIONS = {"KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp"}


class GltfDocument:
    """The parsed JSON of a file, its binary chunk, and the files beside it."""

    def __init__(self, document: dict[str, Any], binary: bytes, folder: Path, name: str) -> None:
        self.document, self.binary, self.folder, self.name = document, binary, folder, name
        self.buffers: dict[int, bytes] = {}

    def item(self, table: str, index: object) -> dict[str, Any]:
        """Entry `index` of a top-level table. Raises InputError when it is missing."""
        rows = self.document.get(table, [])
        if not isinstance(index, int) or not isinstance(rows, list) or not 0 <= index < len(rows):
            raise damaged_file(self.name, f"refers to an entry of {table} that it does not hold")
        if not isinstance(rows[index], dict):
            raise damaged_file(self.name, f"has a damaged entry in {table}")
        return rows[index]

    def resource(self, uri: str) -> bytes:
        """The bytes of a data URI, or of a file beside the model; nothing is fetched from the network."""
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2])
        if "://" in uri:
            raise InputError(
                f"{self.name} refers to a network address ({uri[:80]})", "export it as one GLB file"
            )
        path = resolve_companion(self.folder, unquote(uri), self.name)
        return read_bytes(path, MAX_FILE)

    def buffer(self, index: int) -> bytes:
        """The bytes of a buffer, read once."""
        if index not in self.buffers:
            entry = self.item("buffers", index)
            uri = entry.get("uri")
            try:
                self.buffers[index] = self.resource(uri) if isinstance(uri, str) else self.binary
            except FileNotFoundError as error:
                raise damaged_file(self.name, f"needs the file {error}, which is not beside it") from error
        return self.buffers[index]

    def view(self, index: object) -> tuple[bytes, int, int, int]:
        """(buffer, offset, length, stride or 0) of a buffer view, checked against the buffer."""
        entry = self.item("bufferViews", index)
        data = self.buffer(entry.get("buffer", -1))
        offset, length, stride = (
            entry.get("byteOffset", 0),
            entry.get("byteLength", 0),
            entry.get("byteStride", 0),
        )
        if not all(isinstance(n, int) and n >= 0 for n in (offset, length, stride)) or offset + length > len(
            data
        ):
            raise damaged_file(self.name, "is cut short (a buffer view ends after its buffer)")
        return data, offset, length, stride

    def accessor(self, index: object) -> NDArray[Any]:
        """(count, components) array of an accessor: float64 for floats and normalised integers, else int64."""
        entry = self.item("accessors", index)
        count, kind, width = (
            entry.get("count"),
            entry.get("componentType"),
            _COMPONENT_COUNTS.get(entry.get("type", "")),
        )
        if (
            not isinstance(count, int)
            or not 0 <= count <= MAX_ELEMENTS
            or kind not in _COMPONENT_TYPES
            or width is None
        ):
            raise damaged_file(self.name, "has an accessor of unknown type or impossible length")
        if "sparse" in entry or "bufferView" not in entry:
            raise damaged_file(self.name, "uses sparse accessors, which lift3d does not read")
        dtype = np.dtype(_COMPONENT_TYPES[kind])
        data, offset, length, stride = self.view(entry["bufferView"])
        begin, size = entry.get("byteOffset", 0), dtype.itemsize * width
        stride = stride or size
        if (
            not isinstance(begin, int)
            or begin < 0
            or (count and begin + stride * (count - 1) + size > length)
        ):
            raise damaged_file(self.name, "is cut short (an accessor ends after its buffer view)")
        array = np.ndarray((count, width), dtype, data, offset + begin, (stride, dtype.itemsize))
        if kind == 5126:
            return array.astype(np.float64)
        if entry.get("normalized"):
            return np.maximum(array / float(np.iinfo(dtype).max), -1.0)
        return array.astype(np.int64)


def as_dict(value: object) -> dict[str, Any]:
    """The value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def parse(data: bytes, path: Path) -> GltfDocument:
    """The document of a GLB, or of the JSON of a .gltf. Raises InputError for damage and for unsupported extensions."""
    name, binary, text = path.name, b"", data
    if data[:4] == b"glTF":
        if len(data) < 20 or struct.unpack_from("<I", data, 4)[0] != 2:
            raise damaged_file(name, "is not glTF version 2")
        length, kind = struct.unpack_from("<II", data, 12)
        if kind != 0x4E4F534A or 20 + length > len(data):
            raise damaged_file(name, "is cut short")
        text = data[20 : 20 + length]
        at = 20 + length
        if at + 8 <= len(data):
            length, kind = struct.unpack_from("<II", data, at)
            if at + 8 + length > len(data):
                raise damaged_file(name, "is cut short")
            binary = data[at + 8 : at + 8 + length] if kind == 0x004E4942 else b""
    elif path.suffix.lower() != ".gltf":
        raise damaged_file(name, "is not a GLB file")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise damaged_file(name, "is not a glTF file")
    missing = set(document.get("extensionsRequired", [])) - _SUPPORTED_EXTENSIONS
    missing = {m for m in missing if not str(m).startswith("KHR_materials_")}
    if missing:
        raise InputError(
            f"{name} needs the glTF extension {sorted(map(str, missing))[0]}, which lift3d does not read",
            "export it without compression",
        )
    return GltfDocument(document, binary, path.parent, name)
