"""Of several draws, the one whose shape is least in doubt.

A decoder that is given a code unlike any it has seen says neither full nor empty: the doubt of a draw, the sum of s (1 - s) over
the shares s of its cells, for each place where the surface crosses between cells, is larger than of real shapes, and the larger
the more ragged the shape looks. What truncation does for a GAN (Brock, Donahue & Simonyan 2019, arXiv:1809.11096), less variety
for better shapes, is done here by choosing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lift3d.types import F32

if TYPE_CHECKING:
    from lift3d.shape_draws import Drawer

AMONG = 4
"""Draws, of which one is taken; fixed on validation (benchmarks/shape_space.py)."""


def doubt(share: F32) -> float:
    """Of shares (X, Y, Z) of full cells; 0: sure; infinite where nothing is full."""
    full = share > 0.5
    if not full.any():
        return float("inf")
    crossings = sum(int(np.count_nonzero(np.diff(full, axis=axis))) for axis in range(3))
    return float((share * (1 - share)).sum() / max(crossings, 1))


def surest(
    held: Drawer, kind: int, seeds: tuple[int, ...], autoencoder: str | None = None, among: int = AMONG
) -> F32:
    """The code number seeds[-1] of a kind: the surest of as many draws. Same seeds, same code."""
    if among <= 1:
        return held.draw(kind, seeds)
    first = seeds[-1] * among
    codes = [held.draw(kind, (*seeds[:-1], first + k)) for k in range(among)]
    return codes[int(np.argmin([doubt(share) for share in decoded(codes, autoencoder)]))]


def decoded(codes: list[F32], autoencoder: str | None = None) -> F32:
    """(N, 64, 64, 64) shares of full cells."""
    import torch

    from lift3d.learned import asking, network
    from lift3d.nets.shape_codes import ShapeCodes
    from lift3d.shape_draws import AUTOENCODER

    codec, _ = network(AUTOENCODER, autoencoder)
    assert isinstance(codec, ShapeCodes)
    with asking(), torch.autocast("cpu", torch.bfloat16):
        return np.asarray(torch.sigmoid(codec.decode(torch.from_numpy(np.stack(codes)))).float().numpy())
