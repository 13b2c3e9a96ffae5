"""TIFF beyond 8-bit RGB: every sample type, order, predictor and layout gives the values that were written; channels of unknown
meaning are one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from tiff_files import write_tiff

from lift3d.errors import InputError
from lift3d.io.image import tiff
from lift3d.io.image.photos import read_photos

HEIGHT, WIDTH = 70, 90


def ramp(channels: int, kind: str) -> np.ndarray:
    """Samples that fill the range of their type, every channel its own way."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    share = np.stack(
        [(x + 1) / WIDTH, (y + 1) / HEIGHT, (x + y) / (WIDTH + HEIGHT), x * 0 + 0.5, y / HEIGHT * x / WIDTH],
        -1,
    )
    if kind.startswith("f"):
        return share[..., :channels].astype(kind)
    return (share[..., :channels] * np.iinfo(kind).max).astype(kind)


def only(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """The pixels of one photo and its warnings."""
    photos = read_photos([path])
    return photos.images[0].pixels, photos.images[0].warnings


def expected(samples: np.ndarray) -> np.ndarray:
    top = 1.0 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    return samples / top * 255


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("planar", [False, True])
def test_colours_of_every_type(tmp_path: Path, order: str, kind: str, planar: bool) -> None:
    samples = ramp(3, kind)
    pixels, warnings = only(write_tiff(tmp_path / "a.tif", samples, 2, order=order, planar=planar))
    assert np.abs(pixels - expected(samples)).max() <= 0.51 and warnings == ()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("kind", "predictor"), [("u1", 2), ("u2", 1), ("u2", 2), ("f4", 1), ("f4", 3), ("f2", 3), ("f8", 3)]
)
@pytest.mark.parametrize("big", [False, True])
def test_compression_and_predictors(tmp_path: Path, order: str, kind: str, predictor: int, big: bool) -> None:
    samples = ramp(3, kind)
    path = write_tiff(
        tmp_path / "a.tif", samples, 2, order=order, compression=8, predictor=predictor, big=big
    )
    page = tiff.read_page(path.read_bytes())
    assert np.array_equal(tiff.read_samples(path.read_bytes(), page, "a"), samples)
    assert np.abs(only(path)[0] - expected(samples)).max() <= 0.51


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd", "lzma"])
def test_the_compressions_that_pillow_unpacks(tmp_path: Path, compression: str) -> None:
    values = (ramp(1, "u2")[..., 0] // 3 + 7).astype(np.uint16)
    try:
        Pil.fromarray(values).save(tmp_path / "a.tif", compression=compression)
    except (KeyError, OSError, ValueError, RuntimeError):
        pytest.skip("this Pillow does not write it")
    data = (tmp_path / "a.tif").read_bytes()
    assert np.array_equal(tiff.read_samples(data, tiff.read_page(data), "a")[..., 0], values)


def test_against_tifffile_in_tiles(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    samples = ramp(3, "u2")
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples.transpose(2, 0, 1),
        tile=(32, 48),
        photometric="rgb",
        planarconfig="separate",
    )
    data = (tmp_path / "a.tif").read_bytes()
    assert np.array_equal(tiff.read_samples(data, tiff.read_page(data), "a"), samples)


def test_packed_bits_fill_the_range(tmp_path: Path) -> None:
    """12-bit samples, two in three bytes."""
    values = np.linspace(0, 4095, HEIGHT * WIDTH).astype(np.uint32).reshape(HEIGHT, WIDTH)
    bits = (values[..., None] >> np.arange(11, -1, -1)) & 1
    packed = np.packbits(bits.reshape(HEIGHT, -1), axis=1)
    path = write_tiff(tmp_path / "a.tif", packed[..., None], 1, {256: (WIDTH,), 258: (12,)})
    assert np.abs(only(path)[0][..., 0] - values / 4095 * 255).max() <= 0.51


def test_white_is_zero(tmp_path: Path) -> None:
    samples = ramp(1, "u2")
    pixels, _ = only(write_tiff(tmp_path / "a.tif", samples, 0))
    assert np.abs(pixels[..., 0] - (255 - expected(samples[..., 0]))).max() <= 1


@pytest.mark.parametrize(("extra", "kind"), [(1, "u1"), (2, "u2"), (2, "f4")])
def test_transparency_is_the_mask(tmp_path: Path, extra: int, kind: str) -> None:
    samples = ramp(4, kind)
    samples[..., 3] = 0
    samples[20:40, 20:60, 3] = 1 if kind.startswith("f") else np.iinfo(kind).max
    photo = read_photos([write_tiff(tmp_path / "a.tif", samples, 2, {338: (extra,)})]).images[0]
    assert photo.mask is not None and photo.mask.sum() == 20 * 40 and photo.mask[20:40, 20:60].all()


def test_grey_with_transparency(tmp_path: Path) -> None:
    samples = ramp(2, "u2")
    photo = read_photos([write_tiff(tmp_path / "a.tif", samples, 1, {338: (2,)})]).images[0]
    assert np.array_equal(photo.mask, samples[..., 1] >> 8 >= 128)


@pytest.mark.parametrize("extras", [(0, 0), (0, 1)])
def test_more_channels_than_colours_are_said(tmp_path: Path, extras: tuple[int, int]) -> None:
    samples = ramp(5, "u1")
    pixels, (warning,) = only(write_tiff(tmp_path / "a.tif", samples, 2, {338: extras}))
    assert np.array_equal(pixels, samples[..., :3])
    unused = 2 - (1 in extras)
    assert warning.startswith(
        f"{unused} of its 5 channels {'is' if unused == 1 else 'are'} not used: only red, green and blue"
    )


@pytest.mark.parametrize("channels", [2, 4, 5])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_multispectral_pictures_are_refused_with_their_channels(
    tmp_path: Path, channels: int, kind: str
) -> None:
    path = write_tiff(tmp_path / "a.tif", ramp(channels, kind), 1, {338: (0,) * (channels - 1)})
    with pytest.raises(
        InputError, match=f"a.tif has {channels} channels, as pictures of multispectral cameras have"
    ):
        read_photos([path])


def test_three_channels_without_meaning_are_colours_with_a_warning(tmp_path: Path) -> None:
    samples = ramp(3, "u1")
    pixels, (warning,) = only(write_tiff(tmp_path / "a.tif", samples, 1, {338: (0, 0)}))
    assert np.array_equal(pixels, samples) and "taken as red, green and blue" in warning


@pytest.mark.parametrize(
    ("photometric", "channels", "tags", "message"),
    [
        (32803, 1, {}, "raw data of a camera's sensor"),
        (34892, 3, {}, "raw data of a camera's sensor"),
        (10, 3, {}, "16 bits in the colour space ITU"),
        (6, 3, {}, "16 bits in the colour space YCbCr"),
        (32845, 3, {}, "colour space LogLuv"),
        (12345, 3, {}, "colour space number 12345"),
        (5, 4, {332: (2,)}, "other inks than CMYK"),
    ],
)
def test_colour_spaces_that_are_not_ours(
    tmp_path: Path, photometric: int, channels: int, tags: dict, message: str
) -> None:
    path = write_tiff(tmp_path / "a.tif", ramp(channels, "u2"), photometric, tags)
    with pytest.raises(InputError, match=message):
        read_photos([path])


def test_complex_samples_and_unknown_compression_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="complex samples"):
        read_photos([write_tiff(tmp_path / "a.tif", ramp(1, "u4"), 1, {339: (6,)})])
    with pytest.raises(InputError, match="5 channels of 8 bits and JPEG compression"):
        read_photos([write_tiff(tmp_path / "b.tif", ramp(5, "u1"), 2, {259: (7,), 338: (0, 0)})])


