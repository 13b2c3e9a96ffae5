"""glTF 2.0 in: GLB or .gltf with files beside it. Node transforms are applied, strips and fans become triangles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.geometry.image.colour_space import linear_to_srgb
from lift3d.geometry.parts.convert import MAX_ELEMENTS, y_up_to_z_up
from lift3d.io.camera.quaternion import rotation_from_quaternion
from lift3d.io.mesh.common import decode_texture, finite_or
from lift3d.io.mesh.gltf_document import GltfDocument, as_dict, parse
from lift3d.types import F64, WHITE, Bytes4, Material, Model, Part


def _rgba_to_srgb(rgba: NDArray[Any]) -> NDArray[np.uint8]:
    """sRGB bytes of linear RGBA in [0, 1]; alpha stays linear."""
    out = np.concatenate([linear_to_srgb(np.clip(rgba[..., :3], 0, 1)), np.clip(rgba[..., 3:4], 0, 1)], -1)
    return np.rint(np.nan_to_num(out) * 255).astype(np.uint8)


class _Reader:
    """The materials and parts of one document."""

    def __init__(self, source: GltfDocument) -> None:
        self.source = source
        self.materials: dict[int, Material] = {}
        self.warnings: list[str] = []
        self.elements = 0

    def material(self, index: object) -> Material:
        """The material at an index: base colour factor and texture, read once."""
        if isinstance(index, int) and index in self.materials:
            return self.materials[index]
        entry = self.source.item("materials", index)
        pbr = as_dict(entry.get("pbrMetallicRoughness"))
        factor = pbr.get("baseColorFactor")
        colour: Bytes4 = WHITE
        if isinstance(factor, list) and len(factor) == 4:
            r, g, b, a = _rgba_to_srgb(np.array([finite_or(c, 1.0) for c in factor])).tolist()
            colour = (r, g, b, a)
        picture = None
        texture = as_dict(pbr.get("baseColorTexture"))
        if texture:
            picture = self.texture(texture.get("index"))
        material = Material(str(entry.get("name") or f"material {index}")[:200], colour, picture)
        self.materials[int(index)] = material  # type: ignore[call-overload]
        return material

    def texture(self, index: object) -> Any:
        """The picture of a texture; None with a warning where its file is missing."""
        entry = self.source.item("textures", index)
        source = entry.get("source")
        for extension in as_dict(entry.get("extensions")).values():
            source = as_dict(extension).get("source", source)
        image = self.source.item("images", source)
        try:
            if isinstance(image.get("uri"), str):
                data = self.source.resource(image["uri"])
            else:
                whole, offset, length, _ = self.source.view(image.get("bufferView"))
                data = whole[offset : offset + length]
        except FileNotFoundError as error:
            self.warnings.append(f"the texture {error} is missing")
            return None
        return decode_texture(data, f"{source} of {self.source.name}")

    def primitive(self, entry: dict[str, Any], matrix: F64) -> Part | None:
        """A primitive as a part, transformed by a 4x4 matrix; None for points and lines."""
        mode = entry.get("mode", 4)
        attributes = as_dict(entry.get("attributes"))
        if mode not in (4, 5, 6) or "POSITION" not in attributes:
            return None
        xyz = self.source.accessor(attributes["POSITION"]).astype(np.float64)
        if xyz.shape[1] != 3:
            raise damaged_file(self.source.name, "has positions that are not three numbers each")
        if "indices" in entry:
            index = self.source.accessor(entry["indices"]).reshape(-1).astype(np.int64)
        else:
            index = np.arange(len(xyz))
        faces = _triangles(index, mode)
        self.elements += len(faces) + len(xyz)
        if self.elements > MAX_ELEMENTS:
            raise damaged_file(self.source.name, f"holds more than {MAX_ELEMENTS} vertices and triangles")
        if np.linalg.det(matrix[:3, :3]) < 0:
            faces = faces[:, ::-1]
        material = self.material(entry["material"]) if "material" in entry else None
        info: dict[str, Any] = {}
        if material is not None:
            pbr = as_dict(self.source.item("materials", entry["material"]).get("pbrMetallicRoughness"))
            info = as_dict(pbr.get("baseColorTexture"))
        uv = colours = None
        key = f"TEXCOORD_{info.get('texCoord', 0)}"
        if key in attributes and material is not None and material.texture is not None:
            uv = self.source.accessor(attributes[key]).astype(np.float64)[:, :2]
            uv = _transform_uv(uv, as_dict(as_dict(info.get("extensions")).get("KHR_texture_transform")))
            uv = np.column_stack([uv[:, 0], 1 - uv[:, 1]])
        if "COLOR_0" in attributes:
            raw = self.source.accessor(attributes["COLOR_0"]).astype(np.float64)
            colours = _rgba_to_srgb(np.column_stack([raw, np.ones(len(raw))])[:, :4])
        world = xyz @ matrix[:3, :3].T + matrix[:3, 3]
        return Part(y_up_to_z_up(world), faces, uv, colours, material)

    def walk(self) -> list[Part]:
        """All primitives of the scene in its frame, Z up."""
        nodes = self.source.document.get("nodes", [])
        scenes = self.source.document.get("scenes")
        if isinstance(scenes, list) and scenes:
            roots = self.source.item("scenes", self.source.document.get("scene", 0)).get("nodes", [])
        else:
            children = {
                c for n in nodes if isinstance(n, dict) for c in n.get("children", []) if isinstance(c, int)
            }
            roots = [i for i in range(len(nodes)) if i not in children]
        if not nodes:
            entries = self.source.document.get("meshes", [])
            return self.meshes(range(len(entries)), np.eye(4))
        parts: list[Part] = []
        seen: set[int] = set()
        stack = [(r, np.eye(4)) for r in reversed(roots)]
        while stack:
            index, parent = stack.pop()
            node = self.source.item("nodes", index)
            if index in seen:
                raise damaged_file(self.source.name, "has a node with two parents")
            seen.add(index)
            matrix = parent @ _local_matrix(node)
            if "mesh" in node:
                parts += self.meshes([node["mesh"]], matrix)
            stack += [(c, matrix) for c in reversed(node.get("children", []))]
        return parts

    def meshes(self, indices: Any, matrix: F64) -> list[Part]:
        """The parts of the meshes at these indices, transformed by a 4x4 matrix."""
        found = []
        for index in indices:
            for entry in self.source.item("meshes", index).get("primitives", []):
                part = self.primitive(as_dict(entry), matrix)
                if part is not None:
                    found.append(part)
        return found


def _triangles(index: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(F, 3) triangles of an index list: mode 4 list, 5 strip, 6 fan."""
    if mode == 4:
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if len(index) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == 6:
        return np.column_stack([np.full(len(index) - 2, index[0]), index[1:-1], index[2:]])
    strip = np.column_stack([index[:-2], index[1:-1], index[2:]])
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip[(strip[:, 0] != strip[:, 1]) & (strip[:, 1] != strip[:, 2]) & (strip[:, 0] != strip[:, 2])]


