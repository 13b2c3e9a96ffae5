"""`lift3d evaluate`: find the evaluator of a mapping in the training registry and run it."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import torch

from lift3d.errors import InputError
from lift3d.evaluate.interface import Evaluation, Evaluator, Request
from lift3d.runtime.environment import thread_count
from lift3d.train.registry import TASKS
from lift3d.weights import find

SPLITS = ("test", "val")


def find_evaluator(name: str) -> Evaluator:
    """The evaluator that the training registry names for a mapping. InputError where the registry names none."""
    task = TASKS.get(name.replace("_", "-"))
    if task is None or not task.evaluator:
        if name.replace("_", "-").startswith("masked-"):
            raise InputError(f"{name} has no table", "evaluate a network that was initialised from it")
        known = ", ".join(sorted(key for key, one in TASKS.items() if one.evaluator))
        raise InputError(f"there is no table of {name}", f"choose from {known}")
    module, _, function = task.evaluator.rpartition(".")
    evaluator: Evaluator = getattr(import_module(module), function)
    return evaluator


def evaluate(request: Request, threads: int | None = None) -> Evaluation:
    """The table of a mapping and its baselines, which is also written to `request.output`, if given, with sheets of images.

    threads: number of torch threads; None: OMP_NUM_THREADS or all cores. InputError for a mapping without a table, an unknown
    split, a limit below 1, or unsuitable data."""
    name = trained_as(request.name, request.weights)
    evaluator = find_evaluator(name)
    if request.split not in SPLITS:
        raise InputError(f"there is no split {request.split} to evaluate on", "choose test or val")
    if request.limit is not None and request.limit < 1:
        raise InputError(f"limit = {request.limit} is not positive", "give 1 or more")
    torch.set_num_threads(threads or thread_count())
    return evaluator(replace(request, name=name.replace("_", "-"))).write(request.output)


def trained_as(name: str, weights: str | None) -> str:
    """The name of the network that `lift3d train NAME` has trained: for a folder of the user's own meshes that may be another
    one, and the card of the weights states which."""
    task = TASKS.get(name.replace("_", "-"))
    if task is None or not task.own or weights is None:
        return name
    return task.own if find(weights).mapping == task.own.replace("-", "_") else name
