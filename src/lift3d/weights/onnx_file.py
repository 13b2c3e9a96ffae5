"""The card and the tensor names of an ONNX file, read without the package onnx.

An ONNX file is a message of Protocol Buffers (onnx.proto3 of the ONNX specification): fields with a number and a wire type, of
which only those that are needed are decoded. Files are untrusted: lengths are compared with what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lift3d.errors import InputError

SUFFIX = ".onnx"
CARD, MAPPING = "lift3d.card", "lift3d.mapping"
GRAPH, GRAPHS = "lift3d.graph", "lift3d.graphs"
"""Keys of the metadata of an exported file: the card as JSON, the mapping, the name of the graph in the file, and the names of
all graphs of the network, separated by commas, the main one first."""
MAX_FILE = 512 << 20
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_INITIALIZER = 5
_TENSOR_DIMS, _TENSOR_NAME, _TENSOR_LOCATION = 1, 8, 14
_EXTERNAL = 1
_KEY, _VALUE = 1, 2


@dataclass(frozen=True)
class OnnxFile:
    """data: the bytes; metadata: by key; missing: shapes of the initializers whose values are not in the file, by name."""

    data: bytes
    metadata: dict[str, str]
    missing: dict[str, tuple[int, ...]]


def graph_path(main: Path, graph: str, graphs: tuple[str, ...]) -> Path:
    """The file of a graph beside that of the main one: NAME.onnx, NAME.GRAPH.onnx for the others."""
    return main if graph == graphs[0] else main.with_name(f"{main.stem}.{graph}{SUFFIX}")


def read_onnx(path: Path) -> OnnxFile:
    """The file with its metadata. InputError for one that cannot be read, is too large, or is damaged."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise InputError(f"{path} is larger than {MAX_FILE >> 20} MB", "it is not a network of lift3d")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read", "export it with lift3d export") from error
    return parse_onnx(data, str(path))


def parse_onnx(data: bytes, name: str) -> OnnxFile:
    """The same from bytes; name: in the message of an error."""
    metadata: dict[str, str] = {}
    missing: dict[str, tuple[int, ...]] = {}
    try:
        for number, value in _fields(memoryview(data)):
            if number == _MODEL_METADATA and isinstance(value, memoryview):
                entry = dict(_fields(value))
                metadata[_text(entry[_KEY])] = _text(entry.get(_VALUE, memoryview(b"")))
            elif number == _MODEL_GRAPH and isinstance(value, memoryview):
                missing |= _external(value)
    except (ValueError, KeyError, IndexError) as error:
        raise InputError(
            f"{name} is damaged or not an ONNX file", "export it again with lift3d export"
        ) from error
    return OnnxFile(data, metadata, missing)


def _external(graph: memoryview) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the external initializers of a graph."""
    out = {}
    for number, value in _fields(graph):
        if number != _GRAPH_INITIALIZER or not isinstance(value, memoryview):
            continue
        name, dims, location = "", list[int](), 0
        for part, content in _fields(value):
            if part == _TENSOR_DIMS:
                dims += [content] if isinstance(content, int) else _packed(content)
            elif part == _TENSOR_NAME:
                name = _text(content)
            elif part == _TENSOR_LOCATION and isinstance(content, int):
                location = content
        if location == _EXTERNAL:
            out[name] = tuple(dims)
    return out


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of a message: an integer, or the bytes of a text, message or packed list. ValueError for a
    damaged message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if size > len(data) - at:
            raise ValueError("the message is cut short")
        yield number, data[at : at + size]
        at += size


def _packed(data: memoryview) -> list[int]:
    out, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        out.append(value)
    return out


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, the lowest first, and the position behind it."""
    value = 0
    for k in range(10):
        if at >= len(data):
            raise ValueError("the message is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 127) << (7 * k)
        if byte < 128:
            return value, at
    raise ValueError("an integer of more than ten bytes")


def _text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise ValueError("a number in place of a text")
    return bytes(value).decode("utf-8")
