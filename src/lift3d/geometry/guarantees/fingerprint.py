"""Equality of results to the byte."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.mapping import Guarantee, Mapping
from lift3d.types import Mesh

AnyMapping = Mapping[Any, Any]


def fingerprint(value: Any) -> str:
    """SHA-256 of all arrays, numbers and names in a representation; equal only for equal bytes."""
    digest = hashlib.sha256()
    _update(digest, value)
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    """Add a value to a hash, with its type and, for arrays, shape."""
    if isinstance(value, Mesh):
        visual = value.visual
        material = getattr(visual, "material", None)
        texture = getattr(material, "baseColorTexture", None)
        colours = visual.vertex_colors if visual.kind == "vertex" else None  # type: ignore[union-attr]
        _update(digest, [np.asarray(value.vertices), np.asarray(value.faces), value.units])
        _update(
            digest, [getattr(visual, "uv", None), texture, None if colours is None else np.asarray(colours)]
        )
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Pil.Image):
        _update(digest, np.asarray(value))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        digest.update(type(value).__name__.encode())
        _update(digest, [getattr(value, f.name) for f in dataclasses.fields(value)])
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}".encode())
        for item in value:
            _update(digest, item)
    else:
        digest.update(repr(value).encode())


def _same_bytes(mapping: AnyMapping, source: Any, result: Any) -> str | None:
    return None if fingerprint(mapping(source)) == fingerprint(result) else "a second run gives other bytes"


SAME_BYTES = Guarantee("same_bytes", "the same input and seed give the same bytes", _same_bytes)
