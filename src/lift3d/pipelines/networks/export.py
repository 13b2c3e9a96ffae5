"""Networks as ONNX files: the pipeline of `lift3d export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import InputError, MissingExtra
from lift3d.io.files.atomic import writing
from lift3d.io.files.checksum import file_sha256
from lift3d.pipelines.arguments import Message, PathLike, or_ignore
from lift3d.weights import PretrainedCfg, find, list_models, require_mapping
from lift3d.weights.onnx_file import CARD, SUFFIX, graph_path

if TYPE_CHECKING:
    from torch import nn

BACKBONE_CARD = {
    "mapping": "efficientnet_lite0",
    "task": "features of a picture, from which embedding_backbone computes a vector",
    "input": "160 x 160 pixels of a cut-out, sRGB in [-1, 1] over grey, and mask",
    "image_size": 160,
    "licence": "Apache-2.0",
    "data": "ImageNet-1k, by Google",
}
"""The card of the pre-trained backbone, which another package contains."""


def export(
    network: str | None,
    output: PathLike,
    *,
    weights: PathLike | None = None,
    message: Message | None = None,
) -> list[Path]:
    """Write a network as ONNX, or all of them.

    network: the name of a packaged network (`lift3d models`) or "efficientnet_lite0", the backbone of `embedding_backbone`; None:
    the network of `weights`, or without these all packaged ones, and the backbone where it is installed. output: NAME.onnx, for
    all networks a folder; further graphs of a network are written beside it as NAME.GRAPH.onnx. weights: a run's folder or a
    weights file. message: called with a sentence for each network: by how much onnxruntime and torch differ.

    Returns the paths. MissingExtra without torch or the package onnx; InputError for an unknown network, an output with another
    ending, weights of another mapping, or a network with which onnxruntime and torch disagree.
    """
    from lift3d.inference.backbone import BACKBONE
    from lift3d.inference.runtimes import has_torch

    if not has_torch():
        raise MissingExtra("writing networks as ONNX", "export")
    from lift3d.inference.onnx.export import require_onnx

    require_onnx()
    output, say = Path(output), or_ignore(message)
    if network is None and weights is None:
        if output.suffix == SUFFIX or output.is_file():
            raise InputError(f"{output} is not a folder", "name a folder for all networks, or one network")
        names = [*(cfg.name for cfg in list_models()), *([BACKBONE] if _has_backbone() else [])]
        return [path for name in names for path in _export(name, None, output / f"{name}{SUFFIX}", say)]
    if output.suffix != SUFFIX:
        raise InputError(f"{output.name} is not an ONNX file", f"give it a name that ends in {SUFFIX}")
    return _export(network, weights, output, say)


def _export(
    network: str | None, weights: PathLike | None, output: Path, say: Callable[[str], None]
) -> list[Path]:
    """Write the graphs of one network."""
    from lift3d.inference.onnx.export import export_network, largest_difference

    mapping, net, card = _load(network, weights)
    files = export_network(mapping, net, {CARD: json.dumps(card), **_readable(card)})
    try:
        worst = largest_difference(mapping, net, files)
        checked = f"onnxruntime and torch differ by {worst:.1e} of the largest value"
    except MissingExtra:
        checked = "not checked, because onnxruntime is not installed: pip install 'lift3d[onnx]'"
    paths = [graph_path(output, name, tuple(files)) for name in files]
    with ExitStack() as stack:  # all graphs appear together
        for path, data in zip(paths, files.values()):
            stack.enter_context(writing(path)).write_bytes(data)
    say(f"wrote {', '.join(path.name for path in paths)}: {checked}")
    return paths


def _load(network: str | None, weights: PathLike | None) -> tuple[str, nn.Module, dict[str, Any]]:
    """Mapping, network and card. InputError for weights that are not of this network."""
    from lift3d.inference.backbone import BACKBONE, load_backbone
    from lift3d.inference.networks import LATENT_SPACE, latent_space_id, load_network

    name = None if network is None else network.replace("-", "_")
    if name == BACKBONE and weights is None:
        return BACKBONE, load_backbone(classifier=True), dict(BACKBONE_CARD)
    cfg = find(name or "" if weights is None else Path(weights))
    if weights is not None and name is not None:
        require_mapping(cfg, _mapping_of(name))
    mapping = cfg.mapping or (None if name is None else _mapping_of(name))
    if mapping is None:
        raise InputError(f"the card of {cfg.file.name} names no mapping", "name the network as well")
    net, _ = load_network(mapping, str(weights) if weights is not None else cfg.name)
    card = json.loads(cfg.file.with_suffix(".json").read_text("utf-8"))
    card.setdefault("sha256", file_sha256(cfg.file))
    if mapping in ("autoencoder", "vae"):
        card[LATENT_SPACE] = latent_space_id(cfg)
    return mapping, net, card


def _mapping_of(name: str) -> str:
    """The mapping of a packaged network, or the name itself where it is one (a run may be of a network that is not packaged)."""
    known: dict[str, PretrainedCfg] = {cfg.name: cfg for cfg in list_models()}
    return (known[name].mapping if name in known else None) or name


def _readable(card: dict[str, Any]) -> dict[str, str]:
    """The texts of a card that other programs show."""
    texts = ("task", "input", "licence", "data", "pretrained", "note", "measured_on")
    return {key: str(card[key]) for key in texts if isinstance(card.get(key), str) and card[key]}


def _has_backbone() -> bool:
    from lift3d.inference.backbone import weights_file

    try:
        weights_file()
    except (MissingExtra, InputError):
        return False
    return True