def _transform_uv(uv: F64, transform: dict[str, Any]) -> F64:
    """KHR_texture_transform: scale, rotate, then offset."""
    if not transform:
        return uv
    scale, offset = transform.get("scale", [1, 1]), transform.get("offset", [0, 0])
    angle = finite_or(transform.get("rotation", 0.0), 0.0)
    c, s = np.cos(angle), np.sin(angle)
    return (uv * np.array(scale, np.float64)) @ np.array([[c, -s], [s, c]]) + np.array(offset, np.float64)


def _local_matrix(node: dict[str, Any]) -> F64:
    """The node's 4x4 transform."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = np.array(node.get("rotation", [0, 0, 0, 1]), np.float64)
    rotation = rotation_from_quaternion(np.array([w, x, y, z]))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * np.array(node.get("scale", [1, 1, 1]), np.float64)
    matrix[:3, 3] = np.array(node.get("translation", [0, 0, 0]), np.float64)
    return matrix


def read(data: bytes, path: Path) -> Model:
    """The parts of a GLB, or of the JSON of a .gltf, Z up; unit "m" unless the file says null.

    Raises InputError for a damaged file.
    """
    document = parse(data, path)
    reader = _Reader(document)
    extras = as_dict(as_dict(document.document.get("asset")).get("extras"))
    unit = None if "unit" in extras and extras["unit"] is None else "m"
    return Model(reader.walk(), unit, reader.warnings)
