"""Textures of glTF: the first of a texture's pictures that can be decoded, and how its sampler wraps and magnifies.

A texture without a readable picture never prevents reading the shape: a warning says what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.parts.texture_wrapping import CLAMP, MIRROR, REPEAT, without_interpolation
from lift3d.io.mesh.common import decode_texture
from lift3d.io.mesh.gltf.document import GltfDocument, as_dict

_WRAPS = {10497: REPEAT, 33071: CLAMP, 33648: MIRROR}
_NEAREST = 9728
_READABLE = ("EXT_texture_avif", "EXT_texture_webp")
"""Extensions whose pictures are decoded, in order of preference."""
_SIGNATURES = ((b"\xabKTX ", "KTX2"), (b"DDS ", "DDS"), (b"glTF", "glTF"), (b"\x76\x2f\x31\x01", "EXR"))


@dataclass(frozen=True)
class Texture:
    """A picture, RGB or RGBA, and the wrap modes of u and v."""

    picture: Pil.Image
    wraps: tuple[str, str] = (REPEAT, REPEAT)


class Textures:
    """The textures of one document, each decoded once; `warnings` gains a sentence for each that cannot be."""

    def __init__(self, source: GltfDocument, warnings: list[str]) -> None:
        self.source, self.warnings = source, warnings
        self._textures: dict[int, Texture | None] = {}
        self._pictures: dict[int, Pil.Image | str] = {}

    def texture(self, index: object) -> Texture | None:
        """The texture at an index; None with a warning where it has no picture that can be decoded."""
        entry = self.source.item("textures", index)
        assert isinstance(index, int)
        if index not in self._textures:
            self._textures[index] = self._read(index, entry)
        return self._textures[index]

    def _read(self, index: int, entry: dict[str, object]) -> Texture | None:
        sampler = self.source.item("samplers", entry["sampler"]) if "sampler" in entry else {}
        wraps = tuple(_WRAPS.get(sampler.get(key, 10497), REPEAT) for key in ("wrapS", "wrapT"))
        reasons = []
        for image in self._candidates(entry):
            found = self._picture(image)
            if isinstance(found, str):
                reasons.append(found)
                continue
            if sampler.get("magFilter") == _NEAREST:
                found = without_interpolation(found)
            return Texture(found, (wraps[0], wraps[1]))
        self.warnings.append(reasons[-1] if reasons else f"the texture {index} has no picture")
        return None

    def _candidates(self, entry: dict[str, object]) -> Iterator[object]:
        """Indices of the pictures of a texture, the preferred one first and those that cannot be decoded last."""
        extensions = as_dict(entry.get("extensions"))
        named = {name: as_dict(value).get("source") for name, value in extensions.items()}
        preferred = [named.pop(name, None) for name in _READABLE]
        for image in (*preferred, entry.get("source"), *named.values()):
            if image is not None:
                yield image

    def _picture(self, index: object) -> Pil.Image | str:
        """The picture of an image, or a sentence that says why there is none."""
        entry = self.source.item("images", index)
        assert isinstance(index, int)
        if index not in self._pictures:
            self._pictures[index] = self._decode(index, entry)
        return self._pictures[index]

    def _decode(self, index: int, entry: dict[str, object]) -> Pil.Image | str:
        uri = entry.get("uri")
        named = isinstance(uri, str) and uri[:5].lower() != "data:"
        label = str(uri)[:80] if named else f"{entry.get('name') or index} of {self.source.name}"[:100]
        try:
            if isinstance(uri, str):
                data = self.source.resource(uri)
            elif "bufferView" in entry:
                whole, offset, length, _ = self.source.view(entry["bufferView"])
                data = whole[offset : offset + length]
            else:
                return f"the texture {label} has no data"
        except FileNotFoundError:
            return f"the texture {label} is missing"
        except (InputError, ValueError) as error:
            cause = error.cause if isinstance(error, InputError) else "its data are damaged"
            return f"the texture {label} is not read: {cause}"
        try:
            return decode_texture(data, label)
        except InputError as error:
            for signature, kind in _SIGNATURES:
                if data[: len(signature)] == signature:
                    return f"the texture {label} is a {kind} file, which lift3d does not decode, and has no PNG or JPEG beside it"
            return error.cause
