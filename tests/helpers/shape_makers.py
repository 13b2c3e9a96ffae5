"""Simple parts, and the corpus record that is made of them."""

from __future__ import annotations

import numpy as np
import trimesh

from lift3d.corpus.shape_record import record_shape
from lift3d.geometry.parts.clean import clean_parts
from lift3d.types import Material, Part


def part(mesh: trimesh.Trimesh, colour=(255, 255, 255, 255), picture=None, uv=None) -> Part:
    return Part(np.asarray(mesh.vertices), np.asarray(mesh.faces), uv, None, Material("m", colour, picture))


def box(*extents: float) -> Part:
    return part(trimesh.creation.box(extents), (200, 30, 40, 255))


def made(*parts: Part):
    return record_shape(clean_parts(list(parts)))
