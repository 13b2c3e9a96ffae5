"""Vertices and triangles of a primitive of glTF: attributes with their morph targets, triangle lists, strips and fans."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.io.mesh.common import finite_or
from lift3d.io.mesh.gltf.document import GltfDocument, as_dict
from lift3d.io.mesh.gltf.extensions import COMPRESSION, unread
from lift3d.types import F64

TRIANGLES, STRIP, FAN = 4, 5, 6


class Primitive:
    """The arrays of one primitive with morph targets applied by `weights` (of the node, or of the mesh)."""

    def __init__(self, source: GltfDocument, entry: dict[str, Any], weights: object) -> None:
        self.source, self.entry = source, entry
        self.attributes = as_dict(entry.get("attributes"))
        for extension in as_dict(entry.get("extensions")):
            position = self.attributes.get("POSITION")
            if extension in COMPRESSION and not self._has_data(position):
                raise unread(source.name, extension)
        targets = entry.get("targets")
        rows = weights if isinstance(weights, list) else []
        pairs = zip(targets if isinstance(targets, list) else [], rows)
        self.targets = [(as_dict(t), w) for t, weight in pairs if (w := finite_or(weight, 0.0)) != 0]
        self.xyz = self._morphed("POSITION")
        if self.xyz.shape[1] != 3:
            raise damaged_file(source.name, "has positions that are not three numbers each")

    def _has_data(self, index: object) -> bool:
        """Whether an accessor exists and refers to data."""
        rows = self.source.table("accessors")
        entry = rows[index] if isinstance(index, int) and 0 <= index < len(rows) else {}
        return bool(as_dict(entry).keys() & {"bufferView", "sparse"})

    def _morphed(self, name: str) -> NDArray[Any]:
        """The values of an attribute, float64, plus its weighted morph targets."""
        values = self.source.accessor(self.attributes[name]).astype(np.float64)
        for target, weight in self.targets:
            if name not in target:
                continue
            moved = self.source.accessor(target[name])
            if moved.shape[0] != values.shape[0] or moved.shape[1] > values.shape[1]:
                raise damaged_file(self.source.name, "has morph targets that do not match their vertices")
            values[:, : moved.shape[1]] += weight * moved
        return values

    def attribute(self, name: str) -> F64 | None:
        """(V, width) values of an attribute, or None where the primitive has none. Raises InputError for another length."""
        if name not in self.attributes:
            return None
        values = self._morphed(name)
        if len(values) != len(self.xyz):
            raise damaged_file(self.source.name, f"has {name} that does not match its vertices")
        return values

    def fraction(self, name: str) -> F64 | None:
        """As `attribute`, for values in [0, 1]: integers without the flag `normalized`, a common defect, are scaled too."""
        values = self.attribute(name)
        if values is None:
            return None
        entry = self.source.item("accessors", self.attributes[name])
        largest = {5121: 255.0, 5123: 65535.0, 5125: 4294967295.0}.get(entry.get("componentType", 0))
        return values / largest if largest and not entry.get("normalized") else values

    def faces(self) -> NDArray[np.int64]:
        """(F, 3) triangles of the primitive's mode."""
        mode = self.entry.get("mode", TRIANGLES)
        if "indices" not in self.entry:
            return triangles(np.arange(len(self.xyz)), mode)
        index = self.source.accessor(self.entry["indices"]).reshape(-1).astype(np.int64)
        kind = self.source.item("accessors", self.entry["indices"]).get("componentType")
        restart = {5121: 0xFF, 5123: 0xFFFF}.get(int(kind or 0), 0xFFFFFFFF)
        if restart < len(self.xyz) or not (index == restart).any():
            return triangles(index, mode)
        pieces = np.split(index, np.flatnonzero(index == restart))
        runs = [piece[piece != restart] for piece in pieces]
        return np.concatenate([triangles(run, mode) for run in runs])


def triangles(index: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(F, 3) triangles of an index list: mode 4 list, 5 strip, 6 fan. Degenerate ones, which join strips, are left out."""
    if mode == TRIANGLES:
        return index[: len(index) // 3 * 3].reshape(-1, 3)
    if len(index) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == FAN:
        return np.column_stack([np.full(len(index) - 2, index[0]), index[1:-1], index[2:]])
    strip = np.column_stack([index[:-2], index[1:-1], index[2:]])
    strip[1::2] = strip[1::2, [1, 0, 2]]
    return strip[(strip[:, 0] != strip[:, 1]) & (strip[:, 1] != strip[:, 2]) & (strip[:, 0] != strip[:, 2])]


def transform_uv(uv: F64, transform: dict[str, Any]) -> F64:
    """KHR_texture_transform of uv (V, 2) with v down: scale, rotate counter-clockwise as seen, then offset."""
    if not transform:
        return uv
    scale, offset = transform.get("scale", [1, 1]), transform.get("offset", [0, 0])
    angle = finite_or(transform.get("rotation", 0.0), 0.0)
    c, s = np.cos(angle), np.sin(angle)
    return (uv * np.array(scale, np.float64)) @ np.array([[c, -s], [s, c]]) + np.array(offset, np.float64)
