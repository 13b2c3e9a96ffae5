"""Values of any type to 8 bits: the range of the type where they fill it, a stretch that is said where they do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from tiff_files import write_tiff

from lift3d.errors import InputError
from lift3d.io.image import png16
from lift3d.io.image.photos import read_photos
from lift3d.io.image.value_range import common_limits, to_eight_bit
from lift3d.io.image.warnings import photo_warnings
from lift3d.types import Image

RAMP = np.linspace(0, 1, 70 * 90).reshape(70, 90)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("u2", 0, 65535), ("u2", 0, 40000), ("u4", 0, 2**32 - 1), ("f4", 0, 1), ("f4", -0.02, 1.03), ("f4", 0, 255),
     ("f8", 0, 65535), ("i2", 0, 255)],
)  # fmt: skip
def test_values_that_fill_their_range_are_scaled_by_it(kind: str, low: float, high: float) -> None:
    values = (low + RAMP * (high - low)).astype(kind)
    found = to_eight_bit(values)
    top = (
        1
        if kind.startswith("f") and high < 2
        else 255
        if high <= 255
        else 2**32 - 1
        if kind == "u4"
        else 65535
    )
    assert found.stretched is None and found.warnings == ()
    assert np.abs(found.values - np.clip(values / top * 255, 0, 255)).max() <= 0.51


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("u2", 0, 4095), ("u2", 7000, 8020), ("u2", 60000, 61000), ("u4", 0, 65535), ("i2", -2000, 3000), ("i2", 27000, 31000),
     ("f4", 15.5, 41.5), ("f4", -30, 80), ("f4", 280, 320), ("f4", 0.4, 0.5), ("f4", 0, 12.5), ("f8", 0, 1e9)],
)  # fmt: skip
def test_other_values_are_stretched_and_that_is_said(kind: str, low: float, high: float) -> None:
    """12 bits in 16, thermal cameras, degrees, kelvin, HDR."""
    found = to_eight_bit((low + RAMP * (high - low)).astype(kind))
    assert found.values.min() <= 1 and found.values.max() == 255 and 70 < found.values.std() < 76
    (warning,) = found.warnings
    assert "stretched to the full contrast" in warning and found.stretched is not None
    low_found, high_found = found.stretched
    assert abs(low_found - low) <= 0.002 * (high - low) and abs(high_found - high) <= 0.002 * (high - low)


def test_one_bright_pixel_does_not_darken_the_rest() -> None:
    values = (1000 + 500 * RAMP).astype(np.uint16)
    values[0, 0] = 65535
    assert to_eight_bit(values).values.std() > 70


def test_colours_are_stretched_together_and_keep_their_black() -> None:
    values = np.stack([RAMP * 4000, RAMP * 2000, RAMP * 1000], -1).astype(np.uint16)
    found = to_eight_bit(values)
    assert found.stretched is not None and found.stretched[0] == 0
    bright = found.values[-5, -5].astype(float)
    assert np.allclose(bright / bright[0], [1, 0.5, 0.25], atol=0.01)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_black_and_said(bad: float) -> None:
    values = RAMP.astype(np.float32)
    values[:7] = bad
    found = to_eight_bit(values)
    assert (found.values[:7] == 0).all() and found.values[-1, -1] == 255
    assert found.warnings == ("10 % of the values are not finite numbers and are shown black",)


@pytest.mark.parametrize(("kind", "value"), [("u2", 7000), ("f4", 20.0), ("f4", 0.0), ("i2", -5)])
def test_a_flat_picture_stays_flat(kind: str, value: float) -> None:
    found = to_eight_bit(np.full((64, 64), value, kind))
    assert np.ptp(found.values) == 0 and found.stretched is None


def test_bytes_are_left_alone() -> None:
    values = np.arange(100, 110, dtype=np.uint8).reshape(2, 5)
    assert to_eight_bit(values).values is values


def test_one_range_for_all_photos_unless_one_would_lose_its_contrast() -> None:
    assert common_limits([(10.0, 20), (15, 30)]) == (10, 30)
    assert common_limits([(10.0, 20), (100, 1000)]) is None


def test_photos_of_one_set_have_one_range(tmp_path: Path) -> None:
    """A thermal set: equal temperatures have equal grey levels in all photos; one warning for all."""
    for k, (low, high) in enumerate([(7000, 8000), (7200, 8200), (7100, 7900)]):
        Pil.fromarray((low + RAMP * (high - low)).astype(np.uint16)).save(tmp_path / f"{k}.png")
    photos = read_photos(tmp_path)
    (warning,) = photos.warnings
    assert warning.startswith("0.png and 2 others: 16-bit values from 7000 to 8199 are stretched")
    for image, low, high in zip(photos.images, (7000, 7200, 7100), (8000, 8200, 7900)):
        want = np.clip((low + RAMP * (high - low) - 7001) / 1198 * 255, 0, 255)
        assert np.abs(image.pixels[..., 0] - want).max() <= 1


def png_of_16_bits(path: Path, samples: np.ndarray, filters: int) -> Path:
    """A PNG of (H, W, C) uint16 whose rows all have one filter."""
    import struct
    import zlib

    height, width, channels = samples.shape
    raw = samples.astype(">u2").view(np.uint8).reshape(height, -1).astype(np.int64)
    step = 2 * channels
    left = np.pad(raw, ((0, 0), (step, 0)))[:, :-step]
    up = np.pad(raw, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(raw, ((1, 0), (step, 0)))[:-1, :-step]
    p = left + up - corner
    costs = np.abs(np.stack([p - left, p - up, p - corner]))
    paeth = np.choose(costs.argmin(0), [left, up, corner])
    predicted = (0 * raw, left, up, (left + up) // 2, paeth)[filters]
    rows = np.c_[np.full(height, filters), (raw - predicted) % 256].astype(np.uint8).tobytes()

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    packed = zlib.compress(rows)
    body = chunk(b"IDAT", packed[:100]) + chunk(b"IDAT", packed[100:])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("filters", range(5))
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_of_16_bits_keeps_all_of_them(tmp_path: Path, filters: int, channels: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (70, 90, channels)).astype(np.uint16)
    path = png_of_16_bits(tmp_path / "a.png", samples, filters)
    assert np.asarray(Pil.open(path)).shape[:2] == (70, 90)  # Pillow accepts it
    assert png16.has_lost_bits(path.read_bytes()) and np.array_equal(
        png16.read_samples(path.read_bytes()), samples
    )


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_12_bits_of_colour_in_16(tmp_path: Path, suffix: str) -> None:
    """Of 12 bits in a PNG of 16, Pillow keeps 16 grey levels."""
    samples = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], -1) * 4095
    path, kept = tmp_path / f"a.{suffix}", samples.astype(np.uint16)
    png_of_16_bits(path, kept, 1) if suffix == "png" else write_tiff(path, kept, 2)
    image = read_photos([path]).images[0]
    assert len(np.unique(image.pixels)) > 250 and "stretched" in image.warnings[0]
    assert np.abs(image.pixels - samples / 4095 * 255).max() <= 1.5


def test_full_16_bits_of_colour_are_not_stretched(tmp_path: Path) -> None:
    path = png_of_16_bits(tmp_path / "a.png", (np.stack([RAMP] * 3, -1) * 65535).astype(np.uint16), 2)
    image = read_photos([path]).images[0]
    assert image.warnings == () and np.abs(image.pixels[..., 0] - RAMP * 255).max() <= 1


def test_transparency_of_a_png_of_16_bits(tmp_path: Path) -> None:
    samples = (np.stack([RAMP] * 4, -1) * 4095).astype(np.uint16)
    samples[..., 3] = 0
    samples[:20, :, 3] = 65535
    image = read_photos([png_of_16_bits(tmp_path / "a.png", samples, 0)]).images[0]
    assert image.mask is not None and image.mask[:20].all() and not image.mask[20:].any()


@pytest.mark.parametrize(
    ("opacity", "outcome"),
    [((0, 0), "fully transparent"), ((115, 115), "ignored"), ((0, 115), "half of that"), ((0, 255), "mask"),
     ((255, 255), "none")],
)  # fmt: skip
def test_opacity(tmp_path: Path, opacity: tuple[int, int], outcome: str) -> None:
    rgba = np.full((64, 64, 4), 90, np.uint8)
    rgba[..., 3], rgba[16:32, 16:32, 3] = opacity
    Pil.fromarray(rgba).save(tmp_path / "a.png")
    if outcome == "fully transparent":
        with pytest.raises(InputError, match="fully transparent"):
            read_photos([tmp_path / "a.png"])
        return
    image = read_photos([tmp_path / "a.png"]).images[0]
    if outcome in ("ignored", "none"):
        assert image.mask is None and (outcome == "none" or "opacity is 45 % everywhere" in image.warnings[0])
        return
    assert image.mask is not None and image.mask.sum() == 256
    assert outcome == "mask" or "at most 45 %" in image.warnings[0]


def test_animated_pictures_are_said(tmp_path: Path) -> None:
    frames = [Pil.fromarray(np.full((64, 64, 3), v, np.uint8)) for v in (10, 200)]
    for suffix in ("png", "webp"):
        frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
        image = read_photos([tmp_path / f"a.{suffix}"]).images[0]
        assert image.warnings == ("it is animated; its first picture is used",) and image.pixels.max() == 10


def test_a_damaged_colour_profile_is_said(tmp_path: Path) -> None:
    Pil.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(
        tmp_path / "a.png", icc_profile=b"no profile at all"
    )
    image = read_photos([tmp_path / "a.png"]).images[0]
    assert image.warnings == ("its colour profile cannot be used and is ignored",)


def test_the_formats_in_a_message_include_heic(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match="PPM, HEIC"):
        read_photos([tmp_path / "a.jpg"])


def test_photos_that_are_left_out_are_said(tmp_path: Path) -> None:
    for k in range(3):
        Pil.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / f"{k}.png")
    (tmp_path / "3.png").write_bytes(b"no picture")
    (warning,) = read_photos(tmp_path).warnings
    assert warning.startswith("A photo is left out: 3.png is not a picture that lift3d can read")


def test_many_warnings_are_few_sentences() -> None:
    images = [
        Image(np.zeros((64, 64, 3), np.uint8), f"{k}.png", warnings=(f"warning {k}",)) for k in range(20)
    ]
    found = photo_warnings(images)
    assert len(found) == 8 and found[0] == "0.png: warning 0." and found[-1].startswith("13 more warnings")


@pytest.mark.parametrize("name", ["a.dng", "a.NEF", "a.gif", "a.avif", "a.exr"])
def test_a_folder_of_other_pictures_names_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        InputError, match=f"holds no photos that lift3d reads, but 1 of another format, such as {name}"
    ):
        read_photos(tmp_path)


def test_a_depth_image_is_not_taken_for_a_photo_in_silence(tmp_path: Path) -> None:
    depth = np.linspace(600, 4000, 80 * 100).reshape(80, 100).astype(np.uint16)
    depth[10:20, 10:40] = 0
    Pil.fromarray(depth).save(tmp_path / "depth.png")
    assert any("depth image" in w for w in read_photos([tmp_path / "depth.png"]).images[0].warnings)
    grey = np.linspace(0, 40000, 80 * 100).reshape(80, 100).astype(np.uint16)
    grey[10:20, 10:40] = 0
    Pil.fromarray(grey).save(tmp_path / "grey.png")
    assert not any("depth image" in w for w in read_photos([tmp_path / "grey.png"]).images[0].warnings)
