"""Torch modules only: no files, no paths, no printing. Needs the extra `learn`, apart from the constants in `sizes` and the
folding of batch normalisation; arrays are channels first."""

from __future__ import annotations

from lift3d.errors import MissingExtra


def require_torch() -> None:
    """Raise MissingExtra where torch is not installed."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtra("learned mappings", "learn") from error


def require_runtime() -> None:
    """Raise MissingExtra where neither torch nor onnxruntime, which computes networks as well, is installed."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        require_torch()
