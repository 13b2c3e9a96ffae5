"""The networks by the names of what they were trained for, made from what their cards say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

Card = dict[str, Any]
"""config: the run's options; data: what the run was told of its data."""


def _mask(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.mask_unet import create_mask_unet

    return create_mask_unet(int(config["width"]))


def _views(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.views_to_volume import EncoderDecoder, ViewsToVolume

    if config["kind"] == "plain":
        return EncoderDecoder(int(config["width"]))
    return ViewsToVolume(int(config["width"]), int(config["layers"]))


def _codes(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.shape_autoencoder import ShapeAutoencoder

    return ShapeAutoencoder(int(config["width"]), int(config["codes"]), int(config["places"]))


def _flow(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.flow_matching import LatentFlow

    size = int(config["width"]), int(config["layers"]), int(data["places"])
    kept = None
    if data.get("outline"):
        count, known, parts, ways = (int(number) for number in data["outline"])
        if not 0 < ways <= count <= 4096 or min(known, parts) < 0 or not 0 < known + parts <= 100_000:
            raise ValueError("an outline of a size that can be")
        kept = count, known, parts, ways
    return LatentFlow(int(data["codes"]), len(data["kinds"]), *size, outline=kept)


def _gan(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.latent_gan import LatentGenerator

    return LatentGenerator(int(data["codes"]), len(data["kinds"]), int(config["width"]), int(data["places"]))


def _label(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.shape_classifier import create_classifier

    return create_classifier(config, len(data["labels"]))


def _embedding(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.multimodal_embedding import MultimodalEmbedding

    return MultimodalEmbedding(int(config["width"]), int(config["layers"]), int(config["solid"]))


def _kinds(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.embedding_classifier import EmbeddingClassifierNet

    return EmbeddingClassifierNet(len(data["labels"]), int(config["hidden"]), float(config["dropout"]))


def _completion(config: Card, data: Card) -> nn.Module:
    from lift3d.nets.completion_net import CompletionNet

    return CompletionNet(int(config["width"]), int(config["layers"]))


NETWORKS: dict[str, Callable[[Card, Card], nn.Module]] = {
    "image_to_mask": _mask,
    "image_to_voxels": _views,
    "autoencoder": _codes,
    "vae": _codes,
    "flow": _flow,
    "gan": _gan,
    "voxels_to_label": _label,
    "embedding": _embedding,
    "embedding_to_label": _kinds,
    "points_to_voxels": _completion,
}


def create_network(name: str, config: Card, data: Card) -> nn.Module:
    """KeyError, TypeError or ValueError for a card that lacks what the network needs."""
    return NETWORKS[name](config, data)
