"""The Poisson equation on a rectangle with Neumann boundaries, by the discrete cosine transform.

The function whose differences to the right and downward are nearest to a given field in the sense of least squares solves
Laplace(u) = div(field). The cosine transform diagonalises this operator (Press et al., Numerical Recipes, 3rd ed., 20.4).
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from lift3d.types import F64


def differences(values: F64) -> tuple[F64, F64]:
    """Differences of (H, W) values to the right (H, W - 1) and downward (H - 1, W)."""
    return np.diff(values, axis=1), np.diff(values, axis=0)


def integrate(right: F64, down: F64) -> F64:
    """(H, W) values of mean zero whose differences are nearest to right (H, W - 1) and down (H - 1, W) in the sense of least
    squares; exact for a field that is a gradient."""
    height, width = right.shape[0], down.shape[1]
    divergence = np.zeros((height, width))
    divergence[:, :-1] += right
    divergence[:, 1:] -= right
    divergence[:-1] += down
    divergence[1:] -= down
    spectrum = fft.dctn(divergence, type=2, norm="ortho", overwrite_x=True)
    eigenvalues = (
        2 * np.cos(np.pi * np.arange(height) / height)[:, None]
        + 2 * np.cos(np.pi * np.arange(width) / width)[None]
        - 4
    )
    eigenvalues[0, 0] = 1.0
    spectrum /= eigenvalues
    spectrum[0, 0] = 0.0
    return fft.idctn(spectrum, type=2, norm="ortho", overwrite_x=True)
