"""USDZ in (the extra `usdz`): every mesh of the scene with its subsets, colours and preview texture.

The archive is checked before OpenUSD opens it, and a layer that refers to anything outside the archive is refused.
Untrusted files are read through `usdz_worker`.
"""

from __future__ import annotations

import posixpath
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, MissingExtra, damaged_file
from lift3d.geometry.image.colour_space import linear_to_srgb
from lift3d.geometry.parts.convert import MAX_ELEMENTS, y_up_to_z_up
from lift3d.io.mesh import zip_archive as archives
from lift3d.io.mesh.common import decode_texture
from lift3d.io.mesh.polygons import triangulate
from lift3d.types import WHITE, Bytes4, Material, Model, Part

_LAYERS = (".usd", ".usda", ".usdc")


def open_usd() -> Any:
    """The package pxr with the modules used here loaded; MissingExtra where it is not installed."""
    try:
        import pxr
        from pxr import Gf, Sdf, Tf, Usd, UsdGeom, UsdShade, Vt  # noqa: F401
    except ImportError as error:
        raise MissingExtra("USDZ", "usdz") from error
    return pxr


def _srgb(values: NDArray[Any]) -> NDArray[np.uint8]:
    """sRGB bytes of linear colours in [0, 1]."""
    return np.rint(linear_to_srgb(np.clip(np.nan_to_num(np.asarray(values, np.float64)), 0, 1)) * 255).astype(
        np.uint8
    )


def read(data: bytes, path: Path) -> Model:
    """All meshes of the first layer's scene, Z up. Raises InputError for a damaged file."""
    pxr = open_usd()
    archive = archives.Archive(data, path.name)
    layers = [n for n in archive.names() if n.lower().endswith(_LAYERS)]
    if not layers:
        raise damaged_file(path.name, "is a zip archive without a USD layer")
    with tempfile.TemporaryDirectory() as folder:
        for name in layers:
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
        try:
            for name in layers:
                layer = pxr.Sdf.Layer.FindOrOpen(str(Path(folder, name)))
                for reference in layer.GetCompositionAssetDependencies() if layer else []:
                    inside = posixpath.normpath(posixpath.join(posixpath.dirname(name), reference))
                    if reference and inside not in archive.entries:
                        raise InputError(
                            f"{path.name} refers to a file outside it ({reference[:80]!r})",
                            "export it with all its files",
                        )
            stage = pxr.Usd.Stage.Open(str(Path(folder, layers[0])))
            return _model(pxr, stage, archive, layers[0], path.name)
        except pxr.Tf.ErrorException as error:
            raise damaged_file(path.name, "is damaged") from error


def _model(pxr: Any, stage: Any, archive: archives.Archive, root: str, name: str) -> Model:
    geometry, usd = pxr.UsdGeom, pxr.Usd
    transforms = geometry.XformCache(usd.TimeCode.EarliestTime())
    y_up = geometry.GetStageUpAxis(stage) == geometry.Tokens.y
    unit: str | None = "m"
    scale = float(geometry.GetStageMetersPerUnit(stage))
    if stage.GetRootLayer().customLayerData.get("lift3d_unit") == "null":
        unit, scale = None, 1.0
    parts: list[Part] = []
    materials: dict[str, Material] = {}
    warnings: list[str] = []
    total = 0
    for prim in stage.Traverse(usd.TraverseInstanceProxies(usd.PrimDefaultPredicate)):
        if not prim.IsA(geometry.Mesh):
            continue
        mesh = geometry.Mesh(prim)
        xyz = np.array(mesh.GetPointsAttr().Get(usd.TimeCode.EarliestTime()), np.float64).reshape(-1, 3)
        matrix = np.array(transforms.GetLocalToWorldTransform(prim))  # row vectors
        world = (xyz @ matrix[:3, :3] + matrix[3, :3]) * scale
        world = y_up_to_z_up(world) if y_up else world
        flip = (np.linalg.det(matrix[:3, :3]) < 0) != (mesh.GetOrientationAttr().Get() == "leftHanded")
        counts = np.array(mesh.GetFaceVertexCountsAttr().Get(usd.TimeCode.EarliestTime()), np.int64)
        index = np.array(mesh.GetFaceVertexIndicesAttr().Get(usd.TimeCode.EarliestTime()), np.int64)
        total += len(index) + len(xyz)
        if total > MAX_ELEMENTS or (counts < 0).any() or counts.sum() != len(index):
            raise damaged_file(name, "has face counts that do not match its indices")
        if len(index) and (index.min() < 0 or index.max() >= len(world)):
            raise damaged_file(
                name, f"has faces that refer to vertices out of range (there are {len(world)} vertices)"
            )
        parts += _faces(pxr, prim, world, counts, index, flip, archive, root, materials, warnings)
    return Model(parts, unit, warnings)


