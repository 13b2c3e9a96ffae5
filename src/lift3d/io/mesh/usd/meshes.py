"""Drawn prims of USD as parts: polygons cut into triangles, one part for each material, with textures or colours by corner."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.geometry.parts.convert import MAX_ELEMENTS
from lift3d.geometry.parts.texture_wrapping import TextureWrapper
from lift3d.io.mesh.polygons import triangulate
from lift3d.io.mesh.usd.materials import Look, Looks, srgb_bytes
from lift3d.io.mesh.usd.placement import Drawn
from lift3d.io.mesh.usd.primvars import by_corner, display_colour, uv_names
from lift3d.io.mesh.usd.shapes import NAMES, Polygons, polygons
from lift3d.io.mesh.usd.skeletons import Pose
from lift3d.types import F64, WHITE, Material, Part

I64 = NDArray[np.int64]


class Meshes:
    """The parts of the drawn prims of one stage, in its frame. `warnings` gains what could not be represented."""

    def __init__(
        self, pxr: Any, looks: Looks, poses: dict[str, Pose], name: str, warnings: list[str]
    ) -> None:
        self.pxr, self.looks, self.poses, self.name, self.warnings = pxr, looks, poses, name, warnings
        self.time = pxr.Usd.TimeCode.EarliestTime()
        self.total = 0
        self.subdivided = 0
        self._wrapper = TextureWrapper()
        self._materials: dict[tuple[Any, ...], Material] = {}

    def parts(self, drawn: Drawn) -> list[Part]:
        """The parts of one prim with all its instances."""
        prim, matrices = drawn.prim, drawn.matrices
        shape = self._polygons(prim)
        pose = self.poses.get(str(prim.GetPath()))
        if pose is not None and len(matrices) == 1 and len(pose[0]) == len(shape.points):
            shape, matrices = Polygons(pose[0], shape.counts, shape.index), pose[1][None]
        self.total += (len(shape.index) + len(shape.points)) * len(matrices)
        if self.total > MAX_ELEMENTS:
            raise damaged_file(self.name, f"holds more than {MAX_ELEMENTS} vertices and corners")
        if (shape.counts < 0).any() or shape.counts.sum() != len(shape.index):
            raise damaged_file(self.name, "has face counts that do not match its indices")
        n = len(shape.points)
        if len(shape.index) and (shape.index.min() < 0 or shape.index.max() >= n):
            raise damaged_file(
                self.name, f"has faces that refer to vertices out of range (there are {n} vertices)"
            )
        orientation = self.pxr.UsdGeom.Gprim(prim).GetOrientationAttr().Get()
        turned = (np.linalg.det(matrices[:, :3, :3]) < 0) != (orientation == "leftHanded")
        return [_repeated(part, matrices, turned) for part in self._faces(prim, shape)]

    def _polygons(self, prim: Any) -> Polygons:
        """The polygons of a mesh, a tetrahedral mesh or an implicit shape, in its own frame."""
        geometry, kind = self.pxr.UsdGeom, str(prim.GetTypeName())
        if kind in NAMES:
            return polygons(kind, self._attribute(prim))
        points = np.array(geometry.PointBased(prim).GetPointsAttr().Get(self.time) or [], np.float64)
        if kind == "TetMesh":
            tet = geometry.TetMesh(prim)
            faces = tet.GetSurfaceFaceVertexIndicesAttr().Get(self.time)
            if not faces:
                faces = geometry.TetMesh.ComputeSurfaceFaces(tet, self.time)
            index = np.array(faces, np.int64).reshape(-1)
            return Polygons(points.reshape(-1, 3), np.full(len(index) // 3, 3), index)
        mesh = geometry.Mesh(prim)
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get(self.time) or [], np.int64)
        index = np.array(mesh.GetFaceVertexIndicesAttr().Get(self.time) or [], np.int64)
        scheme = mesh.GetSubdivisionSchemeAttr()
        smooth = scheme.Get() != "none" and not mesh.GetNormalsAttr().HasAuthoredValue()
        self.subdivided += bool(smooth and scheme.HasAuthoredValue())
        return Polygons(points.reshape(-1, 3), counts, index)

    def _attribute(self, prim: Any) -> Any:
        def value(name: str, default: Any) -> Any:
            attribute = prim.GetAttribute(name)
            found = attribute.Get(self.time) if attribute else None
            return default if found is None else found

        return value

    def _faces(self, prim: Any, shape: Polygons) -> list[Part]:
        """One part for each material of a prim, in its own frame."""
        geometry = self.pxr.UsdGeom
        triangles = triangulate(shape.counts, shape.index, shape.points)
        self.warnings += [note for note in triangles.notes() if note not in self.warnings]
        owner, corners = triangles.polygon, triangles.corners
        holes = geometry.Mesh(prim).GetHoleIndicesAttr() if prim.IsA(geometry.Mesh) else None
        if holes and holes.Get(self.time):
            solid = ~np.isin(owner, np.array(holes.Get(self.time), np.int64))
            owner, corners = owner[solid], corners[solid]
        default = self.looks.bound(prim)
        groups: list[tuple[NDArray[np.bool_], Look | None]] = []
        rest = np.ones(len(owner), bool)
        for subset in geometry.Subset.GetGeomSubsets(geometry.Imageable(prim), "face", "materialBind"):
            chosen = np.isin(owner, np.array(subset.GetIndicesAttr().Get(self.time) or [], np.int64)) & rest
            look = self.looks.bound(subset.GetPrim())
            groups.append((chosen, look))
            rest &= ~chosen
        groups.append((rest, default))
        return [self._part(prim, shape, corners[chosen], look) for chosen, look in groups if chosen.any()]

    def _part(self, prim: Any, shape: Polygons, corners: I64, look: Look | None) -> Part:
        """The part of triangles (F, 3), positions of corners, with one look."""
        material = look.material if look is not None else None
        if material is not None and material.texture is not None and look is not None:
            uv = self._uv(prim, shape, look)
            if uv is not None:
                points, faces, values = _split(shape, corners, uv)
                values, picture = self._wrapper.repeating(values, material.texture, look.wraps)
                key = (id(material), id(picture))
                known = Material(material.name, material.colour, picture)
                return Part(points, faces, values, None, self._materials.setdefault(key, known))
            self.warnings.append(
                f"the texture of the material {material.name} is left out where a mesh has no texture coordinates"
            )
            material = Material(material.name, material.colour)
        name = "displayColor" if look is None else look.colours
        colour = display_colour(self.pxr, prim, shape.index, shape.counts, name) if name else None
        if colour is None:
            return Part(shape.points, shape.index[corners], None, None, material)
        points, faces, values = _split(shape, corners, colour)
        alpha = np.clip(values[:, 3], 0, 1) * ((material.colour[3] if material else 255) / 255)
        rgba = np.column_stack([srgb_bytes(values[:, :3]), np.rint(alpha * 255)]).astype(np.uint8)
        if material is not None:
            material = Material(material.name, WHITE)
        return Part(points, faces, None, rgba, material)

    def _uv(self, prim: Any, shape: Polygons, look: Look) -> F64 | None:
        """(corners, 2) texture coordinates, v up, as the look's shaders find and transform them."""
        for name in uv_names(self.pxr, prim, look.uv):
            uv = by_corner(self.pxr, prim, name, shape.index, shape.counts, (2, 3))
            if uv is not None:
                uv = np.nan_to_num(uv[:, :2])
                if look.transform is not None:
                    uv = uv @ look.transform[:2, :2] + look.transform[2, :2]
                return uv
        return None


