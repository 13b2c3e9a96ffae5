"""One image as the files of a shard, and back. Names follow WebDataset: KEY.rgb.jpg, KEY.mask.png, KEY.json and
optionally KEY.depth.png, KEY.normal.png.

    rgb      the image, as the recipe's JPEG
    mask     8 bits: 255 where the object is visible, 64 where it is occluded, 0 elsewhere
    depth    16 bits: 0 outside the object, else near + (value - 1) / 65534 (far - near), with (near, far) of the json
    normal   8 bits per channel: 0 outside the object, else (value - 128) / 127, camera frame
    json     camera (K and world_to_camera), depth range, key, category, split, and all sampled parameters
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.pictures.picture_maker import SIZE_RANGE, Picture
from lift3d.errors import InputError
from lift3d.io.image.decode import open_picture
from lift3d.types import F32, Camera

EXTRAS = ("depth", "normals")
VISIBLE, HIDDEN = 255, 64
NAMES = {"rgb.jpg": "JPEG", "mask.png": "PNG", "depth.png": "PNG", "normal.png": "PNG", "json": ""}
NAME = re.compile(r"([0-9a-f]{16}-[0-9]{4,9})\.(" + "|".join(map(re.escape, NAMES)) + ")")
_STEPS = 65534


def sample_key(key: str, view: int) -> str:
    """The common name of the files of an image; without dots, as WebDataset requires."""
    return f"{hashlib.sha256(key.encode()).hexdigest()[:16]}-{view:04d}"


def encode_sample(shot: Picture, extras: tuple[str, ...]) -> dict[str, bytes]:
    """The bytes of the files of an image by suffix. extras: any of EXTRAS."""
    mask = np.where(shot.mask, VISIBLE, np.where(shot.full_mask, HIDDEN, 0)).astype(np.uint8)
    files = {"rgb.jpg": shot.jpeg, "mask.png": _png(Pil.fromarray(mask))}
    record = dict(shot.record)
    if "depth" in extras:
        codes, record["depth"] = encode_depth(shot.depth, shot.full_mask)
        files["depth.png"] = _png(Pil.fromarray(codes))
    if "normals" in extras:
        files["normal.png"] = _png(Pil.fromarray(encode_normals(shot.normals, shot.full_mask)))
    camera = shot.camera
    record["camera"] = {
        "width": camera.width, "height": camera.height, "fx": camera.fx, "fy": camera.fy, "cx": camera.cx,
        "cy": camera.cy, "world_to_camera": camera.world_to_camera.tolist(),
    }  # fmt: skip
    files["json"] = json.dumps(record, sort_keys=True).encode()
    return files


def encode_depth(z: F32, full_mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint16], list[float]]:
    """Codes (S, S) uint16 of the depth (S, S) inside the mask (S, S), and [near, far]."""
    inside = z[full_mask].astype(np.float64)
    near, far = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 1.0)
    codes = np.zeros(z.shape, np.uint16)
    codes[full_mask] = 1 + np.rint((inside - near) / max(far - near, 1e-9) * _STEPS)
    return codes, [near, far]


def decode_depth(codes: NDArray[np.uint16], near: float, far: float) -> F32:
    """(S, S) depth of its codes (S, S); 0 outside the object."""
    z = near + (codes.astype(np.float64) - 1) / _STEPS * (far - near)
    return np.where(codes > 0, z, 0).astype(np.float32)


def encode_normals(normals: F32, full_mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(S, S, 3) uint8 codes of unit normals (S, S, 3) inside the mask (S, S); 0 elsewhere."""
    codes = np.rint(128 + 127 * np.clip(normals, -1, 1))
    return np.where(full_mask[..., None], codes, 0).astype(np.uint8)


def decode_normals(codes: NDArray[np.uint8]) -> F32:
    """(S, S, 3) unit normals of their codes; 0 outside the object."""
    n = (codes.astype(np.float32) - 128) / 127
    n /= np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-6)
    return np.where(codes.any(-1, keepdims=True), n, 0).astype(np.float32)


def _png(picture: Pil.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=4)
    return out.getvalue()


def decode_sample(key: str, files: dict[str, bytes]) -> dict[str, Any]:
    """The sample of its files: "key", "rgb" (S, S, 3) uint8, "mask" and "full_mask" (S, S) bool, "camera", "record", and where
    they exist "depth" (S, S) and "normals" (S, S, 3) float32. Raises InputError for files that `encode_sample` did not
    write."""
    try:
        record: dict[str, Any] = json.loads(files["json"])
        view = dict(record["camera"])
        pose = np.array(view.pop("world_to_camera"), np.float64)
        numbers = {name: view[name] for name in ("fx", "fy", "cx", "cy")}
        size = (int(view["width"]), int(view["height"]))
        if (
            not all(math.isfinite(float(value)) for value in numbers.values())
            or not 0 < max(size) <= SIZE_RANGE[1]
        ):
            raise ValueError("numbers out of range")
        camera = Camera(*size, **numbers, world_to_camera=pose)
        pixels = {name: _pixels(files[name], f"{key}.{name}", kind, size) for name, kind in NAMES.items()
                  if kind and name in files}  # fmt: skip
        mask = pixels["mask.png"]
        out = {
            "key": key,
            "rgb": pixels["rgb.jpg"],
            "mask": mask == VISIBLE,
            "full_mask": mask > 0,
            "camera": camera,
            "record": record,
        }
        if "depth.png" in pixels:
            near, far = (float(x) for x in record["depth"])
            out["depth"] = decode_depth(pixels["depth.png"], near, far)
        if "normal.png" in pixels:
            out["normals"] = decode_normals(pixels["normal.png"])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"the sample {key} of a shard is damaged ({error})", "render the pictures again"
        ) from error
    return out


_MODES = {
    "rgb.jpg": ("RGB",),
    "mask.png": ("L",),
    "depth.png": ("I;16", "I;16B", "I"),
    "normal.png": ("RGB",),
}


def _pixels(data: bytes, name: str, kind: str, size: tuple[int, int]) -> NDArray[Any]:
    picture = open_picture(data, name, (kind,))
    if picture.size != size or picture.mode not in _MODES[name.split(".", 1)[1]]:
        raise ValueError(f"{name} is {picture.width}x{picture.height} {picture.mode}")
    try:
        picture.load()
    except Exception as error:  # decoders raise anything on damaged files
        raise ValueError(f"{name} cannot be decoded") from error
    values = np.array(picture)
    return values.astype(np.uint16) if values.dtype.kind == "i" else values
