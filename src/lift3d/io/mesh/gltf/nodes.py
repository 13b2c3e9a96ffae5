"""The nodes of a glTF scene: their transforms, which of them are drawn, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.io.camera.quaternion import rotation_from_quaternion
from lift3d.io.mesh.common import finite_or
from lift3d.io.mesh.gltf.document import GltfDocument, as_dict
from lift3d.types import F64


def local_matrix(node: dict[str, Any]) -> F64:
    """The node's 4x4 transform."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    rotation = np.array(node.get("rotation", [0, 0, 0, 1]), np.float64)
    translation = np.array(node.get("translation", [0, 0, 0]), np.float64)
    return _transforms(
        translation[None], rotation[None], np.array([node.get("scale", [1, 1, 1])], np.float64)
    )[0]


def _transforms(translation: F64, rotation: F64, scale: F64) -> F64:
    """(N, 4, 4) transforms of translations (N, 3), quaternions x y z w (N, 4) and scales (N, 3)."""
    matrices = np.tile(np.eye(4), (len(translation), 1, 1))
    length = np.linalg.norm(rotation, axis=1, keepdims=True)  # those of 8 bits are not quite units
    rotation = rotation / np.where(length > 0, length, 1)
    for matrix, (x, y, z, w) in zip(matrices, rotation):
        matrix[:3, :3] = rotation_from_quaternion(np.array([w, x, y, z]))
    matrices[:, :3, :3] *= scale[:, None]
    matrices[:, :3, 3] = translation
    return matrices


