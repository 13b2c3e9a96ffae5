"""Networks computed by onnxruntime: the packaged graphs belong to the code, give what torch gives, and errors are sentences."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from lift3d.errors import InputError, MissingExtra  # noqa: E402
from lift3d.inference import runtimes  # noqa: E402
from lift3d.inference.backbone import BACKBONE  # noqa: E402
from lift3d.inference.network import open_network  # noqa: E402
from lift3d.inference.onnx.network import GRAPH_FOLDER, OnnxNetwork, network_arrays, open_onnx, packaged_graph  # noqa: E402
from lift3d.weights import find, list_models  # noqa: E402
from lift3d.weights.onnx_file import GRAPH, GRAPHS, MAPPING, SUFFIX, graph_path, read_onnx  # noqa: E402

NAMES = [cfg.name for cfg in list_models()]
OTHER_SIZES = (
    {"batch": 1, "views": 1, "height": 160, "width": 128},
    {"batch": 3, "views": 2, "height": 96, "width": 96},
)


@pytest.mark.parametrize("name", NAMES)
def test_every_packaged_network_has_its_graphs_and_no_weight_twice(name: str) -> None:
    main = GRAPH_FOLDER / f"{name}{SUFFIX}"
    mapping = find(name).mapping
    assert mapping is not None
    arrays = network_arrays(mapping, find(name))
    graphs = tuple(read_onnx(main).metadata[GRAPHS].split(","))
    for graph in graphs:
        file = read_onnx(graph_path(main, graph, graphs))
        assert file.metadata[GRAPH] == graph and file.metadata[MAPPING] == mapping
        assert {n: arrays[n].shape for n in file.missing} == file.missing and file.missing
        assert len(file.data) < 400_000


def test_no_graph_belongs_to_nothing_and_all_are_small() -> None:
    files = list(GRAPH_FOLDER.iterdir())
    assert {f.name.split(".")[0] for f in files} == {*NAMES, BACKBONE}
    assert sum(f.stat().st_size for f in files) < 2_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, BACKBONE])
def test_a_packaged_graph_is_that_of_the_code(name: str) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from pack_graphs import graph_files

    for file, data in graph_files(name).items():
        assert (GRAPH_FOLDER / file).read_bytes() == data, "run benchmarks/pack_graphs.py"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_both_runtimes_give_the_same_at_sizes_other_than_the_exported(name: str) -> None:
    pytest.importorskip("torch")
    from lift3d.inference.graphs import graphs_of
    from lift3d.inference.networks import load_network
    from lift3d.inference.onnx.export import example_inputs
    from lift3d.inference.torch_network import TorchNetwork

    mapping = find(name).mapping
    assert mapping is not None
    net, found = load_network(mapping, name)
    torch_network, other = TorchNetwork(mapping, net, found, mixed=False), open_onnx(mapping, name)
    assert torch_network.graphs == other.graphs
    for graph, spec in graphs_of(mapping, net).items():
        for seed, sizes in enumerate(OTHER_SIZES):
            inputs = example_inputs(spec, seed, sizes)
            for a, b in zip(torch_network.run(graph, *inputs), other.run(graph, *inputs), strict=True):
                assert a.shape == b.shape and b.dtype == np.float32
                assert np.abs(a - b).max() <= 1e-4 * np.abs(a).max(), (graph, sizes)


def test_equal_inputs_give_equal_bytes() -> None:
    features = np.random.default_rng(0).random((5, 1544), np.float32)
    first = open_onnx("embedding", "embedding_backbone").run("features", features)[0]
    open_onnx.cache_clear()
    assert np.array_equal(open_onnx("embedding", "embedding_backbone").run("features", features)[0], first)


def test_weights_of_another_size_have_no_graph() -> None:
    found = find("embedding_to_label")
    arrays = network_arrays("embedding_to_label", found)
    assert packaged_graph("embedding_to_label", found, arrays).stem == "embedding_to_label"
    wider = {name: np.repeat(array, 2, -1) if array.ndim else array for name, array in arrays.items()}
    with pytest.raises(InputError, match=r"no graph for the network of .*lift3d export --weights"):
        packaged_graph("embedding_to_label", found, wider)


def test_a_graph_without_weights_and_a_file_of_another_mapping_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no card of lift3d"):
        open_network("flow", GRAPH_FOLDER / "flow.onnx")
    with pytest.raises(InputError, match="weights of gan, not of flow"):
        open_onnx("flow", "gan")
    main = shutil.copy(GRAPH_FOLDER / "gan.onnx", tmp_path / "gan.onnx")
    with pytest.raises(InputError, match="lacks the values of"):
        OnnxNetwork(None, Path(main)).run("generate", np.zeros((1, 128)), np.zeros(1))
    with pytest.raises(InputError, match="lacks .*critic"):
        OnnxNetwork(None, Path(main)).run("critic")


def test_the_runtime_is_chosen_by_what_is_installed_and_by_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    choose = runtimes.choose_runtime
    monkeypatch.setattr(runtimes, "has_torch", lambda: True)
    assert (choose(), choose("onnx"), choose(None, "a.onnx")) == ("torch", "onnx", "onnx")
    with pytest.raises(InputError, match="no runtime called jax: choose from torch, onnx"):
        choose("jax")
    with pytest.raises(InputError, match="cannot be computed by torch"):
        choose("torch", "a.onnx")
    monkeypatch.setattr(runtimes, "has_torch", lambda: False)
    assert choose() == "onnx" and choose("torch") == "torch"
    monkeypatch.setattr(runtimes, "has_onnxruntime", lambda: False)
    assert choose() == "torch"


def test_a_missing_onnxruntime_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    runtimes.has_onnxruntime.cache_clear()
    open_onnx.cache_clear()
    try:
        with pytest.raises(MissingExtra, match=r"pip install 'lift3d\[onnx\]'"):
            open_network("flow", None, "onnx")
    finally:
        runtimes.has_onnxruntime.cache_clear()
