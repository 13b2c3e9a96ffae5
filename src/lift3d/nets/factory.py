"""Construction of networks by the name of their mapping, with the sizes that the card of their weights states."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from lift3d.nets.point_net import PointNet
    from lift3d.nets.shape_classifier import VoxelClassifier

Options = dict[str, Any]
"""Part of a card. config: the options of the training run; data: what identifies its training data."""


def _image_to_mask(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.dense.prompted_unet import PromptedUNet

    return PromptedUNet(int(config["width"]))


def _image_to_depth(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.dense.depth_unet import DepthUNet

    return DepthUNet(int(config["width"]))


def _image_to_layers(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.dense.layered_depth_unet import LayeredDepthUNet

    return LayeredDepthUNet(int(config["width"]))


def _image_to_back(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.dense.back_unet import BackUNet

    return BackUNet(int(config["width"]))


def _image_to_voxels(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.views_to_volume import EncoderDecoder, ViewsToVolume

    if config["kind"] == "plain":
        return EncoderDecoder(int(config["width"]))
    return ViewsToVolume(int(config["width"]), int(config["layers"]))


def _autoencoder(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.shape_autoencoder import ShapeAutoencoder

    return ShapeAutoencoder(int(config["width"]), int(config["codes"]), int(config["places"]))


def _flow(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.flow_matching import LatentFlow

    size = int(config["width"]), int(config["layers"]), int(data["places"])
    pca = None
    if data.get("outline"):
        count, exemplars, clusters, axes = (int(size) for size in data["outline"])
        if (
            not 0 < axes <= count <= 4096
            or min(exemplars, clusters) < 0
            or not 0 < exemplars + clusters <= 100_000
        ):
            raise ValueError("the sizes of the latent PCA are out of range")
        pca = count, exemplars, clusters, axes
    return LatentFlow(int(data["codes"]), len(data["kinds"]), *size, pca=pca)


def _gan(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.latent_gan import LatentGenerator

    return LatentGenerator(int(data["codes"]), len(data["kinds"]), int(config["width"]), int(data["places"]))


def create_classifier(config: Options, labels: int) -> VoxelClassifier | PointNet:
    """The classifier of a run's options: `VoxelClassifier`, or the baseline `PointNet` for kind "points"."""
    from lift3d.nets.point_net import PointNet
    from lift3d.nets.shape_classifier import VoxelClassifier

    width, dropout = int(config["width"]), float(config["dropout"])
    if config["kind"] == "points":
        return PointNet(labels, width // 4, dropout=dropout)
    return VoxelClassifier(labels, width, bool(config["transformer"]), dropout, int(config["hidden"]))


def _voxels_to_label(config: Options, data: Options) -> nn.Module:
    return create_classifier(config, len(data["labels"]))


def _embedding(config: Options, data: Options) -> nn.Module:
    if config.get("kind") == "backbone":
        from lift3d.nets.dense.backbone_embedding import BackboneEmbedding

        return BackboneEmbedding(int(config["hidden"]))
    from lift3d.nets.multimodal_embedding import MultimodalEmbedding

    return MultimodalEmbedding(int(config["width"]), int(config["layers"]), int(config["solid"]))


def _embedding_to_label(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.embedding_classifier import EmbeddingClassifierNet, KernelClassifierNet

    if config.get("kind") == "kernel":
        centres = int(data["centres"])
        if not 0 < centres <= 100_000:
            raise ValueError("the number of centres is out of range")
        return KernelClassifierNet(len(data["labels"]), centres)
    return EmbeddingClassifierNet(len(data["labels"]), int(config["hidden"]), float(config["dropout"]))


def _points_to_voxels(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.completion_net import CompletionNet

    return CompletionNet(int(config["width"]), int(config["layers"]))


def _segmentation(config: Options, data: Options) -> nn.Module:
    from lift3d.nets.segmentation.plan import Plan
    from lift3d.nets.segmentation.unet import ResidualUNet3d

    return ResidualUNet3d.of(Plan.from_json(data["plan"]))


NETWORKS: dict[str, Callable[[Options, Options], nn.Module]] = {
    "image_to_mask": _image_to_mask,
    "image_to_depth": _image_to_depth,
    "image_to_layers": _image_to_layers,
    "image_to_back": _image_to_back,
    "image_to_voxels": _image_to_voxels,
    "autoencoder": _autoencoder,
    "vae": _autoencoder,
    "flow": _flow,
    "gan": _gan,
    "voxels_to_label": _voxels_to_label,
    "embedding": _embedding,
    "embedding_to_label": _embedding_to_label,
    "points_to_voxels": _points_to_voxels,
    "segmentation": _segmentation,
}


def create_network(name: str, config: Options, data: Options) -> nn.Module:
    """The untrained network of a mapping. KeyError, TypeError or ValueError where options are missing or invalid."""
    return NETWORKS[name](config, data)
