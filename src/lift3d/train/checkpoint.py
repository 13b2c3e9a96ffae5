"""Checkpoints: the whole state of a run in safetensors and JSON, written atomically.

    step-00001250/weights.safetensors     the module's parameters and buffers
    step-00001250/average.safetensors     their running average
    step-00001250/optimiser.safetensors   AdamW's moments of each parameter
    step-00001250/state.json              step, config, data, state of the loss; sha256 of the three files above

Batches, augmentation and dropout depend on (seed, step) alone, so that no state of a random generator is stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from lift3d.errors import InputError

KEEP = 2
"""Number of latest checkpoints that a run retains."""
PARTS = ("weights", "average", "optimiser")
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The state after `step` steps. weights, average, optimiser: tensors by name; state: JSON values."""

    step: int
    weights: Tensors
    average: Tensors
    optimiser: Tensors
    state: dict[str, Any]


def write(folder: Path, checkpoint: Checkpoint, keep: int = KEEP) -> Path:
    """Write a checkpoint and delete all but the last `keep`; returns the new folder.

    The files are written under a temporary name, flushed to disk and renamed."""
    name = f"step-{checkpoint.step:08d}"
    part = folder / f".{name}.{os.getpid()}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    digests = {}
    for which in PARTS:
        data = save({k: v.detach().contiguous().cpu() for k, v in getattr(checkpoint, which).items()})
        digests[which] = hashlib.sha256(data).hexdigest()
        _put(part / f"{which}.safetensors", data)
    state = {**checkpoint.state, "step": checkpoint.step, "sha256": digests}
    _put(part / "state.json", json.dumps(state, sort_keys=True).encode())
    target = folder / name
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    for left in folder.glob(".step-*.part"):
        shutil.rmtree(left, ignore_errors=True)
    return target


def _put(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def checkpoints(folder: Path) -> list[Path]:
    """Folders of complete checkpoints, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(
        p for p in folder.iterdir() if re.fullmatch(r"step-\d{8}", p.name) and (p / "state.json").is_file()
    )


def read(path: Path) -> Checkpoint:
    """A checkpoint whose files match their sha256. InputError for a damaged checkpoint."""
    try:
        state = json.loads((path / "state.json").read_text("utf-8"))
        tensors: list[Tensors] = []
        for which in PARTS:
            data = (path / f"{which}.safetensors").read_bytes()
            if hashlib.sha256(data).hexdigest() != state["sha256"][which]:
                raise ValueError(f"{which}.safetensors does not match its sha256")
            tensors.append(load(data))
        return Checkpoint(int(state["step"]), tensors[0], tensors[1], tensors[2], state)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"the checkpoint {path} is damaged ({error})",
            "delete its folder: the previous checkpoint is used instead",
        ) from error
