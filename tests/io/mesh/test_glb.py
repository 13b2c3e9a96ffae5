"""GLB written and read: layout of the bytes, shared textures, transforms, strips and fans."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.io.mesh import glb_reader, glb_writer
from lift3d.io.mesh.gltf.nodes import local_matrix
from lift3d.io.mesh.gltf.vertices import transform_uv, triangles
from lift3d.types import Material, Part

TRIANGLE = Part(np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 2]]), np.array([[0, 1, 2]]))


def chunks(data: bytes) -> tuple[dict, bytes]:
    magic, version, total = struct.unpack_from("<4sII", data)
    length = struct.unpack_from("<I", data, 12)[0]
    assert (magic, version, total) == (b"glTF", 2, len(data)) and length % 4 == 0
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def test_layout_axes_and_bounds() -> None:
    document, binary = chunks(glb_writer.write(TRIANGLE, "m"))
    assert np.frombuffer(binary, "<f4", 9).reshape(3, 3).tolist() == [[0, 0, 0], [1, 0, 0], [0, 2, 0]]
    position = document["accessors"][0]
    assert position["min"] == [0, 0, 0] and position["max"] == [1, 2, 0]
    assert document["buffers"][0]["byteLength"] == len(binary)
    assert all(view["byteOffset"] % 4 == 0 for view in document["bufferViews"])


@pytest.mark.parametrize("unit", ["m", None])
def test_the_unit_is_read_again(unit: str | None) -> None:
    model = glb_reader.read(glb_writer.write(TRIANGLE, unit), Path("a.glb"))
    assert model.unit == unit and np.array_equal(model.parts[0].vertices, TRIANGLE.vertices)


@pytest.mark.parametrize(("vertices", "component"), [(65535, 5123), (65536, 5125)])
def test_indices_are_as_wide_as_needed(vertices: int, component: int) -> None:
    part = Part(np.zeros((vertices, 3)), np.array([[0, 1, vertices - 1]]))
    data = glb_writer.write(part, None)
    assert chunks(data)[0]["accessors"][1]["componentType"] == component
    assert glb_reader.read(data, Path("a.glb")).parts[0].faces.tolist() == [[0, 1, vertices - 1]]


def test_parts_share_textures_and_materials() -> None:
    wood = Material("wood", texture=Pil.new("RGB", (4, 4), (90, 60, 30)))
    uv = np.array([[0, 0], [1, 0], [0, 1.0]])
    part = Part(TRIANGLE.vertices, TRIANGLE.faces, uv, None, wood)
    document, _ = chunks(glb_writer.write([part, part, TRIANGLE], "m"))
    assert (
        len(document["images"]) == len(document["materials"]) == 1
        and len(document["meshes"][0]["primitives"]) == 3
    )
    back = glb_reader.read(glb_writer.write([part, part], "m"), Path("a.glb")).parts
    assert back[0].material is back[1].material and back[0].uv is not None and np.allclose(back[0].uv, uv)


def test_colours_survive_the_linear_encoding() -> None:
    colours = np.array([[0, 1, 2, 255], [100, 128, 200, 64], [253, 254, 255, 0]], np.uint8)
    part = Part(TRIANGLE.vertices, TRIANGLE.faces, None, colours)
    back = glb_reader.read(glb_writer.write(part, None), Path("a.glb")).parts[0].colours
    assert back is not None and np.abs(back.astype(int) - colours).max() <= 1


def test_strips_and_fans_are_unrolled() -> None:
    index = np.arange(5)
    assert triangles(index, 4).tolist() == [[0, 1, 2]]
    assert triangles(index, 5).tolist() == [[0, 1, 2], [2, 1, 3], [2, 3, 4]]
    assert triangles(index, 6).tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4]]
    assert triangles(np.array([0, 1, 1, 2]), 5).tolist() == [] and triangles(index[:2], 5).shape == (0, 3)


def test_the_matrix_of_a_node_is_translation_times_rotation_times_scale() -> None:
    s = np.sqrt(0.5)
    node = {"translation": [1, 2, 3], "rotation": [0, 0, s, s], "scale": [2, 3, 4]}
    matrix = local_matrix(node)
    assert np.allclose(matrix @ [1, 0, 0, 1], [1, 4, 3, 1]) and np.allclose(
        matrix @ [0, 1, 0, 1], [-2, 2, 3, 1]
    )
    assert np.array_equal(local_matrix({"matrix": list(range(16))}), np.arange(16.0).reshape(4, 4).T)
    assert np.array_equal(local_matrix({}), np.eye(4))


def test_texture_transforms_scale_rotate_and_shift() -> None:
    uv = np.array([[1.0, 0], [0, 1]])
    assert np.array_equal(transform_uv(uv, {}), uv)
    moved = transform_uv(uv, {"scale": [2, 3], "offset": [0.5, 0.25], "rotation": np.pi / 2})
    assert np.allclose(moved, [[0.5, -1.75], [3.5, 0.25]])
