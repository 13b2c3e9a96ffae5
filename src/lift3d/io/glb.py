"""glTF 2.0 out, as one GLB. Y up, metres, colours by vertex linear, texture v down.

The unit glTF demands is the metre. A model whose scale is unknown is written as it is and says so in
`asset.extras`: {"unit": null}, which is read back; files that say nothing are in metres.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d import __version__
from lift3d.io.colour import to_linear
from lift3d.io.parts import (
    Material,
    Part,
    encode_picture,
    z_up_to_y_up,
)  # fmt: skip


def _padded(data: bytes, fill: bytes = b"\0") -> bytes:
    return data + fill * (-len(data) % 4)


def write(part: Part, unit: str | None, normals: NDArray[np.float32] | None = None) -> bytes:
    """One part (metres or bare numbers, Z up) as a GLB; the same part gives the same bytes."""
    chunks: list[bytes] = []
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []

    def add_view(data: bytes, target: int | None = None) -> int:
        view: dict[str, Any] = {"buffer": 0, "byteOffset": sum(map(len, chunks)), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        views.append(view)
        chunks.append(_padded(data))
        return len(views) - 1

    def add(array: NDArray[Any], component: int, kind: str, target: int = 34962, **more: Any) -> int:
        view = add_view(np.ascontiguousarray(array).tobytes(), target)
        accessors.append(
            {"bufferView": view, "componentType": component, "count": len(array), "type": kind, **more}
        )
        return len(accessors) - 1

    xyz = z_up_to_y_up(part.vertices).astype("<f4")
    low, high = xyz.min(0).tolist(), xyz.max(0).tolist()
    attributes = {"POSITION": add(xyz, 5126, "VEC3", min=low, max=high)}
    if normals is not None:
        attributes["NORMAL"] = add(z_up_to_y_up(normals.astype(np.float64)).astype("<f4"), 5126, "VEC3")
    if part.uv is not None:
        attributes["TEXCOORD_0"] = add(
            np.column_stack([part.uv[:, 0], 1 - part.uv[:, 1]]).astype("<f4"), 5126, "VEC2"
        )
    if part.colours is not None:
        light = part.colours / 255.0
        light[:, :3] = to_linear(light[:, :3])
        colours = np.rint(light * 65535).astype("<u2")
        attributes["COLOR_0"] = add(colours, 5123, "VEC4", normalized=True)
    small = len(part.vertices) <= 65535
    faces = part.faces.reshape(-1).astype("<u2" if small else "<u4")
    primitive: dict[str, Any] = {
        "attributes": attributes,
        "indices": add(faces, 5123 if small else 5125, "SCALAR", 34963),
        "mode": 4,
    }
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": f"lift3d {__version__}", "extras": {"unit": unit}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "model"}],
        "meshes": [{"primitives": [primitive]}],
    }
    if part.material is not None or part.colours is not None:
        material = part.material if part.material is not None else Material()
        factor = np.array(material.colour) / 255.0
        factor[:3] = to_linear(factor[:3])
        pbr: dict[str, Any] = {
            "baseColorFactor": [round(float(c), 9) for c in factor],
            "metallicFactor": 0.0,
            "roughnessFactor": 0.9,
        }
        if part.uv is not None and material.picture is not None:
            data, ending = encode_picture(material.picture)
            mime = "image/png" if ending == "png" else "image/jpeg"
            document["images"] = [{"bufferView": add_view(data), "mimeType": mime}]
            document["samplers"] = [{"magFilter": 9729, "minFilter": 9987}]
            document["textures"] = [{"source": 0, "sampler": 0}]
            pbr["baseColorTexture"] = {"index": 0}
        entry: dict[str, Any] = {"name": material.name, "pbrMetallicRoughness": pbr, "doubleSided": True}
        clear = material.colour[3] < 255 or (material.picture is not None and material.picture.mode == "RGBA")
        if clear:
            entry["alphaMode"] = "BLEND"
        document["materials"] = [entry]
        primitive["material"] = 0
    binary = b"".join(chunks)
    document["buffers"] = [{"byteLength": len(binary)}]
    document["bufferViews"], document["accessors"] = views, accessors
    text = _padded(json.dumps(document, separators=(",", ":")).encode(), b" ")
    total = 12 + 8 + len(text) + 8 + len(binary)
    head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
    return head + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
