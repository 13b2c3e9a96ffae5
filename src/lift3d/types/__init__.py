"""Representations: what a value *is*. Small frozen dataclasses of arrays, checked when they are constructed; no algorithm.

Frames. Cameras follow OpenCV: x right, y down, z forward; pixel centres lie at integers + 0.5, so a point at u in [0, width)
falls in pixel floor(u). `world_to_camera` is 4x4 and maps world points to the camera frame. The world is right-handed, z up;
its unit is "m" when the scale is known and None when it is not. A `Mesh` is simply a `trimesh.Trimesh` (`mesh.units` is "m"
or None).

`views`: images, cameras, depth maps and points. `rgbd`: frames of a depth camera. `solids`: meshes, parts with materials,
voxels, and results that carry them. `heights`: height fields. `volumes`: CT, MR and their
labels. `semantics`: labels, words, embeddings and latent codes.
`arrays`: array types.
"""

from lift3d.types.arrays import F32, F64
from lift3d.types.heights import HeightField
from lift3d.types.rgbd import RgbdFrame, RgbdScan
from lift3d.types.semantics import Embedding, Label, Latent, Neighbour, Neighbours, Provenance, Words
from lift3d.types.solids import (
    GREY,
    ISO_LEVELS,
    WHITE,
    Bytes4,
    Material,
    Mesh,
    Model,
    Part,
    Plane,
    RepairResult,
    SolidPrediction,
    Surface,
    SymmetryPlane,
    Voxels,
)  # fmt: skip
from lift3d.types.views import (
    Camera,
    Depth,
    DepthMaps,
    Image,
    Photos,
    PhotoStatus,
    Points,
    Segmentation,
    Views,
)  # fmt: skip
from lift3d.types.volumes import HOUNSFIELD, Grid, Labels, Volume

__all__ = [
    "F32", "F64", "GREY", "HOUNSFIELD", "ISO_LEVELS", "WHITE", "Bytes4", "Camera", "Depth", "DepthMaps", "Embedding",
    "Grid", "HeightField", "Image", "Label", "Labels", "Latent", "Material", "Mesh", "Model", "Neighbour", "Neighbours",
    "Part", "PhotoStatus", "Photos", "Plane", "Points", "Provenance", "RepairResult", "RgbdFrame", "RgbdScan",
    "Segmentation", "SolidPrediction", "Surface", "SymmetryPlane", "Views", "Volume", "Voxels", "Words",
]  # fmt: skip
