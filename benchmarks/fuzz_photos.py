"""Photos, masks and cameras for `fuzz.py`: undamaged files, and the functions that read them."""

from __future__ import annotations

import io
import json
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageCms

from lift3d.io.camera.cameras import read_known_cameras
from lift3d.io.image.decode import decode
from lift3d.io.image.masks import decode_mask
from lift3d.io.mesh.common import decode_texture
from lift3d.io.mesh.points import load_surface

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from tiff_files import write_tiff  # noqa: E402

Read = Callable[[bytes, Path], int]
SIDE = 64
_RAMP = np.arange(SIDE * SIDE * 3, dtype=np.uint32).reshape(SIDE, SIDE, 3)


def jpegs() -> list[bytes]:
    """Baseline, progressive, CMYK and grey, with EXIF and a colour profile."""
    exif = Pil.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 35
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rgb = _picture("RGB")
    return [
        _saved(rgb, "JPEG", exif=exif.tobytes(), icc_profile=icc),
        _saved(rgb, "JPEG", progressive=True),
        _saved(_picture("CMYK"), "JPEG"),
        _saved(_picture("L"), "JPEG"),
    ]


def pngs() -> list[bytes]:
    """8 and 16 bits, palette, grey with alpha."""
    deep = Pil.fromarray((_RAMP[..., 0] % 4000).astype(np.uint16))
    return [
        _saved(_picture("RGB"), "PNG"),
        _saved(_picture("RGBA"), "PNG"),
        _saved(_picture("P"), "PNG"),
        _saved(_picture("LA"), "PNG"),
        _saved(deep, "PNG"),
    ]


def others() -> list[bytes]:
    """WebP, BMP and PPM."""
    return [_saved(_picture("RGB"), kind) for kind in ("WEBP", "BMP", "PPM")]


def tiffs() -> list[bytes]:
    """8 to 32 bits, integers and floating point, planes, predictors, BigTIFF, LZW, JPEG."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.tif")
        wide = (_RAMP % 65536).astype(np.uint16)
        made = [
            write_tiff(file, wide, 2, compression=8, predictor=2).read_bytes(),
            write_tiff(file, (_RAMP / 9999).astype(np.float32), 2, compression=8, predictor=3).read_bytes(),
            write_tiff(file, wide, 2, planar=True).read_bytes(),
            write_tiff(file, wide[..., :1], 1, order=">", big=True, ascii_tags={42113: "7"}).read_bytes(),
        ]
    return [
        *made,
        _saved(_picture("RGB"), "TIFF", compression="tiff_lzw"),
        _saved(_picture("L"), "TIFF", compression="tiff_jpeg"),
    ]


def transforms() -> list[bytes]:
    """transforms.json of nerfstudio and instant-ngp."""
    pose = np.eye(4).tolist()
    frames = [{"file_path": f"images/{k}.png", "transform_matrix": pose, "k1": 0.01} for k in range(2)]
    first = {
        "camera_model": "OPENCV",
        "w": 100,
        "h": 80,
        "fl_x": 90.0,
        "fl_y": 90.0,
        "cx": 50,
        "cy": 40,
        "frames": frames,
    }
    second = {"camera_angle_x": 0.7, "w": 100, "h": 80, "aabb_scale": 4, "frames": frames}
    return [json.dumps(first, indent=1).encode(), json.dumps(second).encode()]


def polycam() -> list[bytes]:
    """A camera of Polycam's raw data."""
    pose = {f"t_{r}{c}": float(r == c) for r in range(3) for c in range(4)}
    return [
        json.dumps({"fx": 90.0, "fy": 90, "cx": 50, "cy": 40, "width": 100, "height": 80, **pose}).encode()
    ]


COLMAP_TEXT = {
    "cameras.txt": b"# cameras\n1 OPENCV 100 80 90 90 50 40 0.01 0 0 0\n2 SIMPLE_RADIAL 100 80 90 50 40 0.02\n",
    "images.txt": b"# images\n1 1 0 0 0 0 0 1 1 a b.png\n10 20 1 30 40 -1\n2 0.7 0.7 0 0 1 0 1 2 c.png\n\n",
    "points3D.txt": b"1 0.5 0.5 0.5 255 0 0 0.1 1 0\n2 1 2 3 0 0 0 -1 1 1 2 0\n",
}
COLMAP_BINARY = {
    "cameras.bin": struct.pack("<QiiQQ8d", 1, 1, 4, 100, 80, 90, 90, 50, 40, 0.01, 0, 0, 0),
    "images.bin": struct.pack("<Qi7di", 1, 1, 1, 0, 0, 0, 0, 0, 1, 1)
    + b"a.png\0"
    + struct.pack("<Q2dq", 1, 9, 9, 1),
    "points3D.bin": struct.pack("<QQ3d3BdQ2i", 1, 1, 0.5, 0.5, 0.5, 255, 0, 0, 0.1, 1, 1, 0),
}


def known_formats() -> dict[str, tuple[list[bytes], Read]]:
    """(seeds, function that reads a damaged one) by name."""
    found: dict[str, tuple[list[bytes], Read]] = {
        "photos, JPEG": (jpegs(), _photo),
        "photos, PNG": (pngs(), _photo),
        "photos, TIFF": (tiffs(), _photo),
        "photos, other": (others(), _photo),
        "masks": ([*pngs(), jpegs()[3]], _mask),
        "textures": ([*pngs(), *jpegs(), *others()[:2]], lambda data, _: decode_texture(data, "a").width),
        "transforms.json": (transforms(), _cameras("transforms.json", {})),
        "Polycam JSON": (polycam(), _cameras("keyframes/cameras/a.json", {})),
        "points, PLY": ([POINTS, POINTS_BINARY], _points),
    }
    for files in (COLMAP_TEXT, COLMAP_BINARY):
        for name in files:
            found[f"COLMAP {name}"] = ([files[name]], _cameras(name, files))
    return found


POINTS = (
    b"ply\nformat ascii 1.0\ncomment unit: m\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
    b"property float nx\nproperty float ny\nproperty float nz\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
    b"end_header\n0 0 0 0 0 1 255 0 0\n1 2 3 0 1 0 0 0 255\n"
)
POINTS_BINARY = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    + np.arange(9, dtype="<f4").tobytes()
)


def _picture(mode: str) -> Pil.Image:
    return Pil.fromarray((_RAMP % 251).astype(np.uint8)).convert(mode)


def _saved(picture: Pil.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _photo(data: bytes, folder: Path) -> int:
    found = decode(data, "a.png", 256)
    assert found.pixels.dtype == np.uint8 and found.pixels.ndim == 3
    return 1


def _mask(data: bytes, folder: Path) -> int:
    return int(decode_mask(data, "a.png", (SIDE, SIDE), (SIDE, SIDE), 1).any())


def _cameras(name: str, files: dict[str, bytes]) -> Read:
    def read(data: bytes, folder: Path) -> int:
        for file, content in {**files, name: data}.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        known = read_known_cameras(folder)
        assert all(np.isfinite(camera.world_to_camera).all() for camera in known.cameras.values())
        return len(known.cameras)

    return read


def _points(data: bytes, folder: Path) -> int:
    (folder / "x.ply").write_bytes(data)
    found = load_surface(folder / "x.ply")
    return len(found) if hasattr(found, "xyz") else len(found.faces)
