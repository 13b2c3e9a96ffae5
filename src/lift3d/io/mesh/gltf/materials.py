"""Materials of glTF reduced to a base colour, a base texture and what their alpha means.

Alpha of opaque materials is dropped and that of masked ones becomes 0 or 1 by the cutoff, so that later stages may take alpha
at its word. The specular-glossiness model counts by its diffuse colour (by its specular colour for black diffuse: a metal), and
a material of which only the emission can be seen, by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.colour_space import linear_to_srgb
from lift3d.geometry.parts.texture_wrapping import REPEAT
from lift3d.io.mesh.common import finite_or
from lift3d.io.mesh.gltf.document import GltfDocument, as_dict
from lift3d.io.mesh.gltf.textures import Texture, Textures
from lift3d.types import F64

OPAQUE, MASK, BLEND = "OPAQUE", "MASK", "BLEND"
BLACK = 0.004
"""Linear light up to which a colour counts as black."""
_READ = {"KHR_materials_unlit", "KHR_materials_pbrSpecularGlossiness", "KHR_materials_emissive_strength"}
_NO_EFFECT = {"KHR_materials_ior", "KHR_materials_specular"}
"""Extensions whose values without a texture only shift highlights."""


def rgba_to_srgb(rgba: NDArray[Any]) -> NDArray[np.uint8]:
    """sRGB bytes of linear RGBA in [0, 1], (..., 4); alpha stays linear."""
    out = np.concatenate([linear_to_srgb(np.clip(rgba[..., :3], 0, 1)), np.clip(rgba[..., 3:4], 0, 1)], -1)
    return np.rint(np.nan_to_num(out) * 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Look:
    """The base colour of a material.

    factor: (4,) linear RGBA; its alpha is 1 unless the material is blended, or masked without texture. opacity: the alpha that
    the alpha of vertex colours is multiplied with before the cutoff. picture: RGB, or RGBA
    where its alpha counts. wraps: wrap modes of u and v. coordinates: the `textureInfo`, which selects and transforms them.
    """

    name: str
    factor: F64
    mode: str = OPAQUE
    cutoff: float = 0.5
    picture: Pil.Image | None = None
    wraps: tuple[str, str] = (REPEAT, REPEAT)
    coordinates: dict[str, Any] | None = None
    opacity: float = 1.0

    def vertex_colours(self, raw: NDArray[Any]) -> NDArray[np.uint8]:
        """(V, 4) sRGB bytes of COLOR_0 (V, 3 or 4), linear, times the factor, with alpha as the material means it."""
        light = np.column_stack([raw, np.ones(len(raw))])[:, :4] * self.factor
        if self.mode == OPAQUE:
            light[:, 3] = 1
        elif self.mode == MASK:
            alpha = raw[:, 3] if raw.shape[1] == 4 else np.ones(len(raw))
            light[:, 3] = alpha * self.opacity >= self.cutoff
        return rgba_to_srgb(light)


class Materials:
    """The materials of one document, each read once.

    glowing: names of those whose emission is not read. unread: names of the materials by what else of them is not read.
    """

    def __init__(self, source: GltfDocument, warnings: list[str]) -> None:
        self.source, self.warnings = source, warnings
        self.textures = Textures(source, warnings)
        self.glowing: list[str] = []
        self.unread: dict[str, list[str]] = {}
        self._looks: dict[int, Look] = {}

    def look(self, index: object) -> Look:
        """The look of the material at an index. Raises InputError if there is no such material."""
        entry = self.source.item("materials", index)
        assert isinstance(index, int)
        if index not in self._looks:
            name = str(entry.get("name") or f"material {index}")[:200]
            self._looks[index] = self._read(entry, name)
            for what in _unread_parts(entry):
                self.unread.setdefault(what, []).append(name)
        return self._looks[index]

    def _read(self, entry: dict[str, Any], name: str) -> Look:
        mode = entry.get("alphaMode")
        mode = mode if mode in (MASK, BLEND) else OPAQUE
        cutoff = finite_or(entry.get("alphaCutoff"), 0.5)
        extensions = as_dict(entry.get("extensions"))
        factor, info = self._base(entry, extensions)
        texture = self._texture(info)
        glow, glow_info = self._emission(entry, extensions)
        if glow.max() > 0:
            black = factor[:3].max() <= BLACK or (texture is not None and _is_black(texture.picture))
            if black and (shown := self._shown(glow_info)):
                alpha = texture.picture if texture is not None and mode != OPAQUE else None
                factor = np.append(glow, factor[3])
                info, texture = glow_info, _with_alpha_of(shown[0], alpha)
            elif not black:
                self.glowing.append(name)
        if mode == OPAQUE:
            factor[3] = 1
        if texture is None:
            opacity = float(factor[3])
            if mode == MASK:
                factor[3] = opacity >= cutoff
            return Look(name, factor, mode, cutoff, opacity=opacity)
        picture = texture.picture
        if mode == OPAQUE or picture.mode == "RGB":
            picture = picture.convert("RGB")
        if mode == MASK:
            picture, factor[3] = _masked(picture, factor[3], cutoff), 1
        return Look(name, factor, mode, cutoff, picture, texture.wraps, info)

    def _base(self, entry: dict[str, Any], extensions: dict[str, Any]) -> tuple[F64, dict[str, Any]]:
        """(linear RGBA factor, textureInfo) of the base colour."""
        old = extensions.get("KHR_materials_pbrSpecularGlossiness")
        if not isinstance(old, dict):
            pbr = as_dict(entry.get("pbrMetallicRoughness"))
            return _vector(pbr.get("baseColorFactor"), (1, 1, 1, 1)), as_dict(pbr.get("baseColorTexture"))
        factor, info = _vector(old.get("diffuseFactor"), (1, 1, 1, 1)), as_dict(old.get("diffuseTexture"))
        texture = self._texture(info)
        if factor[:3].max() <= BLACK or (texture is not None and _is_black(texture.picture)):
            specular = _vector(old.get("specularFactor"), (1, 1, 1))
            if specular.max() > BLACK:
                opacity = (
                    texture.picture.getchannel("A") if texture and texture.picture.mode == "RGBA" else None
                )
                if opacity is None or entry.get("alphaMode", OPAQUE) == OPAQUE:
                    return np.append(specular, factor[3]), as_dict(old.get("specularGlossinessTexture"))
        return factor, info

    def _emission(self, entry: dict[str, Any], extensions: dict[str, Any]) -> tuple[F64, dict[str, Any]]:
        """(linear RGB factor, at most 1; textureInfo) of the emission; zeros for unlit materials."""
        if "KHR_materials_unlit" in extensions:
            return np.zeros(3), {}
        strength = as_dict(extensions.get("KHR_materials_emissive_strength")).get("emissiveStrength")
        factor = _vector(entry.get("emissiveFactor"), (0, 0, 0)) * max(0.0, finite_or(strength, 1.0))
        return factor / max(1.0, float(factor.max())), as_dict(entry.get("emissiveTexture"))

    def _shown(self, info: dict[str, Any]) -> tuple[Texture | None] | None:
        """(texture or None,) of an emission, or None for one whose texture is black or cannot be read."""
        if not info:
            return (None,)
        texture = self._texture(info)
        return None if texture is None or _is_black(texture.picture) else (texture,)

    def _texture(self, info: dict[str, Any]) -> Texture | None:
        return self.textures.texture(info.get("index")) if info else None


def _unread_parts(entry: dict[str, Any]) -> list[str]:
    """What a material has besides base colour and emission, in words: maps, and extensions that can be seen."""
    pbr, extensions = as_dict(entry.get("pbrMetallicRoughness")), as_dict(entry.get("extensions"))
    old = as_dict(extensions.get("KHR_materials_pbrSpecularGlossiness"))
    maps = {
        "normal maps": entry.get("normalTexture"),
        "occlusion maps": entry.get("occlusionTexture"),
        "maps of metal and roughness": pbr.get("metallicRoughnessTexture"),
        "maps of gloss": old.get("specularGlossinessTexture"),
    }
    found = [what for what, info in maps.items() if isinstance(info, dict)]
    for name, value in extensions.items():
        seen = name not in _NO_EFFECT or any(key.endswith("Texture") for key in as_dict(value))
        if "_materials_" in name and name not in _READ and seen:
            found.append(name[:60])
    return found


def _vector(value: object, default: tuple[float, ...]) -> F64:
    """Numbers of a list of the default's length, not negative; the default's where they are not numbers."""
    rows = value if isinstance(value, list) and len(value) == len(default) else default
    return np.array([max(0.0, finite_or(c, d)) for c, d in zip(rows, default)])


def _is_black(picture: Pil.Image) -> bool:
    """Whether no pixel shows a colour."""
    extrema: Any = picture.convert("RGB").getextrema()
    return max(high for _, high in extrema) <= 12


def _with_alpha_of(texture: Texture | None, alpha: Pil.Image | None) -> Texture | None:
    """The texture with the alpha of another one."""
    if texture is None or alpha is None or alpha.mode != "RGBA":
        return None if texture is None else Texture(texture.picture.convert("RGB"), texture.wraps)
    picture = texture.picture.convert("RGB")
    picture.putalpha(alpha.getchannel("A").resize(picture.size, Pil.Resampling.BILINEAR))
    return Texture(picture, texture.wraps)


def _masked(picture: Pil.Image, opacity: float, cutoff: float) -> Pil.Image:
    """The picture with the alpha that a masked material means: 1 where alpha times `opacity` reaches the cutoff, else 0."""
    if picture.mode != "RGBA":
        kept = np.full((picture.height, picture.width), opacity >= cutoff)
    else:
        kept = np.asarray(picture.getchannel("A")) / 255 * opacity >= cutoff - 1e-9
    out = picture.convert("RGB")
    if not kept.all():
        out.putalpha(Pil.fromarray((kept * 255).astype(np.uint8)))
    return out
