"""glTF 2.0 in: GLB or .gltf with files beside it, posed as its nodes, skins and morph weights state.

The scene's visible meshes become parts in the frame of lift3d: node transforms and instances applied, skins and morph targets in
their stated pose, strips and fans as triangles, base colours with factors, textures and vertex colours multiplied.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS, y_up_to_z_up
from lift3d.geometry.parts.texture_wrapping import TextureWrapper
from lift3d.io.mesh.common import only_colour_note
from lift3d.io.mesh.gltf.document import GltfDocument, as_dict, parse
from lift3d.io.mesh.gltf.materials import Look, Materials, rgba_to_srgb
from lift3d.io.mesh.gltf.nodes import Nodes, centre_offset
from lift3d.io.mesh.gltf.skins import joint_matrices, skinned
from lift3d.io.mesh.gltf.vertices import Primitive, transform_uv
from lift3d.types import F64, WHITE, Material, Model, Part

_KINDS = {0: "points", 1: "lines", 2: "lines", 3: "lines"}


class _Reader:
    """The parts of one document."""

    def __init__(self, source: GltfDocument) -> None:
        self.source = source
        self.warnings: list[str] = []
        self.materials = Materials(source, self.warnings)
        self.nodes = Nodes(source, self.warnings)
        self.left_out: Counter[str] = Counter()
        self.elements = 0
        self._materials: dict[tuple[Any, ...], Material] = {}
        self._wrapper = TextureWrapper()

    def parts(self) -> list[Part]:
        """All visible primitives of the scene in its frame, Z up."""
        found: list[Part] = []
        if not self.nodes.count:
            for index in range(len(self.source.table("meshes"))):
                found += self._mesh({"mesh": index}, [np.eye(4)])
        for node, matrices in self.nodes.drawn():
            found += self._mesh(node, matrices)
        self._report(bool(found))
        return found

    def _report(self, any_triangles: bool) -> None:
        """A warning, or an InputError where nothing else was found, about what is not a surface."""
        unread = dict(self.materials.unread)
        if self.materials.glowing:
            unread = {"emission": self.materials.glowing, **unread}
        if unread:
            self.warnings.append(only_colour_note(unread))
        if animations := len(self.source.table("animations")):
            self.warnings.append(
                f"animations are not read ({animations}): the model has the pose of its nodes"
            )
        variants = as_dict(as_dict(self.source.document.get("extensions")).get("KHR_materials_variants"))
        if isinstance(variants.get("variants"), list) and variants["variants"]:
            self.warnings.append(
                f"of its {len(variants['variants'])} variants of materials the default one is read"
            )
        kinds = " and ".join(sorted(self.left_out))
        if not kinds:
            return
        if not any_triangles:
            raise InputError(
                f"{self.source.name} holds {kinds} but no triangles", "export it as a mesh with faces"
            )
        self.warnings.append(f"the {kinds} in {self.source.name} are left out: only triangles are read")

    def _mesh(self, node: dict[str, Any], matrices: list[F64]) -> list[Part]:
        """The parts of a node's mesh, once for each transform; those of a skinned mesh in the pose of its joints."""
        mesh = self.source.item("meshes", node["mesh"])
        weights = node.get("weights", mesh.get("weights"))
        joints = None
        if "skin" in node and matrices:
            joints = joint_matrices(self.source, node["skin"], self.nodes.world)
        found = []
        for entry in mesh.get("primitives", []):
            found += self._primitive(as_dict(entry), weights, matrices, joints)
        return found

    def _primitive(
        self, entry: dict[str, Any], weights: object, matrices: list[F64], joints: F64 | None
    ) -> list[Part]:
        """The parts of a primitive; none for points and lines."""
        mode = entry.get("mode", 4)
        if mode in _KINDS or "POSITION" not in as_dict(entry.get("attributes")):
            compressed = as_dict(entry.get("extensions"))
            if mode in _KINDS or not compressed:
                self.left_out[_KINDS.get(mode, "meshes without positions")] += 1
                return []
        if mode not in (4, 5, 6):
            raise damaged_file(self.source.name, "has primitives of an unknown mode")
        primitive = Primitive(self.source, entry, weights)
        faces = primitive.faces()
        self.elements += (len(faces) + len(primitive.xyz)) * max(1, len(matrices))
        if self.elements > MAX_ELEMENTS:
            raise damaged_file(self.source.name, f"holds more than {MAX_ELEMENTS} vertices and triangles")
        look = self.materials.look(entry["material"]) if "material" in entry else None
        uv, colours, material = self._appearance(primitive, look, entry.get("material"))
        posed = skinned(primitive, joints) if joints is not None else None
        if posed is not None:
            world, reflected = posed
            if reflected.any() and len(faces) and faces.min() >= 0 and faces.max() < len(world):
                turned = reflected[faces].sum(1) > 1
                faces = np.where(turned[:, None], faces[:, ::-1], faces)
            return [Part(y_up_to_z_up(world), faces, uv, colours, material)]
        found = []
        for matrix in matrices:
            world = primitive.xyz @ matrix[:3, :3].T + matrix[:3, 3]
            turned_faces = faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else faces
            found.append(Part(y_up_to_z_up(world), turned_faces, uv, colours, material))
        return found

    def _appearance(
        self, primitive: Primitive, look: Look | None, index: object
    ) -> tuple[Any, Any, Material | None]:
        """(uv, vertex colours, material) of a primitive. A factor is part of the vertex colours where there are any."""
        raw = primitive.fraction("COLOR_0")
        if look is None:
            colours = None if raw is None else rgba_to_srgb(np.column_stack([raw[:, :3], np.ones(len(raw))]))
            return None, colours, None
        colours = None if raw is None else look.vertex_colours(raw)
        uv, picture = self._texture(primitive, look)
        key = (index, colours is None, id(picture))
        if key not in self._materials:
            red, green, blue, alpha = rgba_to_srgb(look.factor).tolist()
            colour = (red, green, blue, alpha) if colours is None else WHITE
            self._materials[key] = Material(look.name, colour, picture)
        return uv, colours, self._materials[key]

    def _texture(self, primitive: Primitive, look: Look) -> tuple[F64 | None, Pil.Image | None]:
        """(uv with v up, picture) of a primitive; (None, None) without a texture or its coordinates."""
        if look.picture is None:
            return None, None
        info = look.coordinates or {}
        transform = as_dict(as_dict(info.get("extensions")).get("KHR_texture_transform"))
        name = f"TEXCOORD_{transform.get('texCoord', info.get('texCoord', 0))}"
        uv = primitive.attribute(name)
        if uv is None or uv.shape[1] < 2:
            self.warnings.append(
                f"the texture of the material {look.name} is left out where a mesh has no {name} for it"
            )
            return None, None
        uv = transform_uv(uv[:, :2], transform)
        return self._wrapper.repeating(np.column_stack([uv[:, 0], 1 - uv[:, 1]]), look.picture, look.wraps)


def read(data: bytes, path: Path) -> Model:
    """The parts of a GLB, or of the JSON of a .gltf, Z up; unit "m" unless the file says null.

    `warnings` says what the file holds and the model does not. Raises InputError for a damaged file, and for one whose shape
    needs an extension that is not read.
    """
    document = parse(data, path)
    reader = _Reader(document)
    parts = reader.parts()
    offset = y_up_to_z_up(centre_offset(document)[None])[0]
    if offset.any():
        parts = [Part(p.vertices + offset, p.faces, p.uv, p.colours, p.material) for p in parts]
    extras = as_dict(as_dict(document.document.get("asset")).get("extras"))
    unit = None if "unit" in extras and extras["unit"] is None else "m"
    return Model(parts, unit, list(dict.fromkeys(reader.warnings)))
