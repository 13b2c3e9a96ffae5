"""Wavefront OBJ as packages hold it: `io.obj`, whose errors of damaged text become one clear error here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.io.mesh import obj
from lift3d.types import Material, Part


def read(data: bytes, path: Path, given: dict[str, Material] | None = None) -> list[Part]:
    """One part per material; textures that cannot be had are left out. Raises InputError for a damaged file."""
    try:
        with np.errstate(all="ignore"):
            return [validate_part(part, path.name) for part in obj.read(data, path, given, bare=True).parts]
    except (ValueError, LookupError, OverflowError, TypeError, OSError) as error:
        raise damaged_file(path.name, "is damaged or has words where numbers should be") from error
