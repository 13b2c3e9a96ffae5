"""Skins of glTF: vertices placed by their joints in the pose in which the file states its nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.io.mesh.gltf.document import GltfDocument
from lift3d.io.mesh.gltf.vertices import Primitive
from lift3d.types import F64


def joint_matrices(source: GltfDocument, index: object, world: Callable[[int], F64]) -> F64:
    """(J, 4, 4) from the space of the skinned mesh to the scene, for each joint: its node's transform times the inverse of
    its bind matrix."""
    skin = source.item("skins", index)
    joints = skin.get("joints")
    if not isinstance(joints, list) or not joints:
        raise damaged_file(source.name, "has a skin without joints")
    matrices = np.array([world(joint) for joint in joints])
    if "inverseBindMatrices" in skin:
        inverse = source.accessor(skin["inverseBindMatrices"])
        if inverse.shape[1] != 16 or len(inverse) < len(joints):
            raise damaged_file(source.name, "has a skin whose matrices do not match its joints")
        matrices = matrices @ inverse[: len(joints)].reshape(-1, 4, 4).swapaxes(1, 2).astype(np.float64)
    return matrices


def skinned(primitive: Primitive, matrices: F64) -> tuple[F64, NDArray[np.bool_]] | None:
    """(vertices (V, 3) in the scene, (V,) whether a vertex's transform reflects), or None for a primitive without joints.

    Linear blend skinning by all sets of JOINTS_n and WEIGHTS_n. Weights are normalised; a vertex without weight follows its
    first joint.
    """
    joints, weights, number = [], [], 0
    while f"JOINTS_{number}" in primitive.attributes and f"WEIGHTS_{number}" in primitive.attributes:
        joint, weight = primitive.attribute(f"JOINTS_{number}"), primitive.fraction(f"WEIGHTS_{number}")
        assert joint is not None and weight is not None
        if joint.shape != weight.shape:
            raise damaged_file(primitive.source.name, "has joints that do not match their weights")
        joints.append(joint.astype(np.int64))
        weights.append(np.maximum(np.nan_to_num(weight), 0))
        number += 1
    if not joints:
        return None
    joint, weight = np.concatenate(joints, 1), np.concatenate(weights, 1)
    total = weight.sum(1)
    weight[total <= 0, 0] = 1
    weight /= np.where(total > 0, total, 1)[:, None]
    joint = np.where(weight > 0, joint, 0)
    if joint.size and (joint.min() < 0 or joint.max() >= len(matrices)):
        raise damaged_file(primitive.source.name, "has vertices that refer to joints out of range")
    placed = np.zeros((len(primitive.xyz), 3))
    linear = np.zeros((len(primitive.xyz), 3, 3))
    for k in range(joint.shape[1]):
        if weight[:, k].any():
            matrix = matrices[joint[:, k]] * weight[:, k, None, None]
            placed += np.einsum("vij,vj->vi", matrix[:, :3, :3], primitive.xyz) + matrix[:, :3, 3]
            linear += matrix[:, :3, :3]
    return placed, np.linalg.det(linear) < 0
