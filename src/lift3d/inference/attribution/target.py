"""A scalar output of a network as a function of its input, and its attribution with the number of threads of inference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from lift3d.inference.attribution.methods import Attribution, Scalar, integrated_gradients, occlusion
from lift3d.inference.networks import inference_mode
from lift3d.types import Provenance

METHODS = ("gradients", "occlusion")
WINDOWS = 8
"""Side of the input over the side of a window of occlusion; windows are half a side apart on photos, a whole one in voxels."""


@dataclass(frozen=True, eq=False)
class Target:
    """output: batches of inputs (B, C, ...) to scalars (B,). input, baseline: (C, ...). what: the scalar in words; unit: of the
    scalar, in words. modules: the networks in the order in which the input passes them. channels: name of each group of channels
    and their number, in order. batch: inputs in one evaluation. provenance: the weights used."""

    output: Scalar
    input: torch.Tensor
    baseline: torch.Tensor
    what: str
    unit: str
    modules: tuple[torch.nn.Module, ...]
    channels: tuple[tuple[str, int], ...]
    batch: int = 4
    provenance: tuple[Provenance, ...] = ()

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """The scalars (B,) of inputs (B, C, ...), without gradients."""
        with inference_mode():
            return self.output(inputs)


def attribute(
    target: Target, method: str, steps: int, progress: Callable[[float], None] | None = None
) -> Attribution:
    """The attribution of a target's input by one of METHODS. steps: points of the path of integrated gradients. ValueError for
    another method."""
    with inference_mode():
        if method == "gradients":
            return integrated_gradients(
                target.output, target.input, target.baseline, steps, target.batch, progress
            )
        if method != "occlusion":
            raise ValueError(f"there is no method {method}")
        window = max(min(target.input.shape[1:]) // WINDOWS, 1)
        stride = max(window // 2, 1) if target.input.ndim == 3 else window
        return occlusion(
            target.output, target.input, target.baseline, window, stride, 2 * target.batch, progress
        )
