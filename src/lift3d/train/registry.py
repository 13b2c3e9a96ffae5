"""The registry of networks that can be trained and evaluated, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lift3d.errors import InputError
from lift3d.train.config import Schedule
from lift3d.train.task import Progress, Task
from lift3d.train.tasks import (
    autoencoder,
    backbone_embedding,
    classifier,
    completion,
    embedding,
    embedding_kernel,
    flow,
    gan,
    image_to_back,
    image_to_depth,
    image_to_layers,
    image_to_mask,
    image_to_voxels,
    masked_pictures,
    masked_voxels,
    segmentation,
    synthetic_segmentation,
)
from lift3d.train.tasks import embedding_to_label as embedding_label


@dataclass(frozen=True)
class Trainable:
    """A network that `lift3d train` can train.

    config: the dataclass of its options. make(pictures, corpus, config): its task. pictures: whether the training needs pictures
    of the corpus. folders: whether a folder of the user's own meshes can be given, from which a corpus is then built.
    prepare(pictures, corpus, config, progress): computes and caches slow inputs, in the first process, before the task is
    created. own: name of the network that is trained in its place where the data are a folder of the user's own meshes."""

    config: type[Schedule]
    make: Callable[[Path, Path, Any], Task]
    pictures: bool = True
    folders: bool = False
    prepare: Callable[[Path, Path, Any, Progress], None] | None = None
    evaluator: str = ""
    """Dotted name of the function that evaluates the network on the test split; a name, because `lift3d.evaluate` is above this
    package. Empty where the network only initialises other networks."""
    own: str = ""


TASKS: dict[str, Trainable] = {
    "image-to-mask": Trainable(
        image_to_mask.Config,
        lambda pictures, corpus, config: image_to_mask.ImageToMaskTask(pictures, config),
        evaluator="lift3d.evaluate.image_to_mask.evaluate_image_to_mask",
    ),
    "image-to-depth": Trainable(
        image_to_depth.Config,
        lambda pictures, corpus, config: image_to_depth.ImageToDepthTask(pictures, config),
        False,
        prepare=image_to_depth.prepare,
        evaluator="lift3d.evaluate.image_to_depth.evaluate_image_to_depth",
    ),
    "image-to-layers": Trainable(
        image_to_layers.Config,
        image_to_layers.ImageToLayersTask,
        evaluator="lift3d.evaluate.image_to_layers.evaluate_image_to_layers",
    ),
    "image-to-back": Trainable(
        image_to_back.Config,
        image_to_back.ImageToBackTask,
        evaluator="lift3d.evaluate.image_to_back.evaluate_image_to_back",
    ),
    "image-to-voxels": Trainable(
        image_to_voxels.Config,
        image_to_voxels.ImageToVoxelsTask,
        evaluator="lift3d.evaluate.image_to_voxels.evaluate_image_to_voxels",
    ),
    "autoencoder": Trainable(
        autoencoder.Config,
        lambda pictures, corpus, config: autoencoder.AutoencoderTask(corpus, config),
        False,
        evaluator="lift3d.evaluate.autoencoder.evaluate_autoencoder",
    ),
    "vae": Trainable(
        autoencoder.VaeConfig,
        lambda pictures, corpus, config: autoencoder.AutoencoderTask(corpus, config, "vae"),
        False,
        evaluator="lift3d.evaluate.autoencoder.evaluate_autoencoder",
    ),
    "flow": Trainable(
        flow.Config,
        lambda pictures, corpus, config: flow.FlowTask(corpus, config),
        False,
        evaluator="lift3d.evaluate.generator.evaluate_generator",
    ),
    "gan": Trainable(
        gan.Config,
        lambda pictures, corpus, config: gan.GanTask(corpus, config),
        False,
        evaluator="lift3d.evaluate.generator.evaluate_generator",
    ),
    "classifier": Trainable(
        classifier.Config,
        lambda pictures, corpus, config: classifier.ClassifierTask(corpus, config),
        False,
        True,
        evaluator="lift3d.evaluate.classifier.evaluate_classifier",
        own="embedding-to-label",
    ),
    "masked-voxels": Trainable(
        masked_voxels.Config,
        lambda pictures, corpus, config: masked_voxels.MaskedVoxelsTask(corpus, config),
        False,
    ),
    "masked-pictures": Trainable(
        masked_pictures.Config,
        lambda pictures, corpus, config: masked_pictures.MaskedPicturesTask(pictures, config),
    ),
    "embedding-backbone": Trainable(
        backbone_embedding.Config,
        backbone_embedding.BackboneEmbeddingTask,
        prepare=backbone_embedding.prepare,
        evaluator="lift3d.evaluate.embedding.evaluate_embedding",
    ),
    "embedding": Trainable(
        embedding.Config,
        embedding.EmbeddingTask,
        evaluator="lift3d.evaluate.embedding.evaluate_embedding",
    ),
    "embedding-to-label": Trainable(
        embedding_label.Config,
        embedding_kernel.create_task,
        True,
        True,
        embedding_label.prepare,
        evaluator="lift3d.evaluate.embedding_to_label.evaluate_embedding_to_label",
    ),
    "completion": Trainable(
        completion.Config,
        lambda pictures, corpus, config: completion.CompletionTask(corpus, config),
        False,
        evaluator="lift3d.evaluate.points_to_voxels.evaluate_points_to_voxels",
    ),
    "segmentation": Trainable(
        segmentation.Config,
        lambda pictures, corpus, config: segmentation.SegmentationTask(corpus, config),
        False,
        evaluator="lift3d.evaluate.segmentation.evaluate_segmentation",
    ),
    "synthetic-segmentation": Trainable(
        synthetic_segmentation.Config,
        lambda pictures, corpus, config: synthetic_segmentation.SyntheticSegmentationTask(corpus, config),
        False,
        evaluator="lift3d.evaluate.synthetic_segmentation.evaluate_synthetic_segmentation",
    ),
}


def trainable(name: str) -> Trainable:
    """The entry of a name, written with - or _. InputError, with a list of the names, for an unknown name."""
    wanted = name.replace("_", "-")
    if wanted not in TASKS:
        near = get_close_matches(wanted, TASKS, 1, 0.3)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"there is no network called {name}", f"{hint}choose from {', '.join(TASKS)}")
    return TASKS[wanted]
