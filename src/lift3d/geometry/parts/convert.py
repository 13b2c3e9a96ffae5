"""Conversion between models of several parts and one mesh; axes and units of files."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual.material import PBRMaterial
from trimesh.visual.texture import TextureVisuals

from lift3d.errors import InputError, damaged_file
from lift3d.geometry.parts.colour_baking import bake_colours
from lift3d.geometry.parts.texture_packing import pack_textures
from lift3d.types import F64, GREY, WHITE, Bytes4, Material, Mesh, Model, Part

MAX_ELEMENTS = 20_000_000


def y_up_to_z_up(v: F64) -> F64:
    """Rotate by +90 degrees about X: (x, y, z) to (x, -z, y)."""
    return np.stack([v[:, 0], -v[:, 2], v[:, 1]], 1)


def z_up_to_y_up(v: F64) -> F64:
    """Rotate by -90 degrees about X: (x, y, z) to (x, z, -y)."""
    return np.stack([v[:, 0], v[:, 2], -v[:, 1]], 1)


def y_up_to_z_up_parts(parts: list[Part]) -> list[Part]:
    """All parts rotated by `y_up_to_z_up`."""
    return [replace(part, vertices=y_up_to_z_up(part.vertices)) for part in parts]


def validate_part(part: Part, name: str) -> Part:
    """The part with arrays of the standard types. Raises InputError naming the file `name` for invalid numbers or
    indices."""
    v, f = np.asarray(part.vertices, np.float64), np.asarray(part.faces)
    if v.ndim != 2 or v.shape[1] != 3 or f.ndim != 2 or f.shape[1] != 3:
        raise damaged_file(name, "does not hold triangles")
    if len(v) > MAX_ELEMENTS or len(f) > MAX_ELEMENTS:
        raise damaged_file(name, f"holds more than {MAX_ELEMENTS} vertices or faces")
    bad = ~(np.abs(v) < 1e30).all(1)
    if bad.any():
        count, first = int(bad.sum()), int(np.argmax(bad)) + 1
        many = "a vertex" if count == 1 else f"{count} vertices"
        raise damaged_file(
            name, f"holds {many} with numbers that are not finite, or over 1e30 (first: {first})"
        )
    if f.size and (f.min() < 0 or f.max() >= len(v)):
        raise damaged_file(name, f"has faces that name vertices out of range (there are {len(v)} vertices)")
    uv = part.uv
    if uv is not None:
        if uv.shape != (len(v), 2):
            raise damaged_file(name, "has texture coordinates that do not match its vertices")
        uv = np.where(np.abs(uv) < 1e6, uv, 0.0)
    if part.colours is not None and part.colours.shape != (len(v), 4):
        raise damaged_file(name, "has colours that do not match its vertices")
    return Part(v, f.astype(np.int64), uv, part.colours, part.material)


def model_to_mesh(model: Model, name: str) -> Mesh:
    """One mesh of all parts: a single texture is kept, several are packed into an atlas. `name` is for messages.

    Raises InputError for a model without triangles or with invalid parts.
    """
    parts = [_compact(validate_part(p, name)) for p in model.parts if len(p.faces)]
    if not parts:
        raise damaged_file(name, "holds no triangles")
    if any(_is_textured(p) for p in parts):
        parts = [bake_colours(p) for p in parts]
        textured = any(_is_textured(p) for p in parts)
        parts = [bake_colours(p, needs_texture=textured) for p in parts]
    vertices = np.concatenate([p.vertices for p in parts])
    starts = np.cumsum([0] + [len(p.vertices) for p in parts[:-1]])
    faces = np.concatenate([p.faces + s for p, s in zip(parts, starts)])
    materials = [p.material for p in parts]
    first = materials[0]
    visual, notes = None, list[str]()
    if any(_is_textured(p) for p in parts):
        if all(m is first for m in materials) and all(p.uv is not None for p in parts):
            uv = np.concatenate([p.uv for p in parts if p.uv is not None])
            visual = _textured(uv, first)
        else:
            packed = pack_textures(
                [
                    (
                        p.vertices,
                        p.faces,
                        p.uv,
                        p.material.texture if p.material else None,
                        _uniform_colour(p),
                    )
                    for p in parts
                ],
                notes,
            )
            vertices, faces, uv, picture = packed
            visual = _textured(uv, Material("atlas", WHITE, picture))
    mesh = trimesh.Trimesh(vertices, faces, visual=visual, process=False, validate=False)
    if visual is None and (
        any(p.colours is not None for p in parts) or any(m is not first for m in materials)
    ):
        colours = [
            p.colours if p.colours is not None else np.tile(_uniform_colour(p), (len(p.vertices), 1))
            for p in parts
        ]
        mesh.visual = trimesh.visual.ColorVisuals(
            mesh, vertex_colors=np.concatenate(colours).astype(np.uint8)
        )
    elif visual is None and first is not None:
        mesh.visual = TextureVisuals(uv=np.zeros((len(vertices), 2)), material=_pbr(first))
    if model.unit is not None:
        mesh.units = model.unit
    if model.warnings or notes:
        mesh.metadata["warnings"] = list(dict.fromkeys([*model.warnings, *notes]))
    return mesh


def _is_textured(part: Part) -> bool:
    """Whether a part has a texture and texture coordinates."""
    return part.uv is not None and part.material is not None and part.material.texture is not None


def _compact(part: Part) -> Part:
    """The part without unused vertices (parts of one object often share its table of vertices)."""
    used = np.zeros(len(part.vertices), bool)
    used[part.faces] = True
    if used.all():
        return part
    number = np.cumsum(used) - 1
    uv = part.uv[used] if part.uv is not None else None
    colours = part.colours[used] if part.colours is not None else None
    return Part(part.vertices[used], number[part.faces], uv, colours, part.material)


def _uniform_colour(part: Part) -> Bytes4:
    """The uniform colour of a part without a texture: that of its material, or the mean of its vertex colours."""
    if part.colours is not None and len(part.colours):
        r, g, b, a = np.rint(part.colours.mean(0)).astype(int).tolist()
        return r, g, b, a
    return part.material.colour if part.material is not None else GREY


def _pbr(material: Material | None) -> PBRMaterial:
    """The material in trimesh's form, matt and not metallic."""
    material = material if material is not None else Material()
    return PBRMaterial(
        name=material.name,
        baseColorFactor=np.array(material.colour, np.uint8),
        baseColorTexture=material.texture,
        metallicFactor=0.0,
        roughnessFactor=0.9,
    )


