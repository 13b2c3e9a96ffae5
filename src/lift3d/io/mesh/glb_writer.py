"""glTF 2.0 out as one GLB: Y up, metres, linear vertex colours, texture v down.

glTF defines metres. A model of unknown scale is written unchanged with `asset.extras` {"unit": null}, which the reader
understands; files without it are in metres.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.colour_space import srgb_to_linear
from lift3d.geometry.parts.convert import z_up_to_y_up  # fmt: skip
from lift3d.io.mesh.common import encode_picture  # fmt: skip
from lift3d.types import Material, Part  # fmt: skip
from lift3d.version import __version__


def _pad(data: bytes, fill: bytes = b"\0") -> bytes:
    """The data filled up to a multiple of four bytes."""
    return data + fill * (-len(data) % 4)


def write(
    parts: Part | Sequence[Part],
    unit: str | None,
    normals: NDArray[np.float32] | None = None,
    lossy: int | None = None,
) -> bytes:
    """The GLB of one or several parts (Z up, metres or without unit); the same parts give the same bytes.

    normals: (V, 3) of a single part. lossy: JPEG quality for opaque textures of any size.
    """
    file = _File(lossy)
    several = [parts] if isinstance(parts, Part) else list(parts)
    primitives = [file.primitive(part, normals) for part in several]
    return file.bytes(primitives, unit)


def _alpha_mode(part: Part, material: Material) -> str:
    """OPAQUE, MASK where alpha is 0 or 1 everywhere, or BLEND."""
    values = {material.colour[3]}
    if part.colours is not None:
        values |= set(np.unique(part.colours[:, 3]).tolist())
    picture = material.texture if part.uv is not None else None
    if picture is not None and picture.mode == "RGBA":
        levels = picture.getchannel("A").histogram()
        values |= {level for level, count in enumerate(levels) if count}
    if values == {255}:
        return "OPAQUE"
    return "MASK" if values <= {0, 255} else "BLEND"


class _File:
    """The tables and buffer of a file being written."""

    def __init__(self, lossy: int | None) -> None:
        self.lossy = lossy
        self.chunks: list[bytes] = []
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.materials: list[dict[str, Any]] = []
        self.pictures: dict[int, int] = {}

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append a buffer view and return its index."""
        view: dict[str, Any] = {
            "buffer": 0,
            "byteOffset": sum(map(len, self.chunks)),
            "byteLength": len(data),
        }
        if target is not None:
            view["target"] = target
        self.views.append(view)
        self.chunks.append(_pad(data))
        return len(self.views) - 1

    def accessor(
        self, array: NDArray[Any], component: int, type_: str, target: int = 34962, **more: Any
    ) -> int:
        """Append an array as an accessor with its buffer view and return the accessor's index."""
        view = self.view(np.ascontiguousarray(array).tobytes(), target)
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": len(array), "type": type_, **more}
        )
        return len(self.accessors) - 1

    def primitive(self, part: Part, normals: NDArray[np.float32] | None) -> dict[str, Any]:
        """The primitive of one part."""
        xyz = z_up_to_y_up(part.vertices).astype("<f4")
        low, high = xyz.min(0).tolist(), xyz.max(0).tolist()
        attributes = {"POSITION": self.accessor(xyz, 5126, "VEC3", min=low, max=high)}
        if normals is not None:
            rotated = z_up_to_y_up(normals.astype(np.float64)).astype("<f4")
            attributes["NORMAL"] = self.accessor(rotated, 5126, "VEC3")
        if part.uv is not None:
            down = np.column_stack([part.uv[:, 0], 1 - part.uv[:, 1]]).astype("<f4")
            attributes["TEXCOORD_0"] = self.accessor(down, 5126, "VEC2")
        if part.colours is not None:
            light = part.colours / 255.0
            light[:, :3] = srgb_to_linear(light[:, :3])
            colours = np.rint(light * 65535).astype("<u2")
            attributes["COLOR_0"] = self.accessor(colours, 5123, "VEC4", normalized=True)
        small = len(part.vertices) <= 65535
        faces = part.faces.reshape(-1).astype("<u2" if small else "<u4")
        primitive: dict[str, Any] = {
            "attributes": attributes,
            "indices": self.accessor(faces, 5123 if small else 5125, "SCALAR", 34963),
            "mode": 4,
        }
        if part.material is not None or part.colours is not None:
            primitive["material"] = self.material(part)
        return primitive

    def material(self, part: Part) -> int:
        """The index of the part's material; equal materials are written once."""
        material = part.material if part.material is not None else Material()
        factor = np.array(material.colour) / 255.0
        factor[:3] = srgb_to_linear(factor[:3])
        pbr: dict[str, Any] = {
            "baseColorFactor": [round(float(c), 9) for c in factor],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.9,
        }
        if part.uv is not None and material.texture is not None:
            pbr["baseColorTexture"] = {"index": self.picture(material.texture)}
        entry: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": pbr, "doubleSided": True}
        mode = _alpha_mode(part, material)
        if mode != "OPAQUE":
            entry["alphaMode"] = mode
        if entry not in self.materials:
            self.materials.append(entry)
        return self.materials.index(entry)

    def picture(self, picture: Pil.Image) -> int:
        """The index of a picture's texture; a picture that several parts share is written once."""
        if id(picture) not in self.pictures:
            data, ending = encode_picture(picture, self.lossy)
            mime = "image/png" if ending == "png" else "image/jpeg"
            self.pictures[id(picture)] = len(self.images)
            self.images.append({"bufferView": self.view(data), "mimeType": mime})
        return self.pictures[id(picture)]

    def bytes(self, primitives: list[dict[str, Any]], unit: str | None) -> bytes:
        """The whole GLB."""
        document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"lift3d {__version__}", "extras": {"unit": unit}},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0, "name": "model"}],
            "meshes": [{"primitives": primitives}],
        }
        if self.images:
            document["images"] = self.images
            document["samplers"] = [{"magFilter": 9729, "minFilter": 9987}]
            document["textures"] = [{"source": i, "sampler": 0} for i in range(len(self.images))]
        if self.materials:
            document["materials"] = self.materials
        binary = b"".join(self.chunks)
        document["buffers"] = [{"byteLength": len(binary)}]
        document["bufferViews"], document["accessors"] = self.views, self.accessors
        text = _pad(json.dumps(document, separators=(",", ":")).encode(), b" ")
        total = 12 + 8 + len(text) + 8 + len(binary)
        head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
        return head + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
