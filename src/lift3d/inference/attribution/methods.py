"""Attribution: how much every value of an input contributes to a scalar output of a network.

Integrated gradients (Sundararajan, Taly & Yan 2017, arXiv:1703.01365) follow the gradient along the straight path from a baseline
to the input. Occlusion (Zeiler & Fergus 2014, arXiv:1311.2901) replaces windows of the input by the baseline and measures how
much the output changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

Scalar = Callable[[torch.Tensor], torch.Tensor]
"""A batch of inputs (B, ...) to one number for each (B,)."""
Progress = Callable[[float], None]
FIRST, TOLERANCE = 8, 0.02
"""Pieces of the path to begin with, and the sum of the errors of all pieces, relative to the change of the output, at which
integration ends."""
SAME = 1e-6
"""Change of the output, relative to its size, below which the input and the baseline count as equal."""


class Attribution(NamedTuple):
    """values: the contribution of every value of the input, of the input's shape. value, baseline: the output for the input and
    for the baseline. completeness_error: |sum of the contributions - (value - baseline)| / |value - baseline|; by equation 2 of
    the paper on integrated gradients it is 0 for an exact integral. None for occlusion, which does not have this property, and
    where the output does not change. calls: how often the network was evaluated."""

    values: torch.Tensor
    value: float
    baseline: float
    completeness_error: float | None
    calls: int


@dataclass
class Piece:
    """An interval [low, high] of the path. rise: how much the output changes over it; slope: gradient times (x - baseline) at its
    middle; middle: the output there."""

    low: float
    high: float
    rise: float
    slope: torch.Tensor
    middle: float
    ends: tuple[float, float]

    @property
    def error(self) -> float:
        """The change of the output that the midpoint rule misses, with its sign."""
        return (self.high - self.low) * float(self.slope.double().sum()) - self.rise


def integrated_gradients(
    output: Scalar,
    x: torch.Tensor,
    baseline: torch.Tensor,
    steps: int = 64,
    batch: int = 4,
    progress: Progress | None = None,
) -> Attribution:
    """(x_i - b_i) times the mean over the path of d output / d x_i (equation 1), by the midpoint rule.

    Networks change most near the baseline, so that equal steps would miss most of the change: the path begins with FIRST equal
    pieces, and those whose midpoint differs most from the change of the output over them are halved, until the differences are
    TOLERANCE of the whole change or the gradient was computed at `steps` points. x, baseline: (C, ...) of the same shape. batch:
    inputs in one evaluation. Raises ValueError for shapes that differ or fewer than one step."""
    _require(x, baseline, steps, batch)
    value, start = _ends(output, x, baseline)
    change, done = value - start, 0
    first = min(FIRST, steps)
    knots = [k / first for k in range(first + 1)]
    outputs = [start, *_outputs(output, x, baseline, knots[1:-1], batch), value]
    calls = len(outputs)
    pieces: list[Piece] = []
    wanted = [(a, b, (f, g)) for a, b, f, g in zip(knots, knots[1:], outputs, outputs[1:])]
    while wanted:
        pieces += _pieces(output, x, baseline, wanted, batch)
        done += len(wanted)
        if progress is not None:
            progress(done / steps)
        pieces.sort(key=lambda piece: -abs(piece.error))
        allowed = TOLERANCE * max(abs(change), SAME)
        left, count = sum(abs(piece.error) for piece in pieces), 0
        while count < min(batch, (steps - done) // 2) and left > allowed:
            left -= abs(pieces[count].error)
            count += 1
        halved, pieces = pieces[:count], pieces[count:]
        wanted = []
        for p in halved:
            centre = (p.low + p.high) / 2
            wanted += [(p.low, centre, (p.ends[0], p.middle)), (centre, p.high, (p.middle, p.ends[1]))]
    values = torch.zeros_like(x)
    for p in pieces:
        values += (p.high - p.low) * p.slope
    error = None
    if abs(change) > SAME * max(abs(value), abs(start), 1.0):
        error = abs(float(values.double().sum()) - change) / abs(change)
    return Attribution(values, value, start, error, calls + done)


def _pieces(
    output: Scalar, x: torch.Tensor, baseline: torch.Tensor, wanted: list[tuple[float, float, tuple[float, float]]],
    batch: int,
) -> list[Piece]:  # fmt: skip
    """The intervals (low, high, outputs at both ends) with the gradients at their middles."""
    out = []
    for at in range(0, len(wanted), batch):
        some = wanted[at : at + batch]
        middles = x.new_tensor([(a + b) / 2 for a, b, _ in some]).reshape(-1, *[1] * x.ndim)
        points = (baseline + middles * (x - baseline)).requires_grad_(True)
        with torch.enable_grad():
            values = output(points)
            (gradient,) = torch.autograd.grad(values.sum(), points)
        slopes = gradient.detach() * (x - baseline)
        for (a, b, (f, g)), slope, value in zip(some, slopes, values.detach().double().tolist()):
            out.append(Piece(a, b, g - f, slope, value, (f, g)))
    return out


def _outputs(
    output: Scalar, x: torch.Tensor, baseline: torch.Tensor, fractions: list[float], batch: int
) -> list[float]:
    """Outputs at fractions of the path."""
    out: list[float] = []
    for at in range(0, len(fractions), batch):
        some = x.new_tensor(fractions[at : at + batch]).reshape(-1, *[1] * x.ndim)
        with torch.no_grad():
            out += output(baseline + some * (x - baseline)).double().tolist()
    return out


def occlusion(
    output: Scalar,
    x: torch.Tensor,
    baseline: torch.Tensor,
    window: int,
    stride: int,
    batch: int = 8,
    progress: Progress | None = None,
) -> Attribution:
    """For every position the mean, over the windows that cover it, of output(x) - output(x with the window replaced by the
    baseline).

    x, baseline: (C, ...) of the same shape. Windows are squares or cubes with sides of `window`, `stride` apart, over all
    channels; the last one ends at the border. The value of a position is divided evenly among its channels. ValueError for shapes
    that differ, and windows that do not fit or leave gaps."""
    _require(x, baseline, 1, batch)
    axes = x.shape[1:]
    if not 1 <= stride <= window <= min(axes):
        raise ValueError(f"windows of {window} at a stride of {stride} do not cover {tuple(axes)}")
    corners = list(itertools.product(*(window_starts(n, window, stride) for n in axes)))
    value, start = _ends(output, x, baseline)
    total, count = torch.zeros(axes), torch.zeros(axes)
    for at in range(0, len(corners), batch):
        some = [tuple(slice(c, c + window) for c in corner) for corner in corners[at : at + batch]]
        inputs = x.expand(len(some), *x.shape).clone()
        for k, where in enumerate(some):
            channels = (slice(None), *where)
            inputs[k][channels] = baseline[channels]
        with torch.no_grad():
            drops = value - output(inputs).double().cpu()
        for where, drop in zip(some, drops.tolist()):
            total[where] += float(drop)
            count[where] += 1
        if progress is not None:
            progress(min(at + batch, len(corners)) / len(corners))
    values = (total / count / len(x)).to(x).expand(x.shape).clone()
    return Attribution(values, value, start, None, len(corners) + 2)


def window_starts(length: int, window: int, stride: int) -> list[int]:
    """First positions of windows that cover a length, the last of which ends at its end."""
    starts = list(range(0, length - window + 1, stride))
    return starts if starts[-1] == length - window else [*starts, length - window]


def _ends(output: Scalar, x: torch.Tensor, baseline: torch.Tensor) -> tuple[float, float]:
    """The output for the input and for the baseline."""
    with torch.no_grad():
        value, start = (float(output(t[None]).double()[0]) for t in (x, baseline))
    return value, start


def _require(x: torch.Tensor, baseline: torch.Tensor, steps: int, batch: int) -> None:
    if x.shape != baseline.shape:
        raise ValueError(f"the input is {tuple(x.shape)}, the baseline {tuple(baseline.shape)}")
    if steps < 1 or batch < 1:
        raise ValueError("give at least one step and one input in a batch")