def _faces(
    pxr: Any,
    prim: Any,
    world: Any,
    counts: Any,
    index: Any,
    flip: bool,
    archive: archives.Archive,
    root: str,
    materials: dict[str, Material],
    warnings: list[str],
) -> list[Part]:
    """One part for each material of a mesh; world: (V, 3); counts: corners per face; index: vertex of each corner."""
    geometry = pxr.UsdGeom
    triangles = triangulate(counts, index, world)
    owner, position = triangles.polygon, triangles.corners
    warnings += triangles.notes()
    if flip:
        position = position[:, ::-1]
    default = _bound(pxr, prim, archive, root, materials, warnings)
    groups = [(np.ones(len(owner), bool), default)]
    subsets = geometry.Subset.GetGeomSubsets(geometry.Imageable(prim), "face", "materialBind")
    if subsets:
        groups, rest = [], np.ones(len(owner), bool)
        for subset in subsets:
            chosen = np.isin(owner, np.array(subset.GetIndicesAttr().Get(), np.int64))
            bound = _bound(pxr, subset.GetPrim(), archive, root, materials, warnings)
            groups.append((chosen & rest, bound))
            rest &= ~chosen
        groups.append((rest, default))
    uv = _primvar(pxr, prim, ("st", "UVMap", "st0", "st1"), index, counts, 2)
    colour = _primvar(pxr, prim, ("displayColor",), index, counts, 3)
    parts = []
    for chosen, material in groups:
        corners = position[chosen]
        if not len(corners):
            continue
        flat = corners.reshape(-1)
        textured = uv is not None and material is not None and material.texture is not None
        extra = uv if textured else colour if material is None else None
        if extra is None:
            parts.append(Part(world, index[corners], None, None, material))
            continue
        keys = np.column_stack([index[flat].astype(np.float64), extra[flat]])
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        xyz, values, faces = world[unique[:, 0].astype(np.int64)], unique[:, 1:], inverse.reshape(-1, 3)
        if textured:
            parts.append(Part(xyz, faces, values, None, material))
        else:
            rgba = np.column_stack([_srgb(values), np.full(len(values), 255)]).astype(np.uint8)
            parts.append(Part(xyz, faces, None, rgba, None))
    return parts


def _primvar(pxr: Any, prim: Any, names: tuple[str, ...], index: Any, counts: Any, width: int) -> Any:
    """(corners, width) values of the first of these primvars that exists, for any interpolation; None without."""
    api = pxr.UsdGeom.PrimvarsAPI(prim)
    for name in names:
        primvar = api.GetPrimvar(name)
        if not primvar or not primvar.HasValue():
            continue
        values = np.array(primvar.ComputeFlattened(), np.float64).reshape(-1, width)
        interpolation = primvar.GetInterpolation()
        if interpolation in ("vertex", "varying") and len(index) and index.max() < len(values):
            return values[index]
        if interpolation == "faceVarying" and len(values) == len(index):
            return values
        if interpolation == "uniform" and len(values) == len(counts):
            return np.repeat(values, counts, axis=0)
        if interpolation == "constant" and len(values):
            return np.broadcast_to(values[0], (len(index), width))
    return None


def _bound(
    pxr: Any, prim: Any, archive: archives.Archive, root: str, known: dict[str, Material], warnings: list[str]
) -> Material | None:
    """The material bound to a prim: the preview surface's diffuse colour or texture."""
    material, _ = pxr.UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
    if not material:
        return None
    key = str(material.GetPath())
    if key in known:
        return known[key]
    colour: Bytes4 = WHITE
    picture = None
    surface = material.ComputeSurfaceSource()[0]
    diffuse = surface.GetInput("diffuseColor") if surface else None
    if diffuse:
        sources = diffuse.GetConnectedSources()[0]
        if sources:
            shader = pxr.UsdShade.Shader(sources[0].source.GetPrim())
            value = shader.GetInput("file").Get() if shader and shader.GetInput("file") else None
            asset = str(value.path) if value else ""
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(root), asset))
            if inside in archive.entries:
                picture = decode_texture(archive.read(inside), inside)
            else:
                warnings.append(f"the texture {asset} is missing")
        elif diffuse.Get() is not None:
            r, g, b = _srgb(np.array(diffuse.Get())).tolist()
            colour = (r, g, b, 255)
    opacity = surface.GetInput("opacity") if surface else None
    if picture is None and opacity and isinstance(opacity.Get(), float):
        colour = (*colour[:3], round(min(1.0, max(0.0, opacity.Get())) * 255))
    known[key] = Material(material.GetPrim().GetName(), colour, picture)
    return known[key]
