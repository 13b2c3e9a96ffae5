"""Pixel values of any type as 8-bit values: the range of the type, or the range of the values where they fill little of it.

Cameras store 10 to 14 bits in 16, thermal cameras a few hundred steps in 16 bits or degrees in floating point: shown by the
range of the type, such pictures are black or a flat grey. Then the 0.1st and 99.9th percentile of the values become black and
white (a percentile stretch). All channels have one range, so that hues do not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32

MIN_FILL = 0.25
"""A picture whose values span less than this fraction of the range of their type is stretched."""
PERCENTILES = (0.1, 99.9)
MAX_SAMPLES = 2_000_000
"""Values from which the percentiles are computed."""
MIN_HOLES, NEAREST = 0.002, 0.08
"""Fraction of zeros from which, and least ratio of the 1st to the 99th percentile of the other values for which, a picture of one
channel is taken for a depth image."""
SLACK = 0.05
"""Values beyond the range of floating point pictures by less than this fraction of it, as resampling makes them, are clipped."""


@dataclass(frozen=True)
class EightBit:
    """values: uint8, of the shape of the input. stretched: the (low, high) that became black and white, None where the range of
    the type was used. warnings: sentences without the name of the picture.
    """

    values: NDArray[np.uint8]
    stretched: tuple[float, float] | None
    warnings: tuple[str, ...]


def to_eight_bit(
    values: NDArray[Any],
    missing: NDArray[np.bool_] | None = None,
    limits: tuple[float, float] | None = None,
) -> EightBit:
    """Values (H, W) or (H, W, C) of any integer or floating point type as 8 bits.

    missing: (H, W), True where the file states that there is no value; such pixels, and values that are not finite, become
    black. limits: the (low, high) of a stretch that other photos of the set have as well. uint8 is returned unchanged.
    """
    if values.dtype == np.uint8:
        return EightBit(np.asarray(values, np.uint8), None, ())
    finite = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
    valid = finite if missing is None else finite & (~missing if values.ndim == 2 else ~missing[..., None])
    warnings = [] if finite.all() else [_share(finite, "are not finite numbers")]
    if missing is not None and missing.any():
        warnings.append(_share(~missing, "are marked as missing"))
    if values.ndim == 2 and _like_depth(values, valid):
        warnings.append("it looks like a depth image (zeros where depth is unknown), not like a photo")
    low, high, stretched = _limits(values, valid, limits)
    if stretched:
        span = f"from {_number(low, values)} to {_number(high, values)}"
        warnings.append(
            f"{_type(values)} values {span} are stretched to the full contrast, since they fill little of the range of their type"
        )
    scaled: NDArray[Any] = np.where(valid, values, low).astype(
        np.float32 if values.dtype.itemsize <= 4 else np.float64
    )
    scaled = (scaled - low) * (255.0 / max(high - low, 1e-300))
    out = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return EightBit(out, (low, high) if stretched else None, tuple(warnings))


def common_limits(each: list[tuple[float, float]]) -> tuple[float, float] | None:
    """One (low, high) for the stretch of all photos of a set, so that equal values stay equal; None where the ranges are so
    different that a photo would lose its contrast."""
    low, high = min(low for low, _ in each), max(high for _, high in each)
    return (low, high) if all(b - a >= MIN_FILL * (high - low) for a, b in each) else None


def _limits(
    values: NDArray[Any], valid: NDArray[np.bool_], given: tuple[float, float] | None
) -> tuple[float, float, bool]:
    """(low, high, whether they are those of a stretch)."""
    if given is not None:
        return (*given, True)
    some = _samples(values[valid])
    if not len(some):
        return 0.0, 1.0, False
    low, high = (float(q) for q in np.percentile(some, PERCENTILES))
    top = _top(values.dtype, low, high)
    if top is not None and (high - low >= MIN_FILL * top or high <= low):
        return 0.0, top, False
    if high <= low:
        low, high = float(some.min()), float(some.max())
        return (low, high, True) if high > low else (low - 1, high + 1, False)  # flat: mid-grey
    # colours keep their black where there is one
    return (0.0 if 0 <= low < MIN_FILL * high else low), high, True


def _like_depth(values: NDArray[Any], valid: NDArray[np.bool_]) -> bool:
    """Whether values (H, W) are zero in some places, and far from zero in all others, as distances with holes are."""
    some = _samples(values[valid])
    zeros = some == 0
    if not len(some) or not MIN_HOLES <= float(zeros.mean()) < 1:
        return False
    low, high = (float(q) for q in np.percentile(some[~zeros], (1, 99)))
    return low >= NEAREST * high > 0


def _samples(values: NDArray[Any]) -> NDArray[np.floating]:
    """At most MAX_SAMPLES of the values, evenly spaced."""
    step = max(1, len(values) // MAX_SAMPLES)
    return np.asarray(values[::step], np.float64)


def _top(kind: np.dtype[Any], low: float, high: float) -> float | None:
    """The value of white by the type, None where the type does not state one."""
    if kind.kind == "u":
        return float(np.iinfo(kind).max)
    if kind.kind == "b":
        return 1.0
    for top in (1.0, 255.0, 65535.0) if kind.kind == "f" else (255.0, 65535.0):
        if low >= -SLACK * top and high <= (1 + SLACK) * top:
            return top
    return None


def _type(values: NDArray[Any]) -> str:
    bits = 8 * values.dtype.itemsize
    return f"{bits}-bit {'floating point ' if values.dtype.kind == 'f' else ''}".strip()


def _number(value: float, values: NDArray[Any]) -> str:
    return f"{value:.5g}" if values.dtype.kind == "f" else f"{value:.0f}"


def _share(good: NDArray[np.bool_], what: str) -> str:
    """ "3 % of the values WHAT and are shown black"."""
    share = 100 * (1 - float(np.count_nonzero(good)) / good.size)
    return f"{f'{share:.0f}' if share >= 1 else 'less than 1'} % of the values {what} and are shown black"


def as_float(values: NDArray[Any]) -> F32:
    """Integer values divided by the largest of their type, floating point values as they are; float32."""
    top = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
    return (values / np.float32(top)).astype(np.float32)
