"""Representations: what a value *is*. Small frozen dataclasses of arrays, checked when they are made; no algorithm.

Frames. Cameras follow OpenCV: x right, y down, z forward; pixel centres lie at integer + 0.5, so a point
at u in [0, width) falls in pixel floor(u). `world_to_camera` is 4x4 and maps world points to the camera
frame. The world is right-handed; its unit is "m" when the scale is known and None when it is not.
A `Mesh` is simply a `trimesh.Trimesh` (`mesh.units` is "m" or None).

`views`: images, cameras, depth maps and points. `solids`: meshes, parts with materials, voxels. `semantics`: labels,
words, embeddings and latent codes. `arrays`: array types.
"""

from lift3d.types.arrays import F32, F64
from lift3d.types.semantics import Embedding, Label, Latent, Neighbour, Neighbours, Words
from lift3d.types.solids import (
    GREY,
    WHITE,
    Bytes4,
    Material,
    Mesh,
    Model,
    Part,
    SolidPrediction,
    SymmetryPlane,
    Voxels,
)
from lift3d.types.views import Camera, Depth, DepthMaps, Image, Photos, Points, Views

__all__ = [
    "F32", "F64", "GREY", "WHITE", "Bytes4", "Camera", "Depth", "DepthMaps", "Embedding", "Image", "Label", "Latent",
    "Material", "Mesh", "Model", "Neighbour", "Neighbours", "Part", "Photos", "Points", "SolidPrediction",
    "SymmetryPlane", "Views", "Voxels", "Words",
]  # fmt: skip
