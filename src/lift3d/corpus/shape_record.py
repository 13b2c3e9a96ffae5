"""The data that the corpus stores of a shape: voxels, surface samples, a simplified mesh, and measures.

Frame and grid are those of `geometry.voxels.canonical_frame`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.descriptor import describe
from lift3d.geometry.mesh.solidity import is_closed
from lift3d.geometry.parts.clean import CleanedParts
from lift3d.geometry.parts.convert import concatenate_parts
from lift3d.geometry.parts.sampling import SAMPLES, SurfaceSamples, sample_parts
from lift3d.geometry.parts.simplify import simplify_parts
from lift3d.geometry.voxels.canonical_frame import canonical_grid, inside_and_touched
from lift3d.io.mesh import glb_writer as glb
from lift3d.types import F64, Part

MAX_FACES = 6000
"""Maximum number of faces of a stored mesh, approximately."""
TEXTURE_SIZE = 256
"""Maximum long side of a stored texture in pixels."""
JPEG_QUALITY = 88
MIN_THICKNESS = 0.25
"""Mean thickness in voxels below which a shape counts as thin: sheets, nets, wires, leaves."""


@dataclass(frozen=True, eq=False)
class ShapeRecord:
    """The record of one shape in the corpus.

    inside, surface_voxels: (64, 64, 64) bool, voxels whose centre is inside and voxels that the surface touches.
    surface: samples of the surface. mesh: the simplified mesh as GLB. descriptor: (D,) float32, see `describe`.
    faces: counts before and after simplification. thickness: mean thickness in voxels. closed: every edge has two faces
    once vertices at one position are merged. textured: some part has a texture. digest: sha256 of the cleaned geometry.
    """

    inside: NDArray[np.bool_]
    surface_voxels: NDArray[np.bool_]
    surface: SurfaceSamples
    mesh: bytes
    descriptor: NDArray[np.float32]
    faces: tuple[int, int]
    thickness: float
    closed: bool
    textured: bool
    digest: str

    @property
    def thin(self) -> bool:
        """Whether the shape has hardly any interior."""
        return self.thickness < MIN_THICKNESS


def record_shape(cleaned: CleanedParts) -> ShapeRecord:
    """The record of a cleaned model; the same model gives the same record."""
    parts = cleaned.parts
    v, f = concatenate_parts(parts)
    step = canonical_grid()[1]
    solid, touched = inside_and_touched(v, f)
    surface = sample_parts(parts, SAMPLES)
    kept = shrink_textures(simplify_parts(parts, MAX_FACES), TEXTURE_SIZE)
    area = surface.area
    return ShapeRecord(
        inside=solid,
        surface_voxels=touched,
        surface=surface,
        mesh=glb.write(kept, None, lossy=JPEG_QUALITY),
        descriptor=describe(surface.points, surface.normals, touched),
        faces=(len(f), sum(len(part.faces) for part in kept)),
        thickness=2 * float(solid.sum()) * step**3 / max(area, 1e-12) / step,
        closed=is_closed(v, f),
        textured=any(part.uv is not None and part.material and part.material.texture for part in kept),
        digest=_digest(v, f),
    )


def shrink_textures(parts: list[Part], side: int) -> list[Part]:
    """The parts with textures of at most `side` pixels on the long side; textures without coordinates are removed."""
    shrunk = {}
    out = []
    for part in parts:
        material = part.material
        if material is not None and material.texture is not None:
            picture = material.texture
            if part.uv is None:
                material = replace(material, texture=None)
            else:
                if id(picture) not in shrunk:
                    small = picture.copy()
                    small.thumbnail((side, side))
                    shrunk[id(picture)] = small
                material = replace(material, texture=shrunk[id(picture)])
        uv = part.uv if material is not None and material.texture is not None else None
        out.append(replace(part, material=material, uv=uv))
    return out


def _digest(v: F64, f: NDArray[np.int32]) -> str:
    """SHA-256 of the triangles rounded to 1e-4, independent of their order and of the rotation of their corners."""
    t = np.rint(v[f] * 1e4).astype(np.int32)
    order = np.lexsort(t.reshape(-1, 3).T[::-1]).argsort().reshape(-1, 3)  # rank of each corner
    t = np.take_along_axis(t, order.argsort(1)[:, :, None], 1).reshape(-1, 9)
    t = np.unique(t, axis=0)
    return hashlib.sha256(t.tobytes()).hexdigest()
