"""Simple parts of models, and the corpus record of a model."""

from __future__ import annotations

import numpy as np
import trimesh

from lift3d.corpus.shape_record import record_shape
from lift3d.geometry.parts.clean import clean_parts
from lift3d.types import Material, Part


def part(mesh: trimesh.Trimesh, colour=(255, 255, 255, 255), picture=None, uv=None) -> Part:
    """The mesh as a part with one material."""
    return Part(np.asarray(mesh.vertices), np.asarray(mesh.faces), uv, None, Material("m", colour, picture))


def box(*extents: float) -> Part:
    """A red box with these extents."""
    return part(trimesh.creation.box(extents), (200, 30, 40, 255))


def shape_record(*parts: Part):
    """The corpus record of the cleaned parts."""
    return record_shape(clean_parts(list(parts)))