def _textured(uv: F64, material: Material | None) -> TextureVisuals:
    """Texture coordinates (V, 2) with a material."""
    return TextureVisuals(uv=uv, material=_pbr(material))


def mesh_to_part(mesh: Mesh, name: str = "the mesh") -> Part:
    """The mesh as one part with its texture and base colour, or its vertex colours; face colours split the
    vertices."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    visual: Any = mesh.visual
    uv: F64 | None = None
    colours: NDArray[np.uint8] | None = None
    material: Material | None = None
    if isinstance(visual, TextureVisuals):
        material = _material(visual.material)
        if visual.uv is not None and material.texture is not None:
            uv = np.asarray(visual.uv, np.float64)[:, :2]
    elif visual.kind == "vertex":
        colours = np.asarray(visual.vertex_colors, np.uint8)
    elif visual.kind == "face":
        corners = np.repeat(np.asarray(visual.face_colors, np.uint8), 3, axis=0)
        key = np.column_stack([f.reshape(-1), corners.astype(np.int64) @ (1 << np.array([24, 16, 8, 0]))])
        unique, index, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
        v, f, colours = v[unique[:, 0]], inverse.reshape(-1, 3), corners[index]
    return validate_part(Part(v, f, uv, colours, material), name)


def _material(material: object) -> Material:
    """Name, base colour and texture of either of trimesh's materials."""
    picture = getattr(material, "baseColorTexture", None)
    colour = getattr(material, "baseColorFactor", None)
    if not isinstance(material, PBRMaterial):
        picture, colour = getattr(material, "image", None), getattr(material, "diffuse", None)
        if picture is not None:
            colour = None  # trimesh inserts a default grey
    if colour is None:
        rgba = WHITE if picture is not None else GREY
    else:
        values = np.asarray(colour)
        values = values if values.dtype.kind in "ui" else np.rint(np.clip(values, 0, 1) * 255)
        r, g, b, a = [int(c) for c in values[:4]] + [255] * (4 - len(values[:4]))
        rgba = (r, g, b, a)
    if picture is not None and picture.mode not in ("RGB", "RGBA"):
        picture = picture.convert("RGBA" if "A" in picture.mode or "transparency" in picture.info else "RGB")
    return Material(str(getattr(material, "name", None) or "material"), rgba, picture)


def scale_to_metres(mesh: Mesh) -> float | None:
    """Factor from the unit of the mesh to metres; None if the mesh has no unit. Raises InputError for an unknown
    unit."""
    if mesh.units is None:
        return None
    try:
        factor = float(trimesh.units.unit_conversion(str(mesh.units), "meters"))
    except (ValueError, KeyError) as error:
        raise InputError(f"the unit {mesh.units!r} is not known", "use m, cm, mm or inches") from error
    # trimesh converts through inches, so that a metre is 0.9999...: round to the defined factor
    return float(f"{factor:.12g}")


def vertex_colours(part: Part) -> NDArray[np.uint8] | None:
    """(V, 4) uint8 vertex colours: its own, or those of its texture or material; None without colours and
    material."""
    if part.colours is not None or part.material is None:
        return part.colours
    flat = np.array(part.material.colour, np.float64)
    picture = part.material.texture
    if part.uv is None or picture is None:
        return np.tile(flat.astype(np.uint8), (len(part.vertices), 1))
    pixels = np.asarray(picture.convert("RGBA"))
    height, width = pixels.shape[:2]
    wrapped = part.uv - np.floor(part.uv - 1e-9)
    x = np.clip((wrapped[:, 0] * width).astype(int), 0, width - 1)
    y = np.clip(((1 - wrapped[:, 1]) * height).astype(int), 0, height - 1)
    return np.rint(pixels[y, x] * (flat / 255)).astype(np.uint8)


def concatenate_parts(parts: list[Part]) -> tuple[F64, NDArray[np.int32]]:
    """(vertices (V, 3), faces (F, 3)) of all parts."""
    starts = np.cumsum([0] + [len(part.vertices) for part in parts])
    faces = [part.faces + at for part, at in zip(parts, starts)]
    return np.concatenate([part.vertices for part in parts]), np.concatenate(faces).astype(np.int32)
