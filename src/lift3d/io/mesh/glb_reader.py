"""glTF 2.0 in: GLB or .gltf with files beside it. Node transforms applied, strips and fans unrolled.

Every index, offset and length is checked against what is there before anything is allocated.
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

from lift3d.errors import (
    InputError,
    damaged_file,  # fmt: skip
)
from lift3d.geometry.image.colour_space import linear_to_srgb
from lift3d.geometry.parts.convert import MAX_ELEMENTS, y_up_to_z_up  # fmt: skip
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE, decode_texture, finite_or, resolve_companion  # fmt: skip
from lift3d.types import F64, WHITE, Bytes4, Material, Model, Part  # fmt: skip

_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_COUNTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_UNDERSTOOD = {"KHR_mesh_quantization", "KHR_texture_transform", "EXT_texture_webp"}


def _rgba_to_srgb(rgba: NDArray[Any]) -> NDArray[np.uint8]:
    out = np.concatenate([linear_to_srgb(np.clip(rgba[..., :3], 0, 1)), np.clip(rgba[..., 3:4], 0, 1)], -1)
    return np.rint(np.nan_to_num(out) * 255).astype(np.uint8)


class _Reader:
    """The parsed JSON of one file with bounded access to its buffers."""

    def __init__(self, document: dict[str, Any], binary: bytes, folder: Path, name: str) -> None:
        self.document, self.binary, self.folder, self.name = document, binary, folder, name
        self.buffers: dict[int, bytes] = {}
        self.materials: dict[int, Material] = {}
        self.warnings: list[str] = []
        self.elements = 0

    def item(self, table: str, index: object) -> dict[str, Any]:
        rows = self.document.get(table, [])
        if not isinstance(index, int) or not isinstance(rows, list) or not 0 <= index < len(rows):
            raise damaged_file(self.name, f"refers to an entry of {table} that is not there")
        if not isinstance(rows[index], dict):
            raise damaged_file(self.name, f"has a damaged entry in {table}")
        return rows[index]

    def resource(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            return base64.b64decode(uri.partition(",")[2])
        if "://" in uri:
            raise InputError(f"{self.name} refers to the network ({uri[:80]})", "export it as one GLB file")
        path = resolve_companion(self.folder, unquote(uri), self.name)
        return read_bytes(path, MAX_FILE)

    def buffer(self, index: int) -> bytes:
        if index not in self.buffers:
            entry = self.item("buffers", index)
            uri = entry.get("uri")
            try:
                self.buffers[index] = self.resource(uri) if isinstance(uri, str) else self.binary
            except FileNotFoundError as error:
                raise damaged_file(self.name, f"needs the file {error}, which is not beside it") from error
        return self.buffers[index]

    def view(self, index: object) -> tuple[bytes, int, int, int]:
        """(buffer, offset, length, stride or 0)."""
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
            raise damaged_file(self.name, "is cut short: a buffer view ends after its buffer")
        return data, offset, length, stride

    def accessor(self, index: object) -> NDArray[Any]:
        """(count, components): float64 when float or normalised, else the file's integers."""
        entry = self.item("accessors", index)
        count, kind, width = (
            entry.get("count"),
            entry.get("componentType"),
            _COUNTS.get(entry.get("type", "")),
        )
        if (
            not isinstance(count, int)
            or not 0 <= count <= MAX_ELEMENTS
            or kind not in _TYPES
            or width is None
        ):
            raise damaged_file(self.name, "has an accessor of unknown type or absurd length")
        if "sparse" in entry or "bufferView" not in entry:
            raise damaged_file(self.name, "stores its vertices sparsely, which lift3d does not read")
        dtype = np.dtype(_TYPES[kind])
        data, offset, length, stride = self.view(entry["bufferView"])
        begin, size = entry.get("byteOffset", 0), dtype.itemsize * width
        stride = stride or size
        if (
            not isinstance(begin, int)
            or begin < 0
            or (count and begin + stride * (count - 1) + size > length)
        ):
            raise damaged_file(self.name, "is cut short: an accessor ends after its buffer view")
        array = np.ndarray((count, width), dtype, data, offset + begin, (stride, dtype.itemsize))
        if kind == 5126:
            return array.astype(np.float64)
        if entry.get("normalized"):
            return np.maximum(array / float(np.iinfo(dtype).max), -1.0)
        return array.astype(np.int64)

    def material(self, index: object) -> Material:
        if isinstance(index, int) and index in self.materials:
            return self.materials[index]
        entry = self.item("materials", index)
        pbr = _table(entry.get("pbrMetallicRoughness"))
        factor = pbr.get("baseColorFactor")
        colour: Bytes4 = WHITE
        if isinstance(factor, list) and len(factor) == 4:
            r, g, b, a = _rgba_to_srgb(np.array([finite_or(c, 1.0) for c in factor])).tolist()
            colour = (r, g, b, a)
        picture = None
        texture = _table(pbr.get("baseColorTexture"))
        if texture:
            picture = self.texture(texture.get("index"))
        made = Material(str(entry.get("name") or f"material {index}")[:200], colour, picture)
        self.materials[int(index)] = made  # type: ignore[call-overload]
        return made

    def texture(self, index: object) -> Any:
        entry = self.item("textures", index)
        source = entry.get("source")
        for extension in _table(entry.get("extensions")).values():
            source = _table(extension).get("source", source)
        image = self.item("images", source)
        try:
            if isinstance(image.get("uri"), str):
                data = self.resource(image["uri"])
            else:
                whole, offset, length, _ = self.view(image.get("bufferView"))
                data = whole[offset : offset + length]
        except FileNotFoundError as error:
            self.warnings.append(f"the texture {error} is missing")
            return None
        return decode_texture(data, f"{source} of {self.name}")

    def primitive(self, entry: dict[str, Any], matrix: F64) -> Part | None:
        mode = entry.get("mode", 4)
        attributes = _table(entry.get("attributes"))
        if mode not in (4, 5, 6) or "POSITION" not in attributes:
            return None
        xyz = self.accessor(attributes["POSITION"]).astype(np.float64)
        if xyz.shape[1] != 3:
            raise damaged_file(self.name, "has positions that are not three numbers each")
        if "indices" in entry:
            index = self.accessor(entry["indices"]).reshape(-1).astype(np.int64)
        else:
            index = np.arange(len(xyz))
        faces = _triangles(index, mode)
        self.elements += len(faces) + len(xyz)
        if self.elements > MAX_ELEMENTS:
            raise damaged_file(self.name, f"holds more than {MAX_ELEMENTS} vertices and triangles")
        if np.linalg.det(matrix[:3, :3]) < 0:
            faces = faces[:, ::-1]
        material = self.material(entry["material"]) if "material" in entry else None
        info: dict[str, Any] = {}
        if material is not None:
            pbr = _table(self.item("materials", entry["material"]).get("pbrMetallicRoughness"))
            info = _table(pbr.get("baseColorTexture"))
        uv = colours = None
        key = f"TEXCOORD_{info.get('texCoord', 0)}"
        if key in attributes and material is not None and material.texture is not None:
            uv = self.accessor(attributes[key]).astype(np.float64)[:, :2]
            uv = _moved(uv, _table(_table(info.get("extensions")).get("KHR_texture_transform")))
            uv = np.column_stack([uv[:, 0], 1 - uv[:, 1]])
        if "COLOR_0" in attributes:
            raw = self.accessor(attributes["COLOR_0"]).astype(np.float64)
            colours = _rgba_to_srgb(np.column_stack([raw, np.ones(len(raw))])[:, :4])
        world = xyz @ matrix[:3, :3].T + matrix[:3, 3]
        return Part(y_up_to_z_up(world), faces, uv, colours, material)

    def walk(self) -> list[Part]:
        """All primitives of the scene in the world's frame."""
        nodes = self.document.get("nodes", [])
        scenes = self.document.get("scenes")
        if isinstance(scenes, list) and scenes:
            roots = self.item("scenes", self.document.get("scene", 0)).get("nodes", [])
        else:
            children = {
                c for n in nodes if isinstance(n, dict) for c in n.get("children", []) if isinstance(c, int)
            }
            roots = [i for i in range(len(nodes)) if i not in children]
        if not nodes:
            entries = self.document.get("meshes", [])
            return self.meshes(range(len(entries)), np.eye(4))
        parts: list[Part] = []
        seen: set[int] = set()
        stack = [(r, np.eye(4)) for r in reversed(roots)]
        while stack:
            index, parent = stack.pop()
            node = self.item("nodes", index)
            if index in seen:
                raise damaged_file(self.name, "has a node with two parents")
            seen.add(index)
            matrix = parent @ _local(node)
            if "mesh" in node:
                parts += self.meshes([node["mesh"]], matrix)
            stack += [(c, matrix) for c in reversed(node.get("children", []))]
        return parts

    def meshes(self, indices: Any, matrix: F64) -> list[Part]:
        found = []
        for index in indices:
            for entry in self.item("meshes", index).get("primitives", []):
                part = self.primitive(_table(entry), matrix)
                if part is not None:
                    found.append(part)
        return found


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _triangles(index: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """Triangle list, strip or fan to (F, 3)."""
    if mode == 4:
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if len(index) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == 6:
        return np.column_stack([np.full(len(index) - 2, index[0]), index[1:-1], index[2:]])
    strip = np.column_stack([index[:-2], index[1:-1], index[2:]])
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip[(strip[:, 0] != strip[:, 1]) & (strip[:, 1] != strip[:, 2]) & (strip[:, 0] != strip[:, 2])]


def _moved(uv: F64, transform: dict[str, Any]) -> F64:
    """KHR_texture_transform: scale, rotate, then offset."""
    if not transform:
        return uv
    scale, offset = transform.get("scale", [1, 1]), transform.get("offset", [0, 0])
    angle = finite_or(transform.get("rotation", 0.0), 0.0)
    c, s = np.cos(angle), np.sin(angle)
    return (uv * np.array(scale, np.float64)) @ np.array([[c, -s], [s, c]]) + np.array(offset, np.float64)


def _local(node: dict[str, Any]) -> F64:
    """The node's 4x4 matrix."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.get("rotation", [0, 0, 0, 1]), np.float64)
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.array(node.get("scale", [1, 1, 1]), np.float64)
    matrix[:3, 3] = np.array(node.get("translation", [0, 0, 0]), np.float64)
    return matrix


def read(data: bytes, path: Path) -> Model:
    """A GLB, or the JSON of a .gltf, to parts."""
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
    missing = set(document.get("extensionsRequired", [])) - _UNDERSTOOD
    missing = {m for m in missing if not str(m).startswith("KHR_materials_")}
    if missing:
        raise InputError(
            f"{name} needs the glTF extension {sorted(map(str, missing))[0]}, which lift3d does not read",
            "export it without compression",
        )
    reader = _Reader(document, binary, path.parent, name)
    extras = _table(_table(document.get("asset")).get("extras"))
    unit = None if "unit" in extras and extras["unit"] is None else "m"
    return Model(reader.walk(), unit, reader.warnings)