class Nodes:
    """The nodes of one document. Raises InputError where a node has two parents or contains itself."""

    def __init__(self, source: GltfDocument, warnings: list[str]) -> None:
        self.source, self.warnings = source, warnings
        self.count = len(source.table("nodes"))
        self.parents: dict[int, int] = {}
        for index in range(self.count):
            for child in self._children(index):
                if child in self.parents:
                    raise self._two_parents()
                self.parents[child] = index
        self._worlds: dict[int, F64] = {}

    def _two_parents(self) -> Exception:
        return damaged_file(self.source.name, "has a node with two parents")

    def _children(self, index: int) -> list[int]:
        """Indices of the children of a node; entries that are no indices are errors."""
        children = self.source.item("nodes", index).get("children", [])
        if not isinstance(children, list) or not all(isinstance(child, int) for child in children):
            raise damaged_file(self.source.name, "has a damaged list of nodes")
        return children

    def world(self, index: int) -> F64:
        """The 4x4 transform from a node to the scene."""
        path, at = [], index
        while at not in self._worlds:
            self.source.item("nodes", at)
            path.append(at)
            if len(path) > self.count:
                raise self._two_parents()
            if at not in self.parents:
                break
            at = self.parents[at]
        for step in reversed(path):
            matrix = local_matrix(self.source.item("nodes", step))
            parent = self.parents.get(step)
            self._worlds[step] = matrix if parent is None else self._worlds[parent] @ matrix
        return self._worlds[index]

    def roots(self) -> list[int]:
        """Roots of the scene that the file names, or of its first one; all roots in a file without scenes, or whose scene
        is empty."""
        scenes = self.source.table("scenes")
        if scenes:
            chosen = self.source.document.get("scene", 0)
            roots = self.source.item("scenes", chosen).get("nodes", [])
            if not isinstance(roots, list):
                raise damaged_file(self.source.name, "has a damaged list of nodes")
            if len(scenes) > 1 and "scene" not in self.source.document:
                self.warnings.append(f"{self.source.name} holds {len(scenes)} scenes; the first one is read")
            elif len(scenes) > 1:
                number = int(chosen) + 1
                self.warnings.append(
                    f"{self.source.name} holds {len(scenes)} scenes; number {number}, its default, is read"
                )
            if roots or not self.count:
                return roots
            self.warnings.append(f"the scene of {self.source.name} is empty; all its nodes are read")
        details = self._coarser()
        return [i for i in range(self.count) if i not in self.parents and i not in details]

    def _coarser(self) -> set[int]:
        """Nodes that stand in for others at a distance (MSFT_lod)."""
        details: set[int] = set()
        for index in range(self.count):
            lower = as_dict(self._extensions(index).get("MSFT_lod")).get("ids", [])
            details |= {n for n in lower if isinstance(n, int)}
        return details

    def _left_out(self, roots: list[Any]) -> int:
        """The number of meshes placed by nodes outside the scene, or by none."""
        reached: set[int] = set()
        stack = [*roots, *self._coarser()]
        while stack:
            index = stack.pop()
            if isinstance(index, int) and 0 <= index < self.count and index not in reached:
                reached.add(index)
                stack += self._children(index)
        meshes = [self.source.item("nodes", index).get("mesh") for index in range(self.count)]
        outside = sum(meshes[index] is not None for index in range(self.count) if index not in reached)
        unused = set(range(len(self.source.table("meshes")))) - {m for m in meshes if isinstance(m, int)}
        return outside + len(unused)

    def _extensions(self, index: int) -> dict[str, Any]:
        return as_dict(self.source.item("nodes", index).get("extensions"))

    def drawn(self) -> Iterator[tuple[dict[str, Any], list[F64]]]:
        """(node, its transforms to the scene) of every node with a mesh that is visible; several transforms for instances."""
        seen: set[int] = set()
        hidden = 0
        roots = self.roots()
        stack: list[Any] = list(reversed(roots))
        while stack:
            index = stack.pop()
            node = self.source.item("nodes", index)
            if index in seen:
                raise self._two_parents()
            seen.add(index)
            if as_dict(self._extensions(index).get("KHR_node_visibility")).get("visible", True) is False:
                hidden += 1
                continue
            if "mesh" in node:
                yield node, self._instances(index)
            stack += reversed(self._children(index))
        if hidden:
            self.warnings.append(
                f"{hidden} hidden object{'s are' if hidden > 1 else ' is'} left out of {self.source.name}"
            )
        outside = self._left_out(roots) if self.count else 0
        if outside:
            many = "1 mesh lies" if outside == 1 else f"{outside} meshes lie"
            left = "is" if outside == 1 else "are"
            self.warnings.append(
                f"{many} outside the scene that is read of {self.source.name} and {left} left out"
            )

    def _instances(self, index: int) -> list[F64]:
        """The node's transform, or those of its instances (EXT_mesh_gpu_instancing)."""
        world = self.world(index)
        extension = self._extensions(index).get("EXT_mesh_gpu_instancing")
        attributes = as_dict(as_dict(extension).get("attributes"))
        if not attributes:
            return [world]
        found = {
            k: self.source.accessor(v).astype(np.float64)
            for k, v in attributes.items()
            if not k.startswith("_")
        }
        counts = {len(values) for values in found.values()}
        if len(counts) > 1 or max(counts, default=0) > MAX_ELEMENTS // 8:
            raise damaged_file(
                self.source.name, "has instances whose attributes differ in length, or too many"
            )
        n = max(counts, default=0)
        defaults = {"TRANSLATION": [0, 0, 0], "ROTATION": [0, 0, 0, 1], "SCALE": [1, 1, 1]}
        values = [found.get(k, np.tile(np.array(d, np.float64), (n, 1))) for k, d in defaults.items()]
        if [v.shape[1] for v in values] != [3, 4, 3]:
            raise damaged_file(self.source.name, "has instances with damaged transforms")
        return list(world @ _transforms(*values)) if n else []


def centre_offset(source: GltfDocument) -> F64:
    """(3,) the offset of all positions that CESIUM_RTC states, in the file's frame."""
    extension = as_dict(as_dict(source.document.get("extensions")).get("CESIUM_RTC"))
    centre = extension.get("center", [0, 0, 0])
    rows = centre if isinstance(centre, list) and len(centre) == 3 else [0, 0, 0]
    return np.array([finite_or(c, 0.0) for c in rows])
