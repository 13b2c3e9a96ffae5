"""The category of occupancy by the network of `voxels_to_label`, over several poses (networks: nets/shape_classifier.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.inference.network import open_network
from lift3d.inference.onnx.shape_classifier import Judge, classify_without_torch
from lift3d.inference.runtimes import ONNX, choose_runtime
from lift3d.types import F64

NAME = "voxels_to_label"


def classify_voxels(
    cells: NDArray[np.bool_], weights: str | None, options: dict[str, Any],
    judge: Judge | None = None, runtime: str | None = None,
) -> tuple[F64, F64]:  # fmt: skip
    """Probabilities (K,) of the categories of occupancy (64, 64, 64), and the rotation (3, 3) to the likeliest pose. options: of
    `nets.shape_classifier.TestTimeAugmentation`; weights, runtime: as in `open_network`."""
    if choose_runtime(runtime, weights) == ONNX:
        return classify_without_torch(open_network(NAME, weights, runtime), cells, judge=judge, **options)
    from lift3d.inference.networks import inference_mode, load_network

    module, _ = load_network(NAME, weights)
    net: Any = module
    import torch

    from lift3d.nets.rotation6d import rotation_from_6d
    from lift3d.nets.shape_classifier import TestTimeAugmentation

    plan, scored = TestTimeAugmentation(**options), None
    with inference_mode():
        share = torch.from_numpy(cells[None]).to(next(net.parameters()).device).float()
        if judge is not None:
            poses, scores = net.score_poses(share)
            rotations = rotation_from_6d(poses[0].float()).double().cpu().numpy()
            scored = poses, torch.from_numpy(judge(rotations, scores[0].cpu().numpy()))[None].to(scores)
        probabilities = net.probabilities(share, plan, scored)[0].double().cpu().numpy()
        rotation = net.upright_rotation(share, plan.identity_bias, scored)[0].double().cpu().numpy()
    return probabilities, rotation