def _split(shape: Polygons, corners: I64, values: F64) -> tuple[F64, I64, F64]:
    """(points, faces, values by vertex): vertices are split where their corners have different values."""
    flat = corners.reshape(-1)
    keys = np.column_stack([shape.index[flat].astype(np.float64), values[flat]])
    unique, inverse = np.unique(keys, axis=0, return_inverse=True)
    return shape.points[unique[:, 0].astype(np.int64)], inverse.reshape(-1, 3), unique[:, 1:]


def _repeated(part: Part, matrices: F64, turned: NDArray[np.bool_]) -> Part:
    """The part once for each matrix (N, 4, 4); the triangles of `turned` (N,) instances change their orientation."""
    n, instances = len(part.vertices), len(matrices)
    linear, shift = matrices[:, :3, :3], matrices[:, 3, :3]
    world = np.einsum("vi,nij->nvj", part.vertices, linear) + shift[:, None]
    faces = np.where(turned[:, None, None], part.faces[None, :, ::-1], part.faces[None])
    faces = faces + (np.arange(instances) * n)[:, None, None]
    uv = None if part.uv is None else np.tile(part.uv, (instances, 1))
    colours = None if part.colours is None else np.tile(part.colours, (instances, 1))
    return Part(world.reshape(-1, 3), faces.reshape(-1, 3), uv, colours, part.material)
