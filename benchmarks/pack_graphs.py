"""Write the graphs without weights of the packaged networks to src/lift3d/weights/graphs.

To be run after a change of a network or of its graphs (inference/graphs.py): a test compares these files with the code.

    python benchmarks/pack_graphs.py [NAME ...]
"""

from __future__ import annotations

import sys

from torch import nn

from lift3d.inference.backbone import BACKBONE, load_backbone
from lift3d.inference.networks import load_network
from lift3d.inference.onnx.export import export_network
from lift3d.inference.onnx.network import GRAPH_FOLDER
from lift3d.weights import find, list_models
from lift3d.weights.onnx_file import SUFFIX, graph_path


def network_of(name: str) -> tuple[str, nn.Module]:
    """Mapping and network of packaged weights, or of the pre-trained backbone."""
    if name == BACKBONE:
        return BACKBONE, load_backbone(classifier=True)
    mapping = find(name).mapping
    assert mapping is not None
    return mapping, load_network(mapping, name)[0]


def graph_files(name: str) -> dict[str, bytes]:
    """The files of a network's graphs, by their names."""
    mapping, net = network_of(name)
    files = export_network(mapping, net, {}, with_weights=False)
    main = GRAPH_FOLDER / f"{name}{SUFFIX}"
    return {graph_path(main, graph, tuple(files)).name: data for graph, data in files.items()}


def names() -> list[str]:
    """The networks whose graphs are in the package."""
    return [*(cfg.name for cfg in list_models()), BACKBONE]


if __name__ == "__main__":
    GRAPH_FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or names():
        for file, data in graph_files(name).items():
            (GRAPH_FOLDER / file).write_bytes(data)
            print(f"{file} {len(data) / 1000:.0f} kB")
