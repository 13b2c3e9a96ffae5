"""The JSON and buffers of a glTF 2.0 file, GLB or .gltf, with bounded access.

Every index, offset and length is checked against the file before anything is allocated.
"""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE, resolve_companion
from lift3d.io.mesh.gltf.extensions import COMPRESSION, require_readable, unread

_COMPONENT_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_COMPONENT_COUNTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
MAX_ZEROS = 6_000_000
"""Most components of an accessor that has no buffer view, as a file of any size can state one."""
_JSON, _BINARY = 0x4E4F534A, 0x004E4942


class GltfDocument:
    """The parsed JSON of a file, its binary chunk, and the files beside it."""

    def __init__(self, document: dict[str, Any], binary: bytes | None, folder: Path, name: str) -> None:
        self.document, self.binary, self.folder, self.name = document, binary, folder, name
        self.buffers: dict[int, bytes] = {}

    def table(self, name: str) -> list[Any]:
        """A top-level table; empty if the file has none."""
        rows = self.document.get(name)
        return rows if isinstance(rows, list) else []

    def item(self, table: str, index: object) -> dict[str, Any]:
        """Entry `index` of a top-level table. Raises InputError when it is missing."""
        rows = self.table(table)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(rows):
            raise damaged_file(self.name, f"refers to an entry of {table} that it does not hold")
        if not isinstance(rows[index], dict):
            raise damaged_file(self.name, f"has a damaged entry in {table}")
        return rows[index]

    def resource(self, uri: str) -> bytes:
        """The bytes of a data URI, or of a file beside the model; nothing is fetched from the network.

        Raises FileNotFoundError for a file that is not there, InputError for one that must not be opened.
        """
        if uri[:5].lower() == "data:":
            head, _, body = uri.partition(",")
            data = unquote_to_bytes(body)
            return base64.b64decode(data) if head.lower().endswith(";base64") else data
        if "://" in uri:
            raise InputError(
                f"{self.name} refers to a network address ({uri[:80]})", "export it as one GLB file"
            )
        try:
            path = resolve_companion(self.folder, unquote(uri), self.name)
        except FileNotFoundError:
            path = resolve_companion(self.folder, uri, self.name)  # a name that contains a percent sign
        return read_bytes(path, MAX_FILE)

    def buffer(self, index: int) -> bytes:
        """The bytes of a buffer, read once."""
        if index not in self.buffers:
            entry = self.item("buffers", index)
            uri = entry.get("uri")
            try:
                if isinstance(uri, str):
                    self.buffers[index] = self.resource(uri)
                elif self.binary is not None and index == 0:
                    self.buffers[index] = self.binary
                else:
                    self._refuse_without_data(entry)
            except FileNotFoundError as error:
                raise damaged_file(self.name, f"needs the file {error}, which is not beside it") from error
        return self.buffers[index]

    def _refuse_without_data(self, entry: dict[str, Any]) -> None:
        """Raise InputError for a buffer without data, a placeholder for compressed data or a defect."""
        for extension in as_dict(entry.get("extensions")):
            if extension in COMPRESSION:
                raise unread(self.name, extension)
        raise damaged_file(self.name, "has a buffer without data")

    def view(self, index: object) -> tuple[bytes, int, int, int]:
        """(buffer, offset, length, stride or 0) of a buffer view, checked against the buffer."""
        entry = self.item("bufferViews", index)
        data = self.buffer(entry.get("buffer", -1))
        offset, length, stride = (entry.get(k, 0) for k in ("byteOffset", "byteLength", "byteStride"))
        if not all(isinstance(n, int) and n >= 0 for n in (offset, length, stride)) or offset + length > len(
            data
        ):
            raise damaged_file(self.name, "is cut short (a buffer view ends after its buffer)")
        return data, offset, length, stride

    def accessor(self, index: object) -> NDArray[Any]:
        """(count, components) array of an accessor: float64 for floats and normalised integers, else int64.

        Zeros where there is no buffer view. Sparse values replace those of the buffer view, or zeros.
        """
        entry = self.item("accessors", index)
        count, kind = entry.get("count"), entry.get("componentType")
        width = _COMPONENT_COUNTS.get(entry.get("type", ""))
        if (
            not isinstance(count, int)
            or not 0 <= count <= MAX_ELEMENTS
            or kind not in _COMPONENT_TYPES
            or width is None
        ):
            raise damaged_file(self.name, "has an accessor of unknown type or impossible length")
        dtype = np.dtype(_COMPONENT_TYPES[kind])
        sparse = as_dict(entry.get("sparse"))
        if "bufferView" in entry:
            array = self._strided(entry["bufferView"], entry.get("byteOffset", 0), count, width, dtype)
        elif count * width > MAX_ZEROS:
            raise damaged_file(self.name, "has an accessor without data")
        else:
            array = np.zeros((count, width), dtype)
        if sparse:
            array = self._with_sparse(array, sparse)
        if kind == 5126:
            return array.astype(np.float64)
        if entry.get("normalized"):
            return np.maximum(array / float(np.iinfo(dtype).max), -1.0)
        return array.astype(np.int64)

    def _strided(
        self, view: object, begin: object, count: int, width: int, dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        """(count, width) values of a buffer view, not copied. Raises InputError unless they lie within it."""
        data, offset, length, stride = self.view(view)
        size = dtype.itemsize * width
        stride = stride or size
        if (
            not isinstance(begin, int)
            or begin < 0
            or (count and begin + stride * (count - 1) + size > length)
        ):
            raise damaged_file(self.name, "is cut short (an accessor ends after its buffer view)")
        return np.ndarray((count, width), dtype, data, offset + begin, (stride, dtype.itemsize))

    def _with_sparse(self, array: NDArray[Any], sparse: dict[str, Any]) -> NDArray[Any]:
        """The array (N, width) with its sparse values. Raises InputError for values outside it."""
        number = sparse.get("count")
        where, values = as_dict(sparse.get("indices")), as_dict(sparse.get("values"))
        kind = where.get("componentType")
        if not isinstance(number, int) or not 0 <= number <= len(array) or kind not in (5121, 5123, 5125):
            raise damaged_file(self.name, "has sparse accessors of unknown type or impossible length")
        type_of_indices = np.dtype(_COMPONENT_TYPES[kind])
        index = self._strided(where.get("bufferView"), where.get("byteOffset", 0), number, 1, type_of_indices)
        begin, width = values.get("byteOffset", 0), array.shape[1]
        replaced = self._strided(values.get("bufferView"), begin, number, width, array.dtype)
        if number and int(index.max()) >= len(array):
            raise damaged_file(self.name, "has sparse accessors with indices out of range")
        out = array.copy()
        out[index[:, 0]] = replaced
        return out


def as_dict(value: object) -> dict[str, Any]:
    """The value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def _number(text: str) -> float | int:
    """A JSON number written with a decimal point or exponent: an int where it is one, since glTF allows 24.0 for 24."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def parse(data: bytes, path: Path) -> GltfDocument:
    """The document of a GLB, or of the JSON of a .gltf; the content decides which.

    Raises InputError for damage, glTF 1.0, and extensions that are required and not read.
    """
    name, binary, text = path.name, None, data
    if data[:4] == b"glTF":
        if len(data) < 20:
            raise damaged_file(name, "is cut short")
        if struct.unpack_from("<I", data, 4)[0] != 2:
            raise _old_version(name)
        length, kind = struct.unpack_from("<II", data, 12)
        if kind != _JSON or 20 + length > len(data):
            raise damaged_file(name, "is cut short")
        text = data[20 : 20 + length]
        at = 20 + length
        while at + 8 <= len(data) and binary is None:
            length, kind = struct.unpack_from("<II", data, at)
            if at + 8 + length > len(data):
                raise damaged_file(name, "is cut short")
            binary = data[at + 8 : at + 8 + length] if kind == _BINARY else None
            at += 8 + length
    elif path.suffix.lower() != ".gltf" and data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        raise damaged_file(name, "is not a GLB file")
    document = json.loads(text, parse_float=_number)
    if not isinstance(document, dict):
        raise damaged_file(name, "is not a glTF file")
    asset = as_dict(document.get("asset"))
    least = str(asset.get("minVersion", asset.get("version", "2.0")))
    if least.split(".")[0] in ("0", "1") or any(
        isinstance(document.get(table), dict) for table in ("scenes", "nodes", "meshes", "accessors")
    ):
        raise _old_version(name)
    if "minVersion" in asset and least not in ("2", "2.0"):
        raise InputError(
            f"{name} needs glTF version {least[:20]}, and lift3d reads 2.0", "export it as glTF 2.0"
        )
    require_readable(name, document.get("extensionsRequired"))
    return GltfDocument(document, binary, path.parent, name)


def _old_version(name: str) -> InputError:
    """The error for glTF 1.0."""
    return InputError(f"{name} is not glTF version 2", "convert it, or export it again, as glTF 2.0")
