"""Metadata and names of ONNX files, read without the package onnx; damaged files are diagnosed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.weights import FOLDER, find
from lift3d.weights.onnx_file import CARD, GRAPHS, MAPPING, graph_path, parse_onnx, read_onnx

FILE = FOLDER / "graphs" / "gan.onnx"


def field(number: int, content: bytes) -> bytes:
    """A field of bytes, shorter than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


def metadata(**entries: str) -> bytes:
    """A model with metadata alone."""
    pairs = (field(1, k.replace("_", ".").encode()) + field(2, v.encode()) for k, v in entries.items())
    return b"".join(field(14, pair) for pair in pairs)


def test_a_packaged_graph_is_the_same_as_the_package_onnx_reads() -> None:
    onnx = pytest.importorskip("onnx")
    file, model = read_onnx(FILE), onnx.load(FILE, load_external_data=False)
    assert file.metadata == {entry.key: entry.value for entry in model.metadata_props}
    external = [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    assert file.missing == {t.name: tuple(t.dims) for t in external} and file.missing


def test_a_card_in_a_file_is_that_of_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(
        metadata(lift3d_card=json.dumps({"task": "t", "threshold": 0.25}), lift3d_mapping="flow")
    )
    card = find(path)
    assert (card.name, card.task, card.threshold, card.mapping) == ("net", "t", 0.25, "flow")
    assert card.file == path and find(str(path)) == card


@pytest.mark.parametrize("content", ["{", "[1]", '{"threshold": 7}'])
def test_a_damaged_card_is_one_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(metadata(lift3d_card=content))
    with pytest.raises(InputError, match="damaged"):
        find(path)


def test_files_of_other_graphs_lie_beside_the_main_one() -> None:
    graphs = tuple(read_onnx(FILE).metadata[GRAPHS].split(","))
    assert graph_path(Path("a/net.onnx"), graphs[0], graphs) == Path("a/net.onnx")
    assert graph_path(Path("a/net.onnx"), "code", ("shape", "code")) == Path("a/net.code.onnx")
    assert read_onnx(FILE).metadata[MAPPING] == "gan" and CARD not in read_onnx(FILE).metadata


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 8000), st.binary(min_size=1, max_size=6), st.booleans())
def test_damaged_bytes_give_a_file_or_one_sentence(at: int, other: bytes, cut: bool) -> None:
    data = FILE.read_bytes()
    damaged = data[:at] if cut else data[:at] + other + data[at + len(other) :]
    try:
        parse_onnx(damaged, "net.onnx")
    except InputError as error:
        assert "damaged or not an ONNX file" in str(error)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_file_or_one_sentence(data: bytes) -> None:
    try:
        parse_onnx(data, "net.onnx")
    except InputError as error:
        assert "damaged or not an ONNX file" in str(error)
