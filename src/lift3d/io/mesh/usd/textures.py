"""Shader networks of USD: values through interfaces, textures with their channel, scale and bias, and texture coordinates."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.geometry.parts.texture_wrapping import BORDER, CLAMP, MIRROR, REPEAT
from lift3d.io.mesh.common import decode_texture
from lift3d.io.mesh.zip_archive import Archive
from lift3d.types import F64

MAX_CHAIN = 16
"""Shaders followed from a texture to its texture coordinates."""
_WRAPS = {"clamp": CLAMP, "mirror": MIRROR, "black": BORDER, "constant": BORDER, "periodic": REPEAT}
_CHANNELS = {"r": 0, "g": 1, "b": 2, "a": 3}


@dataclass(frozen=True, eq=False)
class Sampled:
    """A picture, RGB or RGBA; the primvar of its coordinates or None; their transform (3, 3) or None; its wrap modes."""

    picture: Pil.Image
    uv: str | None
    transform: F64 | None
    wraps: tuple[str, str]


class Shaders:
    """Access to shaders through the interfaces of their materials and node graphs."""

    def __init__(self, pxr: Any) -> None:
        self.pxr = pxr

    def resolve(self, source: Any) -> tuple[Any, str, Any]:
        """(shader, name of its output, None) that an input is connected to, or (None, "", its value)."""
        shade = self.pxr.UsdShade
        attributes = source.GetValueProducingAttributes()
        if not attributes:
            return None, "", source.Get()
        attribute = attributes[0]
        if shade.Output.IsOutput(attribute):
            return shade.Shader(attribute.GetPrim()), str(shade.Output(attribute).GetBaseName()), None
        return None, "", attribute.Get(self.pxr.Usd.TimeCode.EarliestTime())

    def value(self, shader: Any, name: str) -> Any:
        """The value of an input, None where it has none or is connected to a shader."""
        source = shader.GetInput(name)
        return self.resolve(source)[2] if source else None

    def primvar(self, shader: Any) -> str | None:
        """The name of the primvar that a shader reads; None for other shaders."""
        kind = str(shader.GetIdAttr().Get() or "")
        if not kind.startswith(("UsdPrimvarReader", "ND_geompropvalue", "ND_UsdPrimvarReader")):
            return None
        name = self.value(shader, "varname") or self.value(shader, "geomprop")
        return str(name) if name else None


class Textures:
    """The pictures of an archive, each decoded once; `warnings` says what is missing."""

    def __init__(
        self, shaders: Shaders, archive: Archive, folder: str, root: str, warnings: list[str]
    ) -> None:
        self.shaders, self.archive, self.folder, self.root, self.warnings = (
            shaders,
            archive,
            folder,
            root,
            warnings,
        )
        self._pictures: dict[str, Pil.Image | None] = {}
        self._sampled: dict[tuple[str, str, bool], Sampled | None] = {}

    def sample(self, shader: Any, output: str, colour: bool = True) -> Sampled | None:
        """What an output of a texture shader shows; None with a warning where it has no picture that can be read.

        colour: the values are a colour, so that those of raw pictures are encoded as sRGB.
        """
        key = (str(shader.GetPath()), output, colour)
        if key not in self._sampled:
            self._sampled[key] = self._sample(shader, output, colour)
        return self._sampled[key]

    def _sample(self, shader: Any, output: str, colour: bool) -> Sampled | None:
        for _ in range(MAX_CHAIN):  # through shaders that adjust colours, to the texture
            source = shader.GetInput("file")
            if source:
                break
            following = [i for i in shader.GetInputs() if self.shaders.resolve(i)[0] is not None]
            if not following:
                break
            shader, output, _ = self.shaders.resolve(following[0])
        if not source:
            name = shader.GetIdAttr().Get() or shader.GetPrim().GetName()
            self.warnings.append(f"a material uses the shader {name}, which lift3d does not read")
            return None
        producing = source.GetValueProducingAttributes()
        attribute = producing[0] if producing else source.GetAttr()
        picture = self._picture(attribute, attribute.Get(self.shaders.pxr.Usd.TimeCode.EarliestTime()))
        if picture is None:
            return None
        uv, transform = self._coordinates(shader)
        wraps = []
        for names in (("wrapS", "uaddressmode"), ("wrapT", "vaddressmode")):
            mode = next((m for n in names if (m := self.shaders.value(shader, n)) is not None), REPEAT)
            wraps.append(_WRAPS.get(str(mode), REPEAT))
        return Sampled(self._adjusted(shader, picture, output, colour), uv, transform, (wraps[0], wraps[1]))

    def file(self, attribute: Any, asset: Any) -> Sampled | None:
        """A picture that a surface names itself."""
        picture = self._picture(attribute, asset)
        return None if picture is None else Sampled(picture, None, None, (REPEAT, REPEAT))

    def _adjusted(self, shader: Any, picture: Pil.Image, output: str, colour: bool) -> Pil.Image:
        """The picture of one output, with scale, bias and colour space applied."""
        raw = str(self.shaders.value(shader, "sourceColorSpace") or "") == "raw"
        scale = _four(self.shaders.value(shader, "scale"), 1.0)
        bias = _four(self.shaders.value(shader, "bias"), 0.0)
        channel = _CHANNELS.get(output)
        if channel is None and not (raw and colour) and bool((scale == 1).all() and (bias == 0).all()):
            return picture
        rgba = np.asarray(picture.convert("RGBA"))
        light = colour and not raw
        tables = [_table(scale[k], bias[k], light and k < 3, colour and k < 3) for k in range(4)]
        if channel is None:
            out = np.dstack([table[rgba[..., k]] for k, table in enumerate(tables)])
            return Pil.fromarray(out).convert(
                "RGBA" if picture.mode == "RGBA" or bias[3] or scale[3] != 1 else "RGB"
            )
        if not colour:
            return Pil.fromarray(np.ascontiguousarray(tables[channel][rgba[..., channel]]))
        grey = _table(scale[channel], bias[channel], light and channel < 3, True)[rgba[..., channel]]
        return Pil.fromarray(np.dstack([grey] * 3))

    def _coordinates(self, shader: Any) -> tuple[str | None, F64 | None]:
        """(primvar or None, transform (3, 3) for row vectors or None) of the texture coordinates of a texture shader."""
        transform: F64 | None = None
        source = shader.GetInput("st") or shader.GetInput("texcoord")
        for _ in range(MAX_CHAIN):
            following = self.shaders.resolve(source)[0] if source else None
            if following is None:
                return None, transform
            name = self.shaders.primvar(following)
            if name is not None:
                return name, transform
            if str(following.GetIdAttr().Get()) == "UsdTransform2d":
                step = self._transform(following)
                transform = step if transform is None else step @ transform
            source = following.GetInput("in") or following.GetInput("texcoord")
        return None, transform

    def _transform(self, shader: Any) -> F64:
        """(3, 3) matrix for row vectors of a UsdTransform2d: scale, rotate counter-clockwise in degrees, translate."""
        values = [self.shaders.value(shader, name) for name in ("scale", "rotation", "translation")]
        scale = np.asarray(values[0] if values[0] is not None else (1, 1), np.float64)
        angle = np.radians(float(values[1] or 0.0))
        c, s = np.cos(angle), np.sin(angle)
        matrix = np.eye(3)
        matrix[:2, :2] = np.diag(scale) @ np.array([[c, s], [-s, c]])
        matrix[2, :2] = values[2] if values[2] is not None else (0, 0)
        return matrix

    def _picture(self, attribute: Any, asset: Any) -> Pil.Image | None:
        """The picture that an attribute names, relative to the layer that states it; None with a warning without one."""
        path = str(getattr(asset, "path", "") or "").replace("\\", "/")
        entry = self._entry(attribute, path)
        if entry is None:
            tiles = ", a texture of UDIM tiles," if "<UDIM>" in path else ""
            self.warnings.append(f"the texture {path[:80]}{tiles} is {'not read' if tiles else 'missing'}")
            return None
        if entry not in self._pictures:
            try:
                self._pictures[entry] = decode_texture(self.archive.read(entry), entry)
            except InputError as error:
                self.warnings.append(error.cause)
                self._pictures[entry] = None
        return self._pictures[entry]

    def _entry(self, attribute: Any, path: str) -> str | None:
        """The entry of the archive that a path means."""
        folders = [posixpath.dirname(self.root), ""]
        for spec in attribute.GetPropertyStack():
            layer = str(spec.layer.realPath).replace("\\", "/")
            if layer.startswith(self.folder):
                folders.insert(0, posixpath.dirname(layer[len(self.folder) :].lstrip("/")))
        for folder in folders:
            inside = posixpath.normpath(posixpath.join(folder, path))
            if path and inside in self.archive.entries:
                return inside
        base = posixpath.basename(path).lower()
        same = [n for n in self.archive.entries if base and posixpath.basename(n).lower() == base]
        return same[0] if len(same) == 1 else None


def _table(scale: float, bias: float, decoded: bool, encoded: bool) -> NDArray[np.uint8]:
    """(256,) what each byte becomes: `scale` times its value plus `bias`; the value decoded from and encoded as sRGB."""
    values = np.arange(256) / 255
    values = np.clip((srgb_to_linear(values) if decoded else values) * scale + bias, 0, 1)
    return np.rint((linear_to_srgb(values) if encoded else values) * 255).astype(np.uint8)


def _four(value: Any, default: float) -> F64:
    """(4,) float64 of a vector value."""
    return np.full(4, default) if value is None else np.asarray(value, np.float64).reshape(4)
