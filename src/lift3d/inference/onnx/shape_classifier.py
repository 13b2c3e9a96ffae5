"""The classifier of voxels without torch: graphs of onnxruntime score poses and shapes; poses and rotations are NumPy's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lift3d.inference.onnx.shape_poses import candidate_rotations, rotate_shape
from lift3d.inference.runtimes import Network
from lift3d.nets.sizes import IDENTITY, UPRIGHT_SIZE
from lift3d.types import F32, F64

Judge = Callable[[F64, F32], F32]
"""From the rotations (K, 3, 3) of candidate poses and their scores (K,) to scores that replace these."""


def classify_without_torch(
    network: Network, cells: NDArray[np.bool_], *, poses: int, symmetries: bool, identity_bias: float,
    judge: Judge | None = None,
) -> tuple[F64, F64]:  # fmt: skip
    """As `classify_voxels`, whose options are those of `nets.shape_classifier.TestTimeAugmentation`."""
    share = cells.astype(np.float32)
    rotations, scores = score_poses(network, share)
    if judge is not None:
        scores = judge(rotations, scores)
    if len(scores) > 1:
        scores = scores.copy()
        scores[IDENTITY] += identity_bias
    if "upright" not in network.graphs:
        return _probabilities(network, share, symmetries), rotations[0]
    likely = _softmax(scores.astype(np.float64))
    chosen = np.argsort(-likely, kind="stable")[: min(poses, len(likely))]
    weights = likely[chosen] / likely[chosen].sum()
    parts = [_probabilities(network, rotate_shape(share, rotations[k]), symmetries) for k in chosen]
    return np.asarray(weights @ np.stack(parts)), rotations[chosen[0]]


def score_poses(network: Network, share: F32) -> tuple[F64, F32]:
    """Rotations (K, 3, 3) of the candidate poses of occupancy (64, 64, 64) and their scores (K,); the given pose alone for a
    network that does not choose."""
    if "upright" not in network.graphs:
        return np.eye(3)[None], np.zeros(1, np.float32)
    n = UPRIGHT_SIZE
    small = share.reshape(n, len(share) // n, n, len(share) // n, n, len(share) // n).mean((1, 3, 5))
    rotations = candidate_rotations(small)
    (scores,) = network.run("upright", np.stack([rotate_shape(small, r) for r in rotations]))
    return rotations, np.asarray(scores, np.float32)


def _probabilities(network: Network, share: F32, symmetries: bool) -> F64:
    """Probabilities (labels,) of an upright shape; with symmetries, the softmax of the mean log-probability over rotations by 90
    degrees and their reflections."""
    if not symmetries:
        return _softmax(network.run("label", share[None])[0][0].astype(np.float64))
    turned = [np.rot90(share, k, (0, 1)) for k in range(4)]
    (logits,) = network.run("label", np.stack([x for r in turned for x in (r, r[::-1])]))
    logs = logits.astype(np.float64)
    logs -= logs.max(1, keepdims=True)
    logs -= np.log(np.exp(logs).sum(1, keepdims=True))
    return _softmax(logs.mean(0))


def _softmax(x: F64) -> F64:
    likely = np.exp(x - x.max())
    return np.asarray(likely / likely.sum())
