"""`lift3d evaluate`: the table of a learned mapping, on the test split, beside its baselines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from lift3d.errors import InputError
from lift3d.runtime.environment import thread_count
from lift3d.train.launch import corpus_of
from lift3d.train.registry import TASKS

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
SPLITS = ("test", "val")


def evaluate(
    mapping: str, corpus: Path, pictures: Path, weights: str | None, plain: str | None, split: str, limit: int | None,
    output: Path | None, threads: int | None, say: Say, progress: Progress,
) -> list[str]:  # fmt: skip
    """The lines of the table; `output` gets it as JSON, with pictures."""
    known = sorted(name for name in TASKS if not name.startswith("masked-") and name != "embedding-to-label")
    if mapping.replace("_", "-") not in known and not mapping.replace("_", "-").startswith("masked-"):
        hint = ", or ask `lift3d classify` with its weights" if "label" in mapping else ""
        raise InputError(f"there is no table of {mapping}", f"choose from {', '.join(known)}{hint}")
    if split not in SPLITS:
        raise InputError(f"there is nothing to measure on {split}", "choose test or val")
    if limit is not None and limit < 1:
        raise InputError(f"limit = {limit}", "give 1 or more")
    torch.set_num_threads(threads or thread_count())
    if mapping.replace("_", "-") == "image-to-mask":
        from lift3d.evaluate.image_to_mask import evaluate_masks

        return evaluate_masks(pictures, weights, split, limit, output, progress)
    if mapping in ("autoencoder", "vae"):
        from lift3d.evaluate.autoencoder import evaluate_codes

        return evaluate_codes(corpus, weights, split, limit, output, say, progress)
    if mapping in ("flow", "gan"):
        from lift3d.evaluate.generator import evaluate_samples
        from lift3d.inference.generators import find_autoencoder

        return evaluate_samples(
            mapping, corpus, weights, find_autoencoder(weights), split, limit, output, say, progress
        )
    if mapping.replace("_", "-") == "classifier":
        from lift3d.evaluate.classifier import evaluate_labels

        return evaluate_labels(corpus_of(corpus), weights, plain, split, limit, output, say, progress)
    if mapping.replace("_", "-").startswith("masked-"):
        raise InputError(f"{mapping} has no table", "measure what was trained from it")
    if mapping.replace("_", "-") == "embedding":
        from lift3d.evaluate.embedding import evaluate_embedding

        return evaluate_embedding(corpus, pictures, weights, split, limit, output, say, progress)
    if mapping == "completion":
        from lift3d.evaluate.points_to_voxels import evaluate_completion

        return evaluate_completion(corpus, weights, split, limit, output, say, progress)
    from lift3d.evaluate.image_to_voxels import evaluate_voxels

    return evaluate_voxels(corpus, pictures, weights, plain, split, limit, output, say, progress)
