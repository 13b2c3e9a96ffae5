"""Shapes of glTF as posed: sparse and quantised values, morph targets, skins, instances, modes, scenes and extensions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.helpers.gltf_files import TRIANGLE, GltfFile

from lift3d.errors import InputError
from lift3d.io.mesh import glb_reader
from lift3d.io.mesh.gltf.extensions import COMPRESSION
from lift3d.types import Model


def in_file_axes(model: Model) -> np.ndarray:
    """(F, 3, 3) corners of all triangles in the axes of the file (y up)."""
    corners = np.concatenate([p.vertices[p.faces] for p in model.parts])
    return np.stack([corners[..., 0], corners[..., 2], -corners[..., 1]], -1)


def one(file: GltfFile) -> np.ndarray:
    """The corners of the only triangle."""
    corners = in_file_axes(file.read())
    assert len(corners) == 1
    return corners[0]


def plain(**node: Any) -> GltfFile:
    """A triangle."""
    file = GltfFile()
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE)}}, **node)
    return file


@pytest.mark.parametrize("with_view", [True, False])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_sparse_positions(with_view: bool, kind: str) -> None:
    file = GltfFile()
    base = file.array(TRIANGLE + 1)
    where = file.array([0, 2], kind)
    values = file.array([[5, 6, 7], [8, 9, 10]])
    entry = file.document["accessors"][base]
    if not with_view:
        del entry["bufferView"]
    entry["sparse"] = {
        "count": 2,
        "indices": {k: file.document["accessors"][where][k] for k in ("bufferView", "componentType")},
        "values": {"bufferView": file.document["accessors"][values]["bufferView"]},
    }
    file.mesh({"attributes": {"POSITION": base}})
    assert one(file).tolist() == [[5, 6, 7], [2, 1, 1] if with_view else [0, 0, 0], [8, 9, 10]]
    entry["sparse"]["count"] = 4
    with pytest.raises(InputError, match="sparse accessors"):
        file.read()
    entry["sparse"]["count"], entry["count"] = 2, 2
    with pytest.raises(InputError, match="out of range"):
        file.read()


@pytest.mark.parametrize(("kind", "largest"), [("i1", 127), ("u1", 255), ("i2", 32767), ("u2", 65535)])
@pytest.mark.parametrize("normalised", [True, False])
def test_quantised_positions(kind: str, largest: int, normalised: bool) -> None:
    file = GltfFile(extensionsRequired=["KHR_mesh_quantization"])
    position = file.array(TRIANGLE * largest, kind, normalized=normalised)
    file.mesh({"attributes": {"POSITION": position}}, scale=[2, 3, 4])
    assert np.allclose(one(file), TRIANGLE * [2, 3, 4] * (1 if normalised else largest))


@pytest.mark.parametrize(
    ("mesh_weights", "node_weights", "expected"),
    [(None, None, 0), ([1, 0], None, 1), ([1, 0], [0, 0.5], 0.5), ([0, 0], [2, 1], 3), ([1], None, 1)],
)
def test_morph_targets_by_default_and_by_node(mesh_weights: Any, node_weights: Any, expected: float) -> None:
    file = GltfFile()
    up = np.array([[0, 0, 1]] * 3)
    targets = [
        {"POSITION": file.array(up)},
        {"POSITION": file.array(up), "TEXCOORD_0": file.array(up[:, :2])},
    ]
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE)}, "targets": targets})
    if mesh_weights is not None:
        file.document["meshes"][0]["weights"] = mesh_weights
    if node_weights is not None:
        file.document["nodes"][0]["weights"] = node_weights
    assert np.allclose(one(file), TRIANGLE + [0, 0, expected])


def test_a_morph_target_of_another_length_is_refused() -> None:
    file = GltfFile()
    targets = [{"POSITION": file.array(TRIANGLE[:2])}]
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE)}, "targets": targets}, weights=[1])
    with pytest.raises(InputError, match="morph targets"):
        file.read()


def skinned_file(joints: Any, weights: Any, inverse: Any = None, **node: Any) -> GltfFile:
    """A triangle with two joints, at x = 10 and, with twice the size, at y = 20."""
    file = GltfFile()
    names = {
        "POSITION": file.array(TRIANGLE),
        "JOINTS_0": file.array(joints, "u1"),
        "WEIGHTS_0": file.array(weights),
    }
    file.mesh({"attributes": names}, skin=0, **node)
    a = file.table("nodes", {"translation": [10, 0, 0]})
    b = file.table("nodes", {"translation": [0, 20, 0], "scale": [2, 2, 2]})
    skin: dict[str, Any] = {"joints": [a, b]}
    if inverse is not None:
        skin["inverseBindMatrices"] = file.array(np.array(inverse).swapaxes(1, 2).reshape(-1, 16))
    file.document["skins"] = [skin]
    return file


@pytest.mark.parametrize("node", [{}, {"scale": [100, 100, 100], "translation": [5, 5, 5]}])
def test_skins_ignore_their_node_and_blend_their_joints(node: dict[str, Any]) -> None:
    joints = [[0, 1, 0, 0]] * 3
    weights = [[1, 0, 0, 0], [0, 3, 0, 0], [0.5, 0.5, 0, 0]]  # not normalised
    expected = [[10, 0, 0], [2, 20, 0], [5, 11.5, 0]]
    assert np.allclose(one(skinned_file(joints, weights, **node)), expected)
    bind = np.tile(np.eye(4), (2, 1, 1))
    bind[:, :3, 3] = [1, 1, 1]
    expected = [[11, 1, 1], [4, 22, 2], [6.5, 13, 1.5]]
    assert np.allclose(one(skinned_file(joints, weights, bind, **node)), expected)


def test_a_vertex_without_weight_follows_its_first_joint_and_reflections_turn_faces() -> None:
    file = skinned_file([[1, 0, 0, 0]] * 3, [[0, 0, 0, 0]] * 3)
    assert np.allclose(one(file)[0], [0, 20, 0])
    file.document["nodes"][2]["scale"] = [-1, 1, 1]
    a, b, c = one(file)
    assert np.cross(b - a, c - a)[2] > 0  # seen from outside as before
    file.document["skins"][0]["joints"] = [1]
    with pytest.raises(InputError, match="joints out of range"):
        file.read()


def test_instances() -> None:
    file = plain(translation=[0, 0, 1])
    s = np.sqrt(0.5)
    attributes = {
        "TRANSLATION": file.array([[0, 0, 0], [5, 0, 0], [0, 7, 0]]),
        "ROTATION": file.array([[0, 0, 0, 1], [0, 0, s, s], [0, 0, 0, 1]]),
        "SCALE": file.array([[1, 1, 1], [1, 1, 1], [2, 2, -2]]),
        "_ID": file.array([1, 2, 3]),
    }
    file.document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": attributes}}
    file.document["extensionsRequired"] = ["EXT_mesh_gpu_instancing"]
    model = file.read()
    got = in_file_axes(model)
    assert len(model.parts) == 3 and np.allclose(got[0], TRIANGLE + [0, 0, 1])
    assert np.allclose(
        got[1], np.column_stack([-TRIANGLE[:, 1], TRIANGLE[:, 0], TRIANGLE[:, 2]]) + [5, 0, 1], atol=1e-6
    )
    assert np.allclose(got[2], (TRIANGLE * 2 + [0, 7, 1])[::-1])  # the reflection turns it
    attributes["SCALE"] = file.array([[1, 1, 1]])
    with pytest.raises(InputError, match="instances"):
        file.read()


@pytest.mark.parametrize("mode", [4, 5, 6])
@pytest.mark.parametrize("indexed", [True, False])
def test_modes_of_triangles(mode: int, indexed: bool) -> None:
    square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], float)
    order = {4: [0, 1, 2, 2, 1, 3], 5: [0, 1, 2, 3], 6: [0, 1, 3, 2]}[mode]
    file = GltfFile()
    primitive = {"mode": mode, "attributes": {"POSITION": file.array(square if indexed else square[order])}}
    if indexed:
        primitive["indices"] = file.array(order, "u2")
    file.mesh(primitive)
    a, b, c = in_file_axes(file.read()).swapaxes(0, 1)
    assert len(a) == 2 and (np.cross(b - a, c - a)[:, 2] == 1).all()


def test_strips_restart_at_the_largest_index() -> None:
    file = GltfFile(extensionsRequired=["KHR_mesh_primitive_restart"])
    points = np.vstack([TRIANGLE, TRIANGLE + 5])
    primitive = {"mode": 5, "attributes": {"POSITION": file.array(points)}}
    file.mesh({**primitive, "indices": file.array([0, 1, 2, 65535, 3, 4, 5], "u2")})
    assert np.allclose(in_file_axes(file.read()), [TRIANGLE, TRIANGLE + 5])


@pytest.mark.parametrize(("mode", "word"), [(0, "points"), (1, "lines"), (2, "lines"), (3, "lines")])
def test_points_and_lines_are_said(mode: int, word: str) -> None:
    file = GltfFile()
    file.mesh({"mode": mode, "attributes": {"POSITION": file.array(TRIANGLE)}})
    with pytest.raises(InputError, match=f"holds {word} but no triangles"):
        file.read()
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE)}})
    model = file.read()
    assert len(model.parts) == 1 and word in model.warnings[0]


def test_a_negative_scale_turns_the_faces_again() -> None:
    a, b, c = one(plain(scale=[-1, 1, 1]))
    assert np.cross(b - a, c - a)[2] > 0


def test_the_default_scene_is_read_and_an_empty_one_is_not() -> None:
    file = plain()
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE + 9)}})
    assert len(in_file_axes(file.read())) == 2
    file.document |= {"scenes": [{"nodes": [0]}, {"nodes": [1]}], "scene": 1}
    assert one(file)[0].tolist() == [9, 9, 9] and "number 2" in file.read().warnings[0]
    del file.document["scene"]
    assert one(file)[0].tolist() == [0, 0, 0] and "first one" in file.read().warnings[0]
    file.document["scenes"] = [{"name": "empty"}]
    model = file.read()
    assert len(in_file_axes(model)) == 2 and "empty" in model.warnings[0]


def test_hidden_nodes_are_left_out_with_their_children() -> None:
    file = plain(extensions={"KHR_node_visibility": {"visible": False}}, children=[1])
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE)}})
    file.mesh({"attributes": {"POSITION": file.array(TRIANGLE + 3)}})
    file.document["extensionsRequired"] = ["KHR_node_visibility"]
    assert one(file)[0].tolist() == [3, 3, 3] and "1 hidden object" in file.read().warnings[0]


def test_the_centre_of_cesium_is_added() -> None:
    file = plain()
    file.document["extensions"] = {"CESIUM_RTC": {"center": [10, 20, 30]}}
    assert np.allclose(one(file), TRIANGLE + [10, 20, 30])


def test_integers_written_as_floats() -> None:
    file = plain()
    text = json.dumps({**file.document, "buffers": [{"byteLength": len(file.data)}]})
    floats = text.replace('"count": 3', '"count": 3.0').replace('"mesh": 0', '"mesh": 0.0')
    file.document = json.loads(floats.replace('"componentType": 5126', '"componentType": 5.126e3'))
    assert np.allclose(one(file), TRIANGLE)


@pytest.mark.parametrize(
    "extension",
    [
        "KHR_lights_punctual", "KHR_materials_clearcoat", "KHR_materials_unlit", "KHR_materials_variants",
        "EXT_lights_image_based", "KHR_xmp_json_ld", "EXT_structural_metadata", "VRMC_vrm", "KHR_texture_transform",
        "KHR_animation_pointer", "KHR_texture_basisu", "EXT_texture_webp", "FB_ngon_encoding", "MSFT_lod",
    ],
)  # fmt: skip
def test_extensions_that_do_not_matter_may_be_required(extension: str) -> None:
    file = plain()
    file.document["extensionsRequired"] = [extension]
    assert len(file.read().parts) == 1


@pytest.mark.parametrize("extension", [*sorted(COMPRESSION), "XYZ_shape"])
def test_other_required_extensions_are_refused_by_name(extension: str) -> None:
    file = plain()
    file.document["extensionsRequired"] = [extension]
    advice = "without compression" if extension in COMPRESSION else "without that extension"
    with pytest.raises(InputError, match=f"{extension}.*{advice}"):
        file.read()


def test_compressed_data_without_a_copy_are_refused_by_name() -> None:
    file = GltfFile()
    position = file.table("accessors", {"componentType": 5126, "count": 3, "type": "VEC3"})
    file.mesh({"attributes": {"POSITION": position}, "extensions": {"KHR_draco_mesh_compression": {}}})
    with pytest.raises(InputError, match="compressed with KHR_draco_mesh_compression"):
        file.read()
    copy = plain()
    copy.document["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": {}}
    assert len(copy.read().parts) == 1
    text = {**copy.document, "buffers": [{"byteLength": 36, "extensions": {"EXT_meshopt_compression": {}}}]}
    with pytest.raises(InputError, match="compressed with EXT_meshopt_compression"):
        glb_reader.read(json.dumps(text).encode(), Path("a.gltf"))


@pytest.mark.parametrize(
    "document",
    [
        {"asset": {"version": "1.0"}},
        {"asset": {"version": "1.1"}, "meshes": {"m": {}}},
        {"nodes": {"n": {}}},
        {"accessors": {"a": {}}, "asset": {}},
    ],
)
def test_the_first_version_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="not glTF version 2"):
        glb_reader.read(json.dumps(document).encode(), Path("a.gltf"))


def test_later_versions() -> None:
    file = plain()
    file.document["asset"] = {"version": "2.1"}
    assert len(file.read().parts) == 1
    file.document["asset"] = {"version": "2.1", "minVersion": "2.1"}
    with pytest.raises(InputError, match=r"needs glTF version 2\.1"):
        file.read()


def test_text_with_a_byte_order_mark_and_text_named_glb() -> None:
    file = plain()
    import base64

    uri = "data:application/octet-stream;base64," + base64.b64encode(file.data).decode()
    text = json.dumps({**file.document, "buffers": [{"byteLength": len(file.data), "uri": uri}]}).encode()
    for name in ("a.gltf", "a.glb"):
        assert len(glb_reader.read(b"\xef\xbb\xbf" + text, Path(name)).parts) == 1


def test_meshes_outside_the_scene_are_said() -> None:
    file = GltfFile(scenes=[{"nodes": [0]}], scene=0)
    for _ in range(3):
        file.mesh({"attributes": {"POSITION": file.array(TRIANGLE)}})
    assert len(in_file_axes(file.read())) == 1
    assert file.read().warnings == ["2 meshes lie outside the scene that is read of a.glb and are left out"]
    file.document["nodes"][0]["children"] = [1]
    del file.document["nodes"][2]
    assert file.read().warnings == ["1 mesh lies outside the scene that is read of a.glb and is left out"]
    file.document["nodes"][0]["extensions"] = {"MSFT_lod": {"ids": [2]}}
    file.table("nodes", {"mesh": 2})
    assert file.read().warnings == []


def test_rotations_of_eight_bits_do_not_scale() -> None:
    file = GltfFile()
    turned = {"ROTATION": file.array([[0, 90, 0, 90]], "i1", normalized=True)}
    file.mesh(
        {"attributes": {"POSITION": file.array(TRIANGLE)}},
        extensions={"EXT_mesh_gpu_instancing": {"attributes": turned}},
    )
    a, b, c = one(file)
    assert np.allclose(b - a, [0, 0, -1]) and np.allclose(c - a, [0, 1, 0])
