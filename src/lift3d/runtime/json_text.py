"""Reports as JSON text: arrays, paths and dataclasses become plain values."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np


def jsonable(value: Any) -> Any:
    """Evidence as JSON values: numpy arrays become lists, paths and keys become text, numbers that are not finite become null."""
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return jsonable(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [
            jsonable(v) for v in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)
        ]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return str(value)


def to_json(value: Any) -> str:
    """Readable JSON text with a newline at its end."""
    return json.dumps(jsonable(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
