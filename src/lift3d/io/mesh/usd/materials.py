"""Materials of USD reduced to a base colour and a base texture: UsdPreviewSurface, and what is like it in other surfaces.

Alpha counts only as far as the surface's opacity is connected to it. A surface of which only the emission can be seen counts by
that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb8_to_linear
from lift3d.geometry.parts.texture_wrapping import REPEAT
from lift3d.io.mesh.usd.textures import Sampled, Shaders, Textures
from lift3d.types import F64, WHITE, Bytes4, Material

DIFFUSE = (
    "diffuseColor",
    "base_color",
    "baseColor",
    "diffuse_texture",
    "diffuse_color_constant",
    "diffuse_color",
    "color",
)
"""Inputs for the base colour: of UsdPreviewSurface, of Standard Surface, OpenPBR and glTF in MaterialX, and of OmniPBR."""
EMISSION = ("emissiveColor", "emission_color", "emissive")
OPACITY = ("opacity", "alpha")
DEFAULT_DIFFUSE = (0.18, 0.18, 0.18)
"""Base colour of a UsdPreviewSurface that states none."""
UNREAD = {
    "normal maps": ("normal", "normalmap_texture"), "occlusion maps": ("occlusion", "ao_texture"),
    "maps of metal and roughness": ("metallic", "roughness", "metalness", "specular_roughness", "reflectionroughness_texture"),
    "maps of gloss": ("specularColor", "clearcoat", "specular_color"), "displacement maps": ("displacement",),
}  # fmt: skip
"""Inputs whose textures are not read, by what they are called in warnings."""
BLACK = 0.004
"""Linear light up to which a colour counts as black."""


def srgb_bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    """sRGB bytes of linear colours in [0, 1]."""
    clipped = np.clip(np.nan_to_num(np.asarray(values, np.float64)), 0, 1)
    return np.rint(linear_to_srgb(clipped) * 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Look:
    """A material, and where the texture coordinates or the colours of its meshes are found.

    uv: name of the primvar of the texture coordinates, None if no shader names one; transform (3, 3): from it to the texture,
    for row vectors; wraps: wrap modes of u and v. colours: name of the primvar that the base colour is read from, or None.
    """

    material: Material
    uv: str | None = None
    transform: F64 | None = None
    wraps: tuple[str, str] = (REPEAT, REPEAT)
    colours: str | None = None


class Looks:
    """The materials of one stage, each read once."""

    def __init__(self, pxr: Any, textures: Textures, warnings: list[str]) -> None:
        self.pxr, self.textures, self.warnings = pxr, textures, warnings
        self.shaders = Shaders(pxr)
        self.unread: dict[str, list[str]] = {}
        """Names of materials by the kinds of their maps that are not read."""
        self._known: dict[str, Look | None] = {}

    def bound(self, prim: Any) -> Look | None:
        """The look of the material bound to a prim; None without a material, or with one without a readable surface."""
        shade = self.pxr.UsdShade
        binding = shade.MaterialBindingAPI(prim)
        for purpose in (shade.Tokens.preview, shade.Tokens.full):
            material, _ = binding.ComputeBoundMaterial(purpose)
            if material:
                key = str(material.GetPath())
                if key not in self._known:
                    self._known[key] = self._read(material)
                return self._known[key]
        return None

    def _surface(self, material: Any) -> Any:
        """The surface shader of a material; None where it has none that can be read."""
        for context in ("", "mtlx", "mdl", "glslfx", "ri"):
            found = material.ComputeSurfaceSource(context)[0]
            if found and any(found.GetInput(name) for name in DIFFUSE):
                return found
        found = material.ComputeSurfaceSource()[0]
        return found if found and found.GetIdAttr().Get() == "UsdPreviewSurface" else None

    def _read(self, material: Any) -> Look | None:
        name = str(material.GetPrim().GetName())
        surface = self._surface(material)
        if surface is None:
            self.warnings.append(f"the material {name} has no surface that lift3d reads")
            return None
        for what, names in UNREAD.items():
            inputs = [surface.GetInput(key) for key in names]
            if any(i and self.shaders.resolve(i)[0] is not None for i in inputs):
                self.unread.setdefault(what, []).append(name)
        diffuse = self._input(surface, DIFFUSE)
        value, sampled, primvar = self._colour(diffuse)
        if diffuse is None:
            value = np.array(DEFAULT_DIFFUSE)
        if sampled is not None and _black(sampled.picture) or sampled is None and value.max() <= BLACK:
            glow, glowing, _ = self._colour(self._input(surface, EMISSION), (0.0, 0.0, 0.0))
            if glowing is not None and not _black(glowing.picture) or glow.max() > BLACK:
                value, sampled, primvar = glow / max(1.0, float(glow.max())), glowing, None
        alpha, cut = self._opacity(surface)
        if isinstance(alpha, float):
            alpha = alpha if cut <= 0 else float(alpha >= cut)
        colour = self._bytes(value, alpha if isinstance(alpha, float) else 1.0)
        if sampled is None:
            if not isinstance(alpha, float):
                mean = float(np.asarray(alpha).mean() / 255)
                colour = self._bytes(value, mean)
            return Look(Material(name, colour), colours=primvar)
        picture = sampled.picture.convert("RGB")
        if not isinstance(alpha, float):
            picture = _with_alpha(picture, alpha, cut)
        tint: Bytes4 = (*WHITE[:3], colour[3])
        return Look(Material(name, tint, picture), sampled.uv, sampled.transform, sampled.wraps)

    @staticmethod
    def _bytes(value: F64, alpha: float) -> Bytes4:
        red, green, blue = srgb_bytes(value).tolist()
        return red, green, blue, round(min(1.0, max(0.0, alpha)) * 255)

    def _input(self, surface: Any, names: tuple[str, ...]) -> Any:
        """The first of the inputs that has a value or a connection."""
        for name in names:
            found = surface.GetInput(name)
            if found and (found.HasConnectedSource() or found.Get() is not None):
                return found
        return None

    def _colour(
        self, source: Any, default: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ) -> tuple[F64, Sampled | None, str | None]:
        """(linear RGB, texture or None, primvar or None) of a colour input."""
        if source is None:
            return np.array(default), None, None
        shader, output, value = self.shaders.resolve(source)
        if shader is not None:
            primvar = self.shaders.primvar(shader)
            if primvar is not None:
                fallback = self.shaders.value(shader, "fallback")
                return _rgb(fallback, default), None, primvar
            sampled = self.textures.sample(shader, output)
            if sampled is None:
                return _rgb(self.shaders.value(shader, "fallback"), (1.0, 1.0, 1.0)), None, None
            return np.ones(3), sampled, None
        if hasattr(value, "path"):  # a file named by the surface itself
            sampled = self.textures.file(source.GetAttr(), value)
            return np.ones(3), sampled, None
        return _rgb(value, default), None, None

    def _opacity(self, surface: Any) -> tuple[float | NDArray[np.uint8], float]:
        """(opacity as a number or as a grey picture, threshold or 0)."""
        threshold = self.shaders.value(surface, "opacityThreshold")
        cut = float(threshold) if isinstance(threshold, float | int) else 0.0
        source = self._input(surface, OPACITY)
        if source is None:
            return 1.0, cut
        shader, output, value = self.shaders.resolve(source)
        if shader is not None:
            sampled = self.textures.sample(shader, output or "a", colour=False)
            if sampled is not None:
                return np.asarray(sampled.picture.convert("L")), cut
            return 1.0, cut
        numbers = np.atleast_1d(np.asarray(value if value is not None else 1.0, np.float64))
        return float(np.nan_to_num(numbers.mean(), nan=1.0)), cut


def _rgb(value: Any, default: tuple[float, float, float]) -> F64:
    """(3,) of a colour value; the default where it is none."""
    try:
        numbers = np.asarray(default if value is None else value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        numbers = np.asarray(default)
    numbers = np.repeat(numbers, 3) if len(numbers) == 1 else numbers
    return np.maximum(numbers[:3], 0) if len(numbers) >= 3 else np.asarray(default)


def _black(picture: Pil.Image) -> bool:
    """Whether no pixel shows a colour."""
    extrema: Any = picture.convert("RGB").getextrema()
    return bool(srgb8_to_linear(np.array([high for _, high in extrema])).max() <= BLACK)


def _with_alpha(picture: Pil.Image, alpha: NDArray[np.uint8], cut: float) -> Pil.Image:
    """The picture with an alpha channel, 0 or 1 by the threshold `cut` where that is above 0."""
    grey = Pil.fromarray(alpha)
    if grey.size != picture.size:
        grey = grey.resize(picture.size, Pil.Resampling.BILINEAR)
    values = np.asarray(grey)
    if cut > 0:
        values = np.where(values / 255 >= cut, 255, 0).astype(np.uint8)
    if values.min() == 255:
        return picture
    out = picture.copy()
    out.putalpha(Pil.fromarray(np.ascontiguousarray(values)))
    return out
