"""Wavefront OBJ in packages, read by `io.mesh.obj.reader`; every error of damaged text becomes an InputError."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import validate_part
from lift3d.io.mesh.obj import reader
from lift3d.types import Material, Part


def read(data: bytes, path: Path, materials: dict[str, Material] | None = None) -> list[Part]:
    """One part per material, Y up or Z up as in the file; textures that cannot be read are left out.

    materials: by name, overriding those of the file. Raises InputError for a damaged file.
    """
    try:
        with np.errstate(all="ignore"):
            return [validate_part(part, path.name) for part in reader.read(data, path, materials).parts]
    except (ValueError, LookupError, OverflowError, TypeError, OSError) as error:
        raise damaged_file(path.name, "is damaged or has text where numbers should be") from error
