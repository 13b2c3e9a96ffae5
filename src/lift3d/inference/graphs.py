"""The computations of each network that are run after training, as graphs with named inputs and outputs.

A graph is a function of tensors: from the network's input to what post-processing needs, probabilities instead of logits. Both
runtimes (inference/network.py) run the same graphs: torch calls `Graph.compute`, onnxruntime runs its export. The first graph
of a network is its main one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lift3d.nets.blocks import LATENT_SIZES
from lift3d.nets.rotation6d import rotation_from_6d
from lift3d.nets.sizes import GRID_SIZE

Tensors = tuple[torch.Tensor, ...]
Shape = tuple[int | str, ...]
"""The shape of an input: numbers, and names of sizes that may vary ("batch")."""
FLOAT, INTEGER, BOOLEAN = "float32", "int64", "bool"


@dataclass(frozen=True)
class Input:
    """One input of a graph. kind: type of its elements."""

    name: str
    shape: Shape
    kind: str = FLOAT


@dataclass(frozen=True)
class Graph:
    """name; inputs; outputs: their names; compute(network, *inputs): the outputs as tensors. channels_last: images are given in
    this memory layout, which is faster; mixed: computed in bfloat16 by torch where that is faster."""

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    compute: Callable[..., Tensors]
    channels_last: bool = False
    mixed: bool = False


def _image(channels: int, name: str = "image") -> tuple[Input, ...]:
    return (Input(name, ("batch", channels, "height", "width")),)


def _voxels(*names: str, side: int = GRID_SIZE) -> tuple[Input, ...]:
    return tuple(Input(name, ("batch", side, side, side)) for name in names)


def _mask(net: Any, image: torch.Tensor) -> Tensors:
    return (torch.sigmoid(net(image))[:, 0],)


def _depth(net: Any, image: torch.Tensor) -> Tensors:
    out = net(image)
    return out.inverse[:, 0], out.normals, out.camera, out.surface[:, 0].sigmoid()


def _layers(net: Any, cutout: torch.Tensor) -> Tensors:
    out = net(cutout)
    return out.nearness[:, 0], out.thickness[:, 0], out.normals, out.extent


def _back(net: Any, cutout: torch.Tensor) -> Tensors:
    out = net(cutout)
    return out.back.float(), out.albedo.float()


def _shape_of_views(net: Any, pictures: torch.Tensor) -> Tensors:
    """Occupancy (B, 64, 64, 64), axes w v u; logarithm of the depth extent (B,); rotation (B, 3, 3) to the upright frame; centre
    and logarithm of the size (B, 4)."""
    out = net(pictures)
    occupancy = torch.sigmoid(out.volume.float())
    if occupancy.shape[-1] != GRID_SIZE:
        size = (GRID_SIZE,) * 3
        occupancy = nn.functional.interpolate(occupancy[:, None], size, mode="trilinear", align_corners=False)
        occupancy = occupancy[:, 0]
    return occupancy, out.depth, rotation_from_6d(out.pose[:, :6].float()), out.pose[:, 6:].float()


def _code_of_views(net: Any, pictures: torch.Tensor) -> Tensors:
    return (net.code(pictures).float(),)


def _encode(net: Any, occupancy: torch.Tensor) -> Tensors:
    return (net.encode(occupancy),)


def _decode(net: Any, latent: torch.Tensor) -> Tensors:
    return (torch.sigmoid(net.decode(latent).float()),)


def _velocity(net: Any, state: torch.Tensor, time: torch.Tensor, category: torch.Tensor) -> Tensors:
    return (net(state, time, category),)


def _generate(net: Any, noise: torch.Tensor, category: torch.Tensor) -> Tensors:
    return (net.denormalise(net(noise, category)),)


def _complete(net: Any, partial: torch.Tensor) -> Tensors:
    return (torch.sigmoid(net(partial).float()),)


def _label_of_voxels(net: Any, occupancy: torch.Tensor) -> Tensors:
    head, features = net.head, net.features(occupancy).float()
    # the normalisation has no weights, and the exporter writes none without knowing the number of features
    x = (features - head.norm.running_mean) / torch.sqrt(head.norm.running_var + head.norm.eps)
    return (head.fc2(nn.functional.gelu(head.fc1(x))).float(),)


def _label_of_points(net: Any, occupancy: torch.Tensor) -> Tensors:
    return (net(occupancy),)


def _upright_voxels(net: Any, occupancy: torch.Tensor) -> Tensors:
    return (net.upright_estimator.upright(occupancy),)


def _embed_images(net: Any, images: torch.Tensor) -> Tensors:
    return (net.embed_images(images).float(),)


def _embed_shapes(net: Any, occupancy: torch.Tensor, colours: torch.Tensor) -> Tensors:
    return (net.embed_shapes(occupancy, colours).float(),)


def _embed_text(net: Any, sentences: torch.Tensor) -> Tensors:
    return (net.embed_text(sentences).float(),)


def _embed_features(net: Any, features: torch.Tensor) -> Tensors:
    return (net(features).float(),)


def _upright_features(net: Any, features: torch.Tensor) -> Tensors:
    return (net.upright(features).float(),)


def _label_of_embedding(net: Any, views: torch.Tensor, solid: torch.Tensor, present: torch.Tensor) -> Tensors:
    return (net(views, solid, present).softmax(1),)


def _features(net: Any, pictures: torch.Tensor) -> Tensors:
    from lift3d.nets.dense.backbone_embedding import picture_features

    return (picture_features(net, pictures),)


def _segment(net: Any, values: torch.Tensor) -> Tensors:
    return (net(values).float().softmax(1),)


def _of_latents(net: Any, name: str) -> Input:
    """An input of latents of the size of the network."""
    channels, *sides = getattr(net, "shape", (0, *LATENT_SIZES[:1] * 3))
    return Input(name, ("batch", channels, *sides))


_PICTURES = (Input("pictures", ("batch", "views", 4, 128, 128)),)
_SENTENCES = (Input("sentences", ("batch", 384)),)


def _vectors(*names: str) -> tuple[Input, ...]:
    return tuple(Input(name, ("batch", 256)) for name in names)


def graphs_of(mapping: str, net: nn.Module) -> dict[str, Graph]:
    """The graphs of a network by name, the main one first. KeyError for an unknown mapping."""
    return {graph.name: graph for graph in _GRAPHS[mapping](net)}


def _views_graphs(net: Any) -> list[Graph]:
    outputs = ("occupancy", "depth", "rotation", "placement")
    graphs = [Graph("shape", _PICTURES, outputs, _shape_of_views)]
    return graphs + ([Graph("code", _PICTURES, ("code",), _code_of_views)] if hasattr(net, "code") else [])


def _autoencoder_graphs(net: Any) -> list[Graph]:
    latent = (_of_latents(net, "latent"),)
    return [
        Graph("decode", latent, ("occupancy",), _decode, mixed=True),
        Graph("encode", _voxels("occupancy"), ("latent",), _encode),
    ]


def _flow_graphs(net: Any) -> list[Graph]:
    inputs = _of_latents(net, "state"), Input("time", ("batch",)), Input("category", ("batch",), INTEGER)
    return [Graph("velocity", inputs, ("velocity",), _velocity, mixed=True)]


def _gan_graphs(net: Any) -> list[Graph]:
    inputs = Input("noise", ("batch", 128)), Input("category", ("batch",), INTEGER)
    return [Graph("generate", inputs, ("latent",), _generate)]


def _voxel_graphs(net: Any) -> list[Graph]:
    occupancy = _voxels("occupancy")
    if not hasattr(net, "upright_logits"):
        return [Graph("label", occupancy, ("logits",), _label_of_points)]
    graphs = [Graph("label", occupancy, ("logits",), _label_of_voxels)]
    if net.upright_estimator is not None:
        graphs.append(Graph("upright", _voxels("occupancy", side=32), ("score",), _upright_voxels))
    return graphs


def _embedding_graphs(net: Any) -> list[Graph]:
    text = Graph("text", _SENTENCES, ("category",), _embed_text)
    if hasattr(net, "upright_head"):
        features = (Input("features", ("batch", net.upright_head.in_features)),)
        return [
            Graph("features", features, ("vectors",), _embed_features),
            Graph("upright", features, ("score",), _upright_features),
            text,
        ]
    solid = (*_voxels("occupancy"), Input("colours", ("batch", 4, 16, 16, 16)))
    return [
        Graph("image", (Input("pictures", ("batch", 4, 128, 128)),), ("vectors",), _embed_images),
        Graph("solid", solid, ("vectors",), _embed_shapes),
        text,
    ]


_LABEL_INPUTS = (*_vectors("views", "solid"), Input("present", ("batch", 2), BOOLEAN))
_GRAPHS: dict[str, Callable[[Any], list[Graph]]] = {
    "image_to_mask": lambda net: [Graph("mask", _image(8), ("probability",), _mask, True)],
    "image_to_depth": lambda net: [
        Graph("depth", _image(3), ("inverse", "normals", "camera", "surface"), _depth, True)
    ],
    "image_to_layers": lambda net: [
        Graph("layers", _image(4, "cutout"), ("nearness", "thickness", "normals", "extent"), _layers, True)
    ],
    "image_to_back": lambda net: [Graph("back", _image(4, "cutout"), ("back", "albedo"), _back, True)],
    "image_to_voxels": _views_graphs,
    "autoencoder": _autoencoder_graphs,
    "vae": _autoencoder_graphs,
    "flow": _flow_graphs,
    "gan": _gan_graphs,
    "voxels_to_label": _voxel_graphs,
    "embedding": _embedding_graphs,
    "embedding_to_label": lambda net: [
        Graph("label", _LABEL_INPUTS, ("probabilities",), _label_of_embedding)
    ],
    "segmentation": lambda net: [
        Graph("classes", (Input("values", ("batch", 1, "i", "j", "k")),), ("probabilities",), _segment)
    ],
    "points_to_voxels": lambda net: [
        Graph("complete", (Input("partial", ("batch", 5, *(GRID_SIZE,) * 3)),), ("occupancy",), _complete)
    ],
    "efficientnet_lite0": lambda net: [
        Graph("features", _image(4, "pictures"), ("features",), _features, True)
    ],
}
