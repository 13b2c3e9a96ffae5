"""From a model to the target that is explained, and from the attribution of its voxels to colours of its vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from scipy import ndimage

from lift3d.geometry.image.diverging import NEUTRAL, overlay
from lift3d.geometry.parts.clean import clean_parts
from lift3d.geometry.parts.convert import mesh_to_part, model_to_mesh
from lift3d.geometry.texture.subdivide import split_long_edges
from lift3d.maps.voxels_to_label import grid_transform, inference_options, resample_to_network_grid
from lift3d.pipelines.arguments import ModelSource, load_model_parts, name_of
from lift3d.pipelines.classify import load_shape
from lift3d.pipelines.explanations.explanation import full_scale
from lift3d.pipelines.explanations.request import Request, category_index
from lift3d.types import F32, F64, Mesh

if TYPE_CHECKING:
    from lift3d.inference.attribution.target import Target

LONGEST_EDGE = 1 / 80
"""Longest edge of the coloured mesh by the model's longest side, so that the colours of voxels can be seen."""
MAX_FACES = 400_000
REACH = 0.9
"""Standard deviation in voxels of the weights with which the attribution around a vertex is summed."""


@dataclass(frozen=True, eq=False)
class ModelInput:
    """target: what is explained. to_grid (4, 4): from the coordinates of the model to indices of the network's grid. category: of
    a label. notes: sentences on what was cleaned."""

    target: Target
    to_grid: F64
    category: str | None
    notes: list[str]


def prepare_model(model: ModelSource, request: Request, up: str) -> ModelInput:
    """The target of a request on a model. InputError for a model without a shape and a request that does not fit."""
    shape = load_shape(model, up)
    cleaned = clean_parts(load_model_parts(model, up).parts)
    to_canonical = np.diag([cleaned.scale] * 3 + [1.0])
    to_canonical[:3, 3] = -np.array(cleaned.shift) * cleaned.scale
    to_index = np.asarray(np.linalg.inv(shape.voxels.affine) @ to_canonical, np.float64)
    if request.what == "embedding":
        from lift3d.inference.attribution.voxel_targets import embedding_target
        from lift3d.inference.embedding import EmbeddingNetwork, voxelize_parts

        space = EmbeddingNetwork(request.weights)
        voxels, colours = voxelize_parts(shape.parts, space.coloured)
        return ModelInput(embedding_target(space, voxels, colours), to_index, None, shape.notes)
    from lift3d.inference.attribution.voxel_targets import voxel_label_target
    from lift3d.inference.networks import load_network

    net, found = load_network("voxels_to_label", request.weights)
    names = found.require_labels()
    chosen = category_index(request.category, names)
    full = resample_to_network_grid(shape.voxels)
    bias = float(inference_options(found)["identity_bias"])
    target, category, where = voxel_label_target(net, found, full, chosen, bias)
    to_grid: F64 = where.to_grid @ grid_transform(shape.voxels) @ to_index
    return ModelInput(target, to_grid, names[category], shape.notes)


def coloured_mesh(model: ModelSource, up: str, values: F32, to_grid: F64) -> tuple[Mesh, float]:
    """The model, z up, with vertex colours, finely divided, and the value of the full colour.

    values (X, Y, Z): attribution of voxels; to_grid: see `ModelInput`. Textures are left out."""
    mesh = model_to_mesh(load_model_parts(model, up), name_of(model, "the model"))
    part = mesh_to_part(mesh)
    side = float(np.ptp(part.vertices[part.faces].reshape(-1, 3), axis=0).max())
    corners = np.zeros((len(part.faces), 3, 1))
    v, f, _, _ = split_long_edges(
        part.vertices, part.faces.astype(np.int32), corners, side * LONGEST_EDGE, MAX_FACES
    )
    smooth = ndimage.gaussian_filter(values.astype(np.float32), REACH, mode="constant")
    at = v @ to_grid[:3, :3].T + to_grid[:3, 3]
    seen: F32 = ndimage.map_coordinates(smooth, at.T, np.float32, 1, mode="nearest")
    scale = full_scale(seen)
    paint = overlay(seen, scale, np.full((len(v), 3), NEUTRAL, np.uint8))
    rgba = np.column_stack([paint, np.full(len(v), 255, np.uint8)])
    out = trimesh.Trimesh(v, f, vertex_colors=rgba, process=False)
    if mesh.units is not None:
        out.units = mesh.units
    return out, scale