@pytest.mark.parametrize("photometric", [8, 9])
@pytest.mark.parametrize("bits", [8, 16])
def test_lab(tmp_path: Path, photometric: int, bits: int) -> None:
    """White, black, mid-grey and red of CIE L*a*b* relative to D50."""
    lab = np.array([[100, 0, 0], [0, 0, 0], [53.389, 0, 0], [54.29, 80.81, 69.89]])
    want = np.array([[255, 255, 255], [0, 0, 0], [127.5, 127.5, 127.5], [255, 0, 0]])
    step = 1 << (bits - 8)
    stored = np.rint(
        np.c_[lab[:, 0] / 100 * (2**bits - 1), (lab[:, 1:] + (128 if photometric == 9 else 0)) * step]
    )
    stored = (stored.astype(np.int64) % 2**bits).astype(f"u{bits // 8}")
    samples = np.repeat(np.repeat(stored[None, :, :], HEIGHT, 0), 20, 1)
    pixels, _ = only(write_tiff(tmp_path / "a.tif", samples, photometric))
    assert np.abs(pixels[0, 10::20].astype(float) - want).max() <= 3


def test_cmyk_of_16_bits(tmp_path: Path) -> None:
    samples = np.zeros((HEIGHT, WIDTH, 4), np.uint16)
    samples[:, WIDTH // 2 :, :3] = 65535
    pixels, (warning,) = only(write_tiff(tmp_path / "a.tif", samples, 5))
    assert (
        (pixels[:, 0] > 250).all()
        and (pixels[:, -1] < 30).all()
        and "CMYK without a colour profile" in warning
    )


@pytest.mark.parametrize("mode", ["1", "P", "L", "CMYK", "YCbCr", "RGBA", "LA"])
def test_what_pillow_reads_stays_with_it(tmp_path: Path, mode: str) -> None:
    rgb = Pil.fromarray(np.kron(ramp(3, "u1")[::10, ::10], np.ones((10, 10, 1), np.uint8)))
    picture = rgb.convert("L").convert("LA") if mode == "LA" else rgb.convert(mode)
    picture.save(tmp_path / "a.tif")
    want = np.asarray(Pil.open(tmp_path / "a.tif").convert("RGB"))
    assert np.array_equal(only(tmp_path / "a.tif")[0], want)


def test_pages_are_counted_and_reduced_copies_skipped(tmp_path: Path) -> None:
    first, second = Pil.fromarray(ramp(3, "u1")), Pil.fromarray(255 - ramp(3, "u1"))
    first.save(tmp_path / "a.tif", save_all=True, append_images=[second])
    pixels, warnings = only(tmp_path / "a.tif")
    assert warnings == ("it has 2 pages; the first is used",) and np.array_equal(pixels, ramp(3, "u1"))
    first.save(tmp_path / "b.tif", save_all=True, append_images=[second], tiffinfo={254: 1})
    data = bytearray((tmp_path / "b.tif").read_bytes())
    page = tiff.read_page(bytes(data))
    assert page.pages in (1, 2)


@pytest.mark.parametrize("stated", ["-9999", "0", "nan"])
def test_missing_values_of_gdal(tmp_path: Path, stated: str) -> None:
    samples = ramp(1, "f4") + 0.01
    samples[:10] = float(stated)
    pixels, warnings = only(write_tiff(tmp_path / "a.tif", samples, 1, ascii_tags={42113: stated}))
    assert (pixels[:10] <= 3).all() and pixels[10:].max() > 200
    assert any("14 % of the values" in w for w in warnings)


def test_every_cut_is_a_picture_or_a_sentence(tmp_path: Path) -> None:
    data = write_tiff(tmp_path / "a.tif", ramp(3, "u2"), 2, compression=8).read_bytes()
    rng = np.random.default_rng(0)
    for k in range(60):
        broken = bytearray(data)
        if k % 2:
            for at in rng.integers(0, len(data), 8):
                broken[at] = rng.integers(256)
        else:
            broken = broken[: rng.integers(4, len(data))]
        (tmp_path / "b.tif").write_bytes(broken)
        try:
            read_photos([tmp_path / "b.tif"])
        except InputError as error:
            assert "b.tif" in str(error)


def test_a_dng_is_raw_data_and_not_its_thumbnail(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", ramp(3, "u1"), 2, {254: (1,), 50706: (1, 4, 0, 0)})
    with pytest.raises(InputError, match="a.tif holds the raw data of a camera's sensor"):
        read_photos([path])
