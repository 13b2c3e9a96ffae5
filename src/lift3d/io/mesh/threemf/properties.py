"""Properties of triangles: base materials, colours, textures, composites and their layers, as coloured parts.

By the materials extension, colours and textures are opaque except in the upper layers of a multi-property, composites mix
the colours of their materials, and layers blend in linear light.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import damaged_file
from lift3d.geometry.parts.layered_colours import TILE_STYLES, Layer, Texture, coloured_part, opaque
from lift3d.io.mesh.common import decode_texture
from lift3d.io.mesh.threemf.package import Package
from lift3d.io.mesh.threemf.tables import Document, Group
from lift3d.types import F64, GREY, WHITE, Bytes4, Material, Part

Faces = NDArray[np.int64]
_NEAREST_SIDE = 512
"""A picture that is to be shown without smoothing is enlarged to about this side."""


class Properties:
    """The property groups of one model part. own_alpha: colours and textures keep their alpha (files of lift3d)."""

    def __init__(self, package: Package, folder: str, document: Document, own_alpha: bool) -> None:
        self.package, self.folder, self.document = package, folder, document
        self.own_alpha = own_alpha
        self.warnings = package.warnings
        self._textures: dict[str, Texture | None] = {}
        self._pictures: dict[str, Pil.Image] = {}
        self._materials: dict[tuple[str, Bytes4], Material] = {}

    def parts(
        self, points: F64, faces: Faces, picks: Faces, group: str, default: Bytes4 | None
    ) -> list[Part]:
        """The parts of triangles (F, 3) with property indices (F, 3) of a group; group "": no property.

        default: the colour where a texture that does not repeat ends. Raises InputError for indices out of range.
        """
        found = self.document.groups.get(group)
        if found is None or not found.values:
            if group:
                self.warnings.append(f"the properties {group[:20]} that its triangles refer to are missing")
            return [Part(points, faces)]
        layers = self._layers(found, picks)
        if found.kind == "multi":
            return [
                self._shared(coloured_part(points, faces, layers, "material", self._over_material(found)))
            ]
        layer = self._without_alpha(layers[0], found.kind)
        if layer.texture is None:
            return [self._shared(coloured_part(points, faces, [layer], self._name(found, picks)))]
        part = self._textured(points, faces, found, picks, layer)
        if part is None:
            base = Layer(np.broadcast_to(np.array(default or GREY) / 255, (len(faces), 3, 4)))
            part = coloured_part(points, faces, [base, layer], "material")
        return [part]

    def colour(self, group: str, index: int) -> Bytes4 | None:
        """The colour of one property without a texture; None for textures and properties that are missing."""
        found = self.document.groups.get(group)
        if found is None or not 0 <= index < len(found.values):
            return None
        layers = self._layers(found, np.full((1, 3), index))
        if any(layer.texture is not None for layer in layers):
            return None
        if found.kind != "multi":
            layers = [self._without_alpha(layers[0], found.kind)]
        material = self._over_material(found)
        part = coloured_part(np.zeros((3, 3)), np.array([[0, 1, 2]]), layers, "", material)
        return part.material.colour if part.material is not None else None

    def _textured(self, points: F64, faces: Faces, found: Group, picks: Faces, layer: Layer) -> Part | None:
        """The part of a single texture; None where the texture is to be mirrored or to end outside its picture."""
        assert layer.uv is not None and layer.texture is not None
        wraps = layer.texture.style_u == layer.texture.style_v == "wrap"
        if not wraps and (layer.uv.min() < -1e-6 or layer.uv.max() > 1 + 1e-6):
            return None
        used = np.column_stack([faces.reshape(-1), picks.reshape(-1)])
        unique, inverse = np.unique(used, axis=0, return_inverse=True)
        uv = np.array(found.values, np.float64)[unique[:, 1]]
        number = found.attributes["texid"].strip()
        material = self._material("texture " + number, WHITE, self._pictures[number])
        return Part(points[unique[:, 0]], inverse.reshape(-1, 3), uv, None, material)

    def _layers(self, found: Group, picks: Faces, method: str = "mix") -> list[Layer]:
        """The layers of triangles with property indices (F, 3), the lowest first; none for a picture that is missing, if
        the group itself is a layer."""
        if picks.min() < 0 or picks.max() >= len(found.values):
            raise damaged_file(self.package.name, "refers to a property that it does not hold")
        if found.kind == "multi":
            return self._multi(found, picks)
        if found.kind in ("base", "composite"):
            picks = np.repeat(picks[:, :1], 3, axis=1)  # materials form no gradients
        if found.kind == "texture":
            texture = self._texture(found)
            if texture is not None:
                return [Layer(texture=texture, uv=np.array(found.values, np.float64)[picks], method=method)]
            return [Layer(np.broadcast_to(np.array(GREY) / 255, (*picks.shape, 4)), method=method)]
        table = (
            self._composite(found) if found.kind == "composite" else np.array(found.values, np.float64) / 255
        )
        return [Layer(table[picks], method=method)]

    def _composite(self, found: Group) -> F64:
        """(N, 4) mixed colours of composite materials."""
        base = self.document.groups.get(found.attributes.get("matid", "").strip())
        indices = [int(n) for n in found.attributes.get("matindices", "").split()]
        if base is None or not indices or max(indices) >= len(base.values) or min(indices) < 0:
            raise damaged_file(self.package.name, "mixes materials that it does not hold")
        colours = np.array(base.values, np.float64)[indices] / 255
        fractions = np.zeros((len(found.values), len(indices)))
        for row, values in zip(fractions, found.values):
            short = values[: len(indices)]
            row[: len(short)] = short
        fractions = np.clip(fractions, 0, None)
        total = fractions.sum(1, keepdims=True)
        return np.asarray(
            np.where(total > 0, fractions / np.where(total > 0, total, 1), 1 / len(indices)) @ colours
        )

    def _multi(self, found: Group, picks: Faces) -> list[Layer]:
        """The layers of a multi-property. Its lowest layer is opaque, or the display colour of its material."""
        pids = found.attributes.get("pids", "").split()
        methods = ["mix", *found.attributes.get("blendmethods", "").split()][: len(pids)]
        methods += ["mix"] * (len(pids) - len(methods))
        table = np.zeros((len(found.values), len(pids)), np.int64)
        for row, values in zip(table, found.values):
            short = values[: len(pids)]
            row[: len(short)] = short
        layers: list[Layer] = []
        for column, (pid, method) in enumerate(zip(pids, methods)):
            inner = self.document.groups.get(pid)
            if method not in ("mix", "multiply"):
                raise damaged_file(self.package.name, f"blends colours by the unknown method {method[:20]!r}")
            missing = inner is None or inner.kind == "multi" or not inner.values
            if inner is None or missing or (inner.kind == "texture" and self._texture(inner) is None):
                if missing:
                    self.warnings.append(f"the layer {pid[:20]} of its multi-properties is missing")
                continue
            layers += self._layers(inner, table[picks, column], method)
        if not layers:
            return [Layer(np.broadcast_to(np.array(GREY) / 255, (*picks.shape, 4)))]
        return [opaque(layers[0]), *layers[1:]]

    def _over_material(self, found: Group) -> bool:
        """Whether the lowest layer of a multi-property is a material."""
        pids = found.attributes.get("pids", "").split() if found.kind == "multi" else []
        first = self.document.groups.get(pids[0]) if pids else None
        return first is not None and first.kind in ("base", "composite") and bool(first.values)

    def _without_alpha(self, layer: Layer, kind: str) -> Layer:
        """A single layer of colours or a texture, opaque as the format defines it, with a warning where that matters."""
        if self.own_alpha or kind not in ("color", "texture"):
            return layer
        alpha = layer.texture.pixels[..., 3] / 255 if layer.texture is not None else 1.0
        alpha = layer.colours[..., 3] if layer.colours is not None else alpha
        if np.min(alpha) == 1:
            return layer
        what = "colours" if kind == "color" else "textures"
        self.warnings.append(
            f"the alpha of its {what} is not used: outside of layers 3MF defines them as opaque"
        )
        return opaque(layer)

    def _name(self, found: Group, picks: Faces) -> str:
        """The name of a material that covers all triangles."""
        first = int(picks[0, 0])
        name = found.names[first] if found.kind == "base" and first < len(found.names) else ""
        return name[:100] or "material"

    def _texture(self, found: Group) -> Texture | None:
        """The texture of a group; None, with a warning, if its picture is missing."""
        number = found.attributes["texid"].strip()
        if number not in self._textures:
            self._textures[number] = self._load(number)
        return self._textures[number]

    def _load(self, number: str) -> Texture | None:
        a = self.document.textures.get(number, {})
        path = a.get("path", "")
        entry = self.package.find(path, self.folder) if path else None
        if entry is None or self.package.is_encrypted(entry):
            reason = "is missing" if entry is None else "is encrypted"
            self.warnings.append(f"the texture {path.lstrip('/')[:80] or number[:20]} {reason}")
            return None
        picture = decode_texture(self.package.read(entry), f"{entry} of {self.package.name}")
        styles = [a.get(key, "wrap").strip().lower() for key in ("tilestyleu", "tilestylev")]
        for style in styles:
            if style not in TILE_STYLES:
                raise damaged_file(self.package.name, f"has the unknown tile style {style[:20]!r}")
        smooth = a.get("filter", "auto").strip().lower() != "nearest"
        if not smooth:
            factor = _NEAREST_SIDE // max(picture.size)
            if factor > 1:
                size = (picture.width * factor, picture.height * factor)
                picture = picture.resize(size, Pil.Resampling.NEAREST)
        self._pictures[number] = picture if self.own_alpha else picture.convert("RGB")
        pixels = np.asarray(picture.convert("RGBA"))
        return Texture(pixels, styles[0], styles[1], "linear" if smooth else "nearest")

    def _material(self, key: str, colour: Bytes4, picture: Pil.Image | None = None) -> Material:
        """One material object for equal materials, so that parts which share it stay one."""
        found = self._materials.get((key, colour))
        if found is None:
            name = "material" if picture is not None else key
            found = self._materials[key, colour] = Material(name, colour, picture)
        return found

    def _shared(self, part: Part) -> Part:
        """The part with one material object for equal materials without textures."""
        material = part.material
        if material is None or material.texture is not None:
            return part
        return replace(part, material=self._material(material.name, material.colour))
