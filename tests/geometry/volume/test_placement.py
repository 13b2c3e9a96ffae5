"""Vertices of thresholded volumes equal their twin and lie on the level set."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.volume.net import build_net
from lift3d.geometry.volume.placement import place_by_values

LOOKUP = np.minimum(np.arange(256), 1).astype(np.uint16)


def twin(base: np.ndarray, mask: np.ndarray, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The place of the vertex of the cell at base: interpolated crossings, their mean, two Newton steps."""
    corner = {}
    for c in product(range(2), repeat=3):
        at = tuple(base + c)
        inside_grid = all(0 <= n < s for n, s in zip(at, mask.shape))
        corner[c] = (bool(mask[at]), float(values[at])) if inside_grid else (False, np.nan)
    crossings = []
    for c, axis in product(product(range(2), repeat=3), range(3)):
        d = tuple(1 if k == axis else n for k, n in enumerate(c))
        if c == d or corner[c][0] == corner[d][0]:
            continue
        inner, outer = (c, d) if corner[c][0] else (d, c)
        a, b = corner[inner][1], corner[outer][1]
        t = 0.5
        if low <= a <= high and (b < low or b > high):
            t = (a - (low if b < low else high)) / (a - b)
        t = np.clip(t, 0.02, 0.98)
        crossings.append((1 - t) * np.array(inner) + t * np.array(outer))
    x = np.mean(crossings, 0)
    known = [v for _, v in corner.values()]
    agrees = all(m == (low <= v <= high) for m, v in corner.values()) and not np.isnan(known).any()
    below, above = any(v < low for v in known), any(v > high for v in known)
    if agrees and not (below and above):
        for _ in range(2):
            weight = {c: np.where(c, x, 1 - x) for c in corner}
            value = sum(corner[c][1] * w.prod() for c, w in weight.items())
            gradient = np.array(
                [
                    sum(corner[c][1] * np.delete(w, k).prod() * (2 * c[k] - 1) for c, w in weight.items())
                    for k in range(3)
                ]
            )
            if gradient @ gradient == 0:
                break
            x = np.clip(x - (value - (low if below else high)) * gradient / (gradient @ gradient), 0, 1)
    return np.asarray(base + x)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_places_equal_their_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(-50, 50, (5, 4, 5)).astype(np.int16)
    low, high = -10.0, float(rng.choice([20.0, np.inf]))
    mask = ((values >= low) & (values <= high)).astype(np.uint8)
    if rng.random() < 0.5:
        mask[rng.random(mask.shape) < 0.1] ^= 1  # parts left out, cavities filled
    net = build_net(mask, LOOKUP)
    x = place_by_values(net, mask, values, low, high)
    free = (net.high > net.low).all(1)
    np.testing.assert_array_equal(x[~free], net.start[~free])
    for v in np.flatnonzero(free)[:40]:
        base = np.floor(net.low[v]).astype(int)
        want = np.clip(twin(base, mask, values, low, high), net.low[v], net.high[v])
        np.testing.assert_allclose(x[v], want, atol=1e-9)


def test_vertices_of_a_plane_lie_on_it() -> None:
    i, j, k = np.meshgrid(*[np.arange(12.0)] * 3, indexing="ij")
    values = 100 * (0.3 * i + 0.5 * j + 0.7 * k)
    mask = (values >= 900).astype(np.uint8)
    net = build_net(mask, LOOKUP)
    x = place_by_values(net, mask, values, 900.0, np.inf)
    inner = ((x > 0) & (x < 11)).all(1)
    assert inner.sum() > 50
    np.testing.assert_allclose(
        x[inner] @ [30, 50, 70], 900, atol=7.6
    )  # the margin to the walls of a cell: .05 voxels
