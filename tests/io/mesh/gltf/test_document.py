"""Containers, buffers and accessors of glTF, each bound checked."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.io.mesh.gltf.document import GltfDocument, as_dict, parse

DATA = struct.pack("<6f", 0, 1, 2, 3, 4, 5)


def document(view: dict | None = None, accessor: dict | None = None, data: bytes = DATA) -> GltfDocument:
    uri = "data:application/octet-stream;base64," + base64.b64encode(data).decode()
    return GltfDocument(
        {
            "buffers": [{"uri": uri}],
            "bufferViews": [{"buffer": 0, "byteLength": len(data), **(view or {})}],
            "accessors": [
                {"bufferView": 0, "componentType": 5126, "count": 2, "type": "VEC3", **(accessor or {})}
            ],
        },
        b"",
        Path("."),
        "a.gltf",
    )


def test_floats_with_offset_and_stride() -> None:
    assert document().accessor(0).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert document(accessor={"byteOffset": 12, "count": 1}).accessor(0).tolist() == [[3, 4, 5]]
    strided = document({"byteStride": 12}, {"type": "SCALAR"})
    assert strided.accessor(0).tolist() == [[0], [3]]


@pytest.mark.parametrize(
    ("component", "values", "expected"),
    [
        (5121, np.array([[0, 255]], "<u1"), [[0, 1]]),
        (5120, np.array([[-128, 127]], "<i1"), [[-1, 1]]),
        (5123, np.array([[0, 65535]], "<u2"), [[0, 1]]),
        (5122, np.array([[-32767, 32767]], "<i2"), [[-1, 1]]),
    ],
)
def test_normalised_integers(component: int, values: np.ndarray, expected: list) -> None:
    fields = {"componentType": component, "count": 1, "type": "VEC2"}
    assert (
        document(accessor={**fields, "normalized": True}, data=values.tobytes()).accessor(0).tolist()
        == expected
    )
    plain = document(accessor=fields, data=values.tobytes()).accessor(0)
    assert plain.dtype == np.int64 and plain.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("view", "accessor", "message"),
    [
        ({"byteLength": 25}, {}, "buffer view ends after its buffer"),
        ({"byteOffset": -1}, {}, "buffer view ends"),
        ({"byteOffset": "0"}, {}, "buffer view ends"),
        ({"buffer": 7}, {}, "entry of buffers"),
        ({}, {"count": 3}, "accessor ends after"),
        ({}, {"byteOffset": 4}, "accessor ends after"),
        ({}, {"byteOffset": -4}, "accessor ends after"),
        ({}, {"count": -1}, "impossible length"),
        ({}, {"count": 2.5}, "impossible length"),
        ({}, {"componentType": 1}, "unknown type"),
        ({}, {"type": "VEC9"}, "unknown type"),
    ],
)
def test_values_out_of_bounds_are_refused(view: dict, accessor: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        document(view, accessor).accessor(0)


@pytest.mark.parametrize("index", [-1, 1, "0", None, 1.0])
def test_entries_that_do_not_exist_are_refused(index: object) -> None:
    with pytest.raises(InputError, match="does not hold"):
        document().item("accessors", index)


def test_nothing_is_fetched_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="network address"):
        document().resource("https://example.org/a.bin")
    missing = GltfDocument({"buffers": [{"uri": "a.bin"}]}, b"", tmp_path, "a.gltf")
    with pytest.raises(InputError, match="needs the file a.bin"):
        missing.buffer(0)
    (tmp_path / "a b.bin").write_bytes(b"abc")
    assert missing.resource("a%20b.bin") == b"abc"


def glb(text: bytes, binary: bytes = b"", version: int = 2) -> bytes:
    text += b" " * (-len(text) % 4)
    chunks = (
        struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    )
    return struct.pack("<4sII", b"glTF", version, 12 + len(chunks)) + chunks


def test_the_binary_chunk_is_the_first_buffer() -> None:
    parsed = parse(glb(b'{"buffers":[{"byteLength":4}]}', b"abcd"), Path("a.glb"))
    assert parsed.buffer(0) == b"abcd"


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b"hello", "a.glb", "not a GLB file"),
        (glb(b"{}", version=1), "a.glb", "version 2"),
        (glb(b"{}")[:19], "a.glb", "cut short"),
        (glb(b"{}" + b" " * 40)[:30], "a.glb", "cut short"),
        (glb(b"{}", bytes(64))[:-1], "a.glb", "cut short"),
        (b"[]", "a.gltf", "not a glTF file"),
        (json.dumps({"extensionsRequired": ["KHR_draco_mesh_compression"]}).encode(), "a.gltf", "KHR_draco"),
    ],
)
def test_hostile_containers(data: bytes, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse(data, Path(name))


def test_extensions_of_materials_are_accepted() -> None:
    assert (
        parse(json.dumps({"extensionsRequired": ["KHR_materials_unlit"]}).encode(), Path("a.gltf")).buffers
        == {}
    )


def test_other_values_count_as_an_empty_table() -> None:
    assert as_dict({"a": 1}) == {"a": 1} and as_dict(None) == as_dict([1]) == as_dict("a") == {}
