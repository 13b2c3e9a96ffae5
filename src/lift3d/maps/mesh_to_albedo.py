"""A textured mesh to the same mesh without the light in its texture: albedo in place of lit colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.texture.delight import remove_shading
from lift3d.mapping import Card, Guarantee, Mapping, register
from lift3d.types import Mesh
from lift3d.units import set_unit

NAME = "mesh_to_albedo"


def _same_shape(mapping: Mapping[Any, Any], source: Mesh, result: Mesh) -> str | None:
    """None, or that vertices, faces or texture coordinates differ."""
    first, second = getattr(source.visual, "uv", None), getattr(result.visual, "uv", None)
    pairs = ((source.vertices, result.vertices), (source.faces, result.faces), (first, second))
    return (
        None
        if all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)
        else "the mesh is another one"
    )


SAME_SHAPE = Guarantee("same_shape", "vertices, faces and texture coordinates stay as they are", _same_shape)


@register(
    Card(
        NAME, "Mesh", "Mesh",
        (SAME_SHAPE, SAME_BYTES),
        reference="Ramamoorthi & Hanrahan 2001; Zhukov, Iones & Kronin 1998",
    )
)  # fmt: skip
@dataclass(frozen=True)
class MeshToAlbedo(Mapping[Mesh, Mesh]):
    """Divides the estimated shading out of the texture."""

    def apply(self, source: Mesh, context: Context) -> Mesh:
        """The mesh with its albedo. InputError without a texture."""
        context.progress(NAME, 0.0)
        try:
            out, light = remove_shading(source)
        except ValueError as error:
            raise InputError(
                "the mesh has no texture from which light could be removed", "give a textured mesh"
            ) from error
        context.note(NAME, explained=round(light.explained, 4))
        context.progress(NAME, 1.0)
        return set_unit(out, source.units)
