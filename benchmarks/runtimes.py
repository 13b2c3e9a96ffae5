"""Networks by torch and by onnxruntime: largest difference and time on real inputs, in the same run.

    python benchmarks/runtimes.py

The inputs are those that the mappings give to their networks for 20 pictures and 20 models of ../shared/data: prepared crops,
rendered views, voxels. The difference is between torch in single precision and onnxruntime, relative to the largest value of
each output; the time is the median over the inputs, with two threads each, torch as it is shipped, the two libraries in turn and
either first. The load of the machine is written beside the times.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.geometry.mesh.distances import sample_surface
from lift3d.inference.backbone import BACKBONE
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.inference.embedding_classifier import EmbeddingClassifier
from lift3d.inference.networks import load_network
from lift3d.inference.onnx.backbone import open_backbone
from lift3d.inference.onnx.export import TOLERANCE
from lift3d.inference.onnx.network import open_onnx
from lift3d.inference.onnx.shape_classifier import classify_without_torch
from lift3d.inference.picture_features import _backbone, features_of
from lift3d.inference.torch_network import TorchNetwork
from lift3d.io.mesh.meshes import load_mesh
from lift3d.maps.image_to_depth import ImageToDepth
from lift3d.maps.image_to_embedding import ImageToEmbedding
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.maps.image_to_voxels import ImageToVoxels
from lift3d.maps.points_to_voxels import PointsToVoxels
from lift3d.maps.voxels_to_label import inference_options, resample_to_network_grid
from lift3d.pipelines.classify import load_shape
from lift3d.types import Image, Photos, Points
from lift3d.weights import find, list_models

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "../shared/data"
COUNT = 20
Inputs = dict[tuple[str, str], list[tuple[Any, ...]]]


class Recorder(TorchNetwork):
    """Records the inputs of each graph by the name of the weights."""

    inputs: Inputs = defaultdict(list)

    def run(self, graph: str, *arrays: Any) -> Any:
        name = BACKBONE if self._found is None else self._found.name
        self.inputs[name, graph].append(tuple(np.ascontiguousarray(a) for a in arrays))
        return super().run(graph, *arrays)


def recorder(name: str) -> Recorder:
    """Packaged weights in torch, recording."""
    mapping = find(name).mapping
    assert mapping is not None
    return Recorder(mapping, *load_network(mapping, name))


def evenly(paths: list[Path]) -> list[Path]:
    """COUNT of the paths."""
    return [paths[int(i)] for i in np.linspace(0, len(paths) - 1, COUNT)]


def pictures() -> list[Image]:
    """Pictures before a grey-green background, 480 pixels a side."""
    out = []
    for path in evenly(sorted((DATA / "images").rglob("*.png"))):
        picture = Pil.open(path).convert("RGBA").resize((480, 480))
        whole = Pil.new("RGBA", picture.size, (120, 140, 110, 255))
        whole.alpha_composite(picture)
        out.append(Image(np.asarray(whole.convert("RGB")), path.stem))
    return out


def from_pictures() -> None:
    """Record what the mappings of photos give to their networks."""
    images = [ImageToMask()(image) for image in pictures()]
    for image, other in zip(images, images[1:] + images[:1]):
        ImageToDepth()(image)
        ImageToVoxels()(Photos((image, other)))
        for space in ("embedding", "embedding_backbone"):
            vectors = ImageToEmbedding(space)(image)
            EmbeddingClassifier("embedding_to_label" + "_free" * (space == "embedding")).classify(vectors)


def from_models() -> None:
    """Record what the mappings of models give to their networks, and latents of them."""
    paths = [p for p in sorted((DATA / "meshes").rglob("*.obj")) if p.stat().st_size < 2_000_000]
    free, backbone = EmbeddingNetwork("embedding"), EmbeddingNetwork("embedding_backbone")
    classifier, codec = recorder("voxels_to_label"), recorder("autoencoder")
    flow, gan = recorder("flow"), recorder("gan")
    options = inference_options(classifier.found)
    for k, path in enumerate(evenly(paths)):
        rng = np.random.default_rng(k)
        shape = load_shape(path)
        free.embed_parts(shape.parts)
        backbone.upright_scores(features_of(backbone.render(shape.parts)[:3]))
        cells = resample_to_network_grid(shape.voxels)
        classify_without_torch(classifier, cells, **options)
        (code,) = codec.run("encode", cells[None].astype(np.float32))
        codec.run("decode", code)
        t = rng.random(1).astype(np.float32)
        mean, std = (getattr(flow.net, name).numpy() for name in ("mean", "std"))
        state = (1 - t) * rng.standard_normal(code.shape, np.float32) + t * (code - mean) / std
        flow.run("velocity", state, t, rng.integers(0, 60, 1))
        gan.run("generate", rng.standard_normal((1, 128), np.float32), rng.integers(0, 60, 1))
        mesh = load_mesh(path)
        xyz, normals = sample_surface(np.asarray(mesh.vertices), np.asarray(mesh.faces), 20_000, rng)[:2]
        kept = xyz @ rng.standard_normal(3) > 0
        kept = kept if kept.sum() > 1000 else ~kept
        PointsToVoxels(augmentations=1)(Points(xyz[kept], normals[kept].astype(np.float32)))
        sentence = rng.standard_normal((1, 384)).astype(np.float32)
        for network in (free, backbone):  # the sentence encoder is a package of its own
            network.network.run("text", sentence / np.linalg.norm(sentence))


def timed(network: Any, graph: str, inputs: tuple[Any, ...]) -> tuple[Any, float]:
    """Outputs and milliseconds of one run."""
    start = time.perf_counter()
    outputs = network.run(graph, *inputs)
    return outputs, 1000 * (time.perf_counter() - start)


def measure(name: str, inputs: Inputs) -> list[dict[str, Any]]:
    """One entry for each graph of a network."""
    if name == BACKBONE:
        mapping, net, card = BACKBONE, _backbone(), None  # in the memory layout in which it is used
        other = open_backbone()
    else:
        mapping = str(find(name).mapping)
        net, card = load_network(mapping, name)
        other = open_onnx(mapping, name)
    exact, shipped = TorchNetwork(mapping, net, card, mixed=False), TorchNetwork(mapping, net, card)
    rows = []
    for graph in exact.graphs:
        chosen = inputs[name, graph][:COUNT]
        worst, times = 0.0, ([], [])
        shipped.run(graph, *chosen[0]), other.run(graph, *chosen[0])  # loads and warms up
        for k, one in enumerate(chosen):
            for a, b in zip(exact.run(graph, *one), other.run(graph, *one), strict=True):
                worst = max(worst, float(np.abs(a - b).max() / max(float(np.abs(a).max()), 1e-9)))
            both = [(shipped, times[0]), (other, times[1])]
            for network, kept in both[:: 1 if k % 2 else -1]:  # neither library is always the first
                kept.append(timed(network, graph, one)[1])
        rows.append({
            "network": name, "graph": graph, "inputs": len(chosen), "batch": len(chosen[0][0]), "difference": worst,
            "torch_ms": statistics.median(times[0]), "onnxruntime_ms": statistics.median(times[1]),
        })  # fmt: skip
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure all networks of the package and write the table."""
    import lift3d.inference.picture_features as features
    import lift3d.inference.torch_network as module

    module.TorchNetwork = Recorder  # type: ignore[misc]
    from_pictures()
    from_models()
    module.TorchNetwork = TorchNetwork  # type: ignore[misc]
    features._backbone.cache_clear()
    before = os.getloadavg()[0]
    names = [*(cfg.name for cfg in list_models()), BACKBONE]
    entries = [row for name in names for row in measure(name, Recorder.inputs)]
    assert all(row["inputs"] == COUNT and row["difference"] <= TOLERANCE for row in entries), entries
    rows = [
        [row["network"], row["graph"], row["batch"], f"{row['difference']:.1e}", round(row["torch_ms"], 1),
         round(row["onnxruntime_ms"], 1)]
        for row in entries
    ]  # fmt: skip
    load = [round(x, 1) for x in (before, os.getloadavg()[0])]
    note = (
        f"Largest difference over {COUNT} inputs, relative to the largest value of an output, and median time, two threads. "
        "Inputs are those that the mappings prepare from pictures and models; sentences (graph text) and the noise of the "
        f"generators are random. The two cores were shared with other work (load {load[0]} before, {load[1]} after), so that "
        "the times are longer than on a free machine, and ratios near 1 mean nothing."
    )
    columns = ["network", "graph", "batch", "difference", "torch ms", "onnxruntime ms"]
    result = {"entries": entries, "load": load, "table": {"columns": columns, "rows": rows, "note": note}}
    (HERE / "results/runtimes.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
