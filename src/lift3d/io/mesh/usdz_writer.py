"""USDZ out, Y up, metres; the extra `usdz` installs OpenUSD.

A USDZ is a zip archive of uncompressed files, each at a multiple of 64 bytes, the layer first. A model of unknown scale is
written unchanged with `customLayerData` "lift3d_unit" = "null", which the reader understands.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import srgb_to_linear
from lift3d.geometry.parts.convert import z_up_to_y_up
from lift3d.io.mesh import zip_archive as archives
from lift3d.io.mesh.common import encode_picture, has_binary_alpha
from lift3d.io.mesh.usdz_reader import open_usd
from lift3d.types import WHITE, Material, Part


def write(part: Part, unit: str | None, normals: NDArray[np.float32] | None = None) -> bytes:
    """The USDZ archive of a part with its texture; the same part gives the same bytes.

    normals: (V, 3) per vertex, Z up. Raises MissingExtra where OpenUSD is not installed.
    """
    pxr = open_usd()
    geometry, types, vt = pxr.UsdGeom, pxr.Sdf.ValueTypeNames, pxr.Vt
    stage = pxr.Usd.Stage.CreateInMemory()
    geometry.SetStageUpAxis(stage, geometry.Tokens.y)
    geometry.SetStageMetersPerUnit(stage, 1.0)
    stage.GetRootLayer().customLayerData = {"creator": "lift3d", "lift3d_unit": unit or "null"}
    top = geometry.Xform.Define(stage, "/model")
    stage.SetDefaultPrim(top.GetPrim())
    mesh = geometry.Mesh.Define(stage, "/model/mesh")
    xyz = np.ascontiguousarray(z_up_to_y_up(part.vertices).astype(np.float32))
    mesh.CreatePointsAttr(vt.Vec3fArray.FromNumpy(xyz))
    mesh.CreateFaceVertexCountsAttr(vt.IntArray.FromNumpy(np.full(len(part.faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(vt.IntArray.FromNumpy(part.faces.reshape(-1).astype(np.int32)))
    mesh.CreateSubdivisionSchemeAttr(geometry.Tokens.none)
    mesh.CreateDoubleSidedAttr(True)
    low, high = xyz.min(0).tolist(), xyz.max(0).tolist()
    mesh.CreateExtentAttr([pxr.Gf.Vec3f(*low), pxr.Gf.Vec3f(*high)])
    if normals is not None:
        rotated = np.ascontiguousarray(z_up_to_y_up(normals.astype(np.float64)).astype(np.float32))
        mesh.CreateNormalsAttr(vt.Vec3fArray.FromNumpy(rotated))
        mesh.SetNormalsInterpolation(geometry.Tokens.vertex)
    api = geometry.PrimvarsAPI(mesh)
    files: list[tuple[str, bytes]] = []
    if part.colours is not None:
        rgb = np.ascontiguousarray(srgb_to_linear(part.colours[:, :3] / 255.0).astype(np.float32))
        mesh.CreateDisplayColorPrimvar(geometry.Tokens.vertex).Set(vt.Vec3fArray.FromNumpy(rgb))
    elif part.material is not None:
        if part.uv is not None:
            st = api.CreatePrimvar("st", types.TexCoord2fArray, geometry.Tokens.vertex)
            st.Set(vt.Vec2fArray.FromNumpy(np.ascontiguousarray(part.uv.astype(np.float32))))
        files = _write_material(pxr, stage, mesh, part.material, part.uv is not None)
    with tempfile.TemporaryDirectory() as folder:
        layer = Path(folder, "model.usdc")
        stage.GetRootLayer().Export(str(layer))
        return archives.pack([("model.usdc", layer.read_bytes()), *files], align=64)


def _write_material(
    pxr: Any, stage: Any, mesh: Any, material: Material, textured: bool
) -> list[tuple[str, bytes]]:
    """Add a preview surface with a colour or a texture; returns the (path, bytes) of the files that it refers to."""
    shade, types = pxr.UsdShade, pxr.Sdf.ValueTypeNames
    name = pxr.Tf.MakeValidIdentifier(material.name)
    bound = shade.Material.Define(stage, f"/model/{name if name != 'mesh' else 'material'}")
    path = str(bound.GetPath())
    surface = shade.Shader.Define(stage, f"{path}/surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("roughness", types.Float).Set(0.9)
    surface.CreateInput("metallic", types.Float).Set(0.0)
    diffuse = surface.CreateInput("diffuseColor", types.Color3f)
    bound.CreateSurfaceOutput().ConnectToSource(surface.ConnectableAPI(), "surface")
    shade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(bound)
    if not textured or material.texture is None:
        diffuse.Set(tuple(srgb_to_linear(np.array(material.colour[:3]) / 255.0).tolist()))
        surface.CreateInput("opacity", types.Float).Set(material.colour[3] / 255)
        return []
    data, ending = encode_picture(material.texture)
    asset = f"textures/texture.{ending}"
    reader = shade.Shader.Define(stage, f"{path}/coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", types.String).Set("st")
    texture = shade.Shader.Define(stage, f"{path}/texture")
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", types.Asset).Set(pxr.Sdf.AssetPath(asset))
    texture.CreateInput("sourceColorSpace", types.Token).Set("sRGB")
    for side in ("wrapS", "wrapT"):
        texture.CreateInput(side, types.Token).Set("repeat")
    joint = texture.CreateInput("st", types.Float2)
    joint.ConnectToSource(reader.CreateOutput("result", types.Float2))
    diffuse.ConnectToSource(texture.CreateOutput("rgb", types.Float3))
    if material.colour != WHITE:
        tint = [*srgb_to_linear(np.array(material.colour[:3]) / 255.0).tolist(), material.colour[3] / 255]
        texture.CreateInput("scale", types.Float4).Set(pxr.Gf.Vec4f(*tint))
    if material.texture.mode == "RGBA" or material.colour[3] < 255:
        opacity = surface.CreateInput("opacity", types.Float)
        opacity.ConnectToSource(texture.CreateOutput("a", types.Float))
        if material.colour[3] == 255 and has_binary_alpha(material.texture):
            surface.CreateInput("opacityThreshold", types.Float).Set(0.5)
    return [(asset, data)]
