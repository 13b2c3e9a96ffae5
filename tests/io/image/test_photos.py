"""Photos of every kind become upright 8-bit sRGB with mask and focal length; bad ones give one sentence."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from heic_files import make_heic
from PIL import Image as Pil
from PIL import ImageCms

from lift3d.context import Context
from lift3d.errors import InputError, Lift3dError, MissingExtra
from lift3d.io.image import decode as pictures
from lift3d.io.image.photos import natural_key, read_photos

WIDTH, HEIGHT = 160, 120


def scene(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Four quadrants of different colours: every turn and flip can be told apart."""
    a = np.zeros((height, width, 3), np.uint8)
    a[: height // 2, : width // 2] = (220, 40, 40)
    a[: height // 2, width // 2 :] = (40, 200, 40)
    a[height // 2 :, : width // 2] = (40, 40, 210)
    a[height // 2 :, width // 2 :] = (230, 230, 230)
    return a


def save(folder: Path, count: int = 3, ending: str = "png") -> list[Path]:
    files = []
    for i in range(count):
        path = folder / f"photo{i + 1}.{ending}"
        Pil.fromarray(np.roll(scene(), i, axis=1)).save(path)
        files.append(path)
    return files


def one(path: Path, **options: object) -> np.ndarray:
    return read_photos(path, **options).images[0].pixels  # type: ignore[arg-type]


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 4) -> bool:
    """Equal but for compression, judged away from the quadrants' borders."""
    if a.shape != b.shape:
        return False
    h, w = a.shape[:2]
    rows, columns = [h // 4, 3 * h // 4], [w // 4, 3 * w // 4]
    return bool((np.abs(a[np.ix_(rows, columns)].astype(int) - b[np.ix_(rows, columns)]) <= tolerance).all())


# --- which files ---------------------------------------------------------------------------------


def test_order_is_natural_and_other_files_are_left_aside(tmp_path: Path) -> None:
    for name in ("img10.png", "img2.png", "IMG1.PNG"):
        Pil.fromarray(scene()).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "statue.obj.texture.jpg").write_bytes(b"x")  # of a model that we wrote there
    assert [i.name for i in read_photos(tmp_path).images] == ["IMG1.PNG", "img2.png", "img10.png"]
    assert sorted(["b10", "b9", "a"], key=natural_key) == ["a", "b9", "b10"]


def test_glob_and_list(tmp_path: Path) -> None:
    files = save(tmp_path, 4)
    assert len(read_photos(str(tmp_path / "photo[12].png"))) == 2
    assert [i.name for i in read_photos([files[2], files[0], files[2]]).images] == [
        "photo3.png",
        "photo1.png",
    ]
    assert len(read_photos([tmp_path, files[0]])) == 4


def test_equal_names_of_two_folders_stay_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save(tmp_path / name, 2)
    names = [i.name for i in read_photos([tmp_path / "a", tmp_path / "b"]).images]
    assert names == ["a/photo1.png", "a/photo2.png", "b/photo1.png", "b/photo2.png"]


def test_the_report_lists_every_file(tmp_path: Path) -> None:
    files = save(tmp_path)
    (tmp_path / "photo4.jpg").write_text("no picture")
    context = Context()
    photos = read_photos(tmp_path, context=context)
    inputs = context.report["read_photos"]["inputs"]
    assert [r["status"] for r in inputs] == ["read", "read", "read", "unreadable"]
    assert inputs[0]["sha256"] == hashlib.sha256(files[0].read_bytes()).hexdigest() == photos.images[0].sha256
    assert (inputs[0]["width"], inputs[0]["height"]) == (WIDTH, HEIGHT)
    assert "photo4.jpg is not a picture" in inputs[3]["reason"]
    assert len(photos) == 3


# --- every kind of picture -------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp", "bmp"])
def test_formats(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    Pil.fromarray(scene()).save(path, quality=95)
    assert close(one(path), scene(), 6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_orientation(tmp_path: Path, orientation: int, ending: str) -> None:
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
        8: lambda a: np.rot90(a, 3),
    }[orientation]
    stored = np.ascontiguousarray(undo(scene()))  # what the camera stored of the upright scene
    exif = Pil.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{ending}"
    Pil.fromarray(stored).save(path, exif=exif, quality=95)
    context = Context()
    image = read_photos(path, context=context).images[0]
    assert close(image.pixels, scene(), 6)
    record = context.report["read_photos"]["inputs"][0]
    assert (record["width"], record["height"]) == (WIDTH, HEIGHT)


def sixteen_bit_rgb_tiff(path: Path) -> None:
    """Written by hand: Pillow does not write it."""
    data = (scene().astype("<u2") * 257).tobytes()
    tags = [
        (256, 4, WIDTH), (257, 4, HEIGHT), (258, 3, None), (259, 3, 1), (262, 3, 2), (273, 4, None),
        (277, 3, 3), (278, 4, HEIGHT), (279, 4, len(data)),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, kind, value in tags:
        if tag == 258:
            entries += struct.pack("<HHII", tag, kind, 3, start)
        else:
            number = start + 6 if value is None else value
            entries += struct.pack("<HHII", tag, kind, 1, number)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    path.write_bytes(head + struct.pack("<3H", 16, 16, 16) + data)


def write_mode(path: Path, mode: str) -> np.ndarray:
    """Write the scene in a mode and return what must be read."""
    rgb = Pil.fromarray(scene())
    grey = np.asarray(rgb.convert("L"))
    if mode == "I;16":
        Pil.fromarray(grey.astype(np.uint16) * 257).save(path)
    elif mode == "I":
        Pil.fromarray(grey.astype(np.int32)).save(path)
    elif mode == "F":
        Pil.fromarray(grey.astype(np.float32) / 255).save(path)
    elif mode == "RGB;16":
        sixteen_bit_rgb_tiff(path)
        return scene()
    else:
        (rgb.quantize(16) if mode == "P" else rgb.convert(mode)).save(path)
        return scene() if mode not in ("L", "LA", "1") else np.stack([grey] * 3, -1)
    return np.stack([grey] * 3, -1)


@pytest.mark.parametrize(
    ("mode", "ending"),
    [
        *(("L", "png"), ("L", "jpg"), ("P", "png"), ("LA", "png"), ("RGBA", "png"), ("CMYK", "jpg")),
        *(("CMYK", "tif"), ("YCbCr", "jpg"), ("LAB", "tif"), ("I;16", "png"), ("I;16", "tif")),
        *(("I", "tif"), ("F", "tif"), ("RGB;16", "tif")),
    ],
)
@pytest.mark.parametrize("max_size", [None, 100])
def test_modes(tmp_path: Path, mode: str, ending: str, max_size: int | None) -> None:
    path = tmp_path / f"a.{ending}"
    want = write_mode(path, mode)
    if max_size is not None:
        want = np.asarray(Pil.fromarray(want).resize((100, 75), Pil.Resampling.LANCZOS))
    image = read_photos(path, max_size=max_size).images[0]
    assert close(image.pixels, want, 12 if mode in ("P", "LAB") else 6)
    assert image.mask is None  # an opaque alpha channel is no mask


def test_icc_profile_is_converted(tmp_path: Path) -> None:
    """A picture in a profile whose red and green are exchanged must come out exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    rows = [profile[i : i + 12] for i in range(132, 132 + 12 * struct.unpack(">I", profile[128:132])[0], 12)]
    at = {row[:4]: struct.unpack(">II", row[4:]) for row in rows}
    changed = bytearray(profile)
    (r, n), (g, _) = at[b"rXYZ"], at[b"gXYZ"]
    changed[r : r + n], changed[g : g + n] = profile[g : g + n], profile[r : r + n]
    for kind in ("utf-16-be", "ascii"):
        changed = changed.replace("sRGB built".encode(kind), "swap built".encode(kind))
    path = tmp_path / "a.png"
    Pil.fromarray(scene()).save(path, icc_profile=bytes(changed))
    assert close(one(path), scene()[..., [1, 0, 2]], 3)
    Pil.fromarray(scene()).save(path, icc_profile=b"broken")
    assert close(one(path), scene(), 0)


def test_heic(tmp_path: Path) -> None:
    pytest.importorskip("pi_heif")
    path = tmp_path / "a.heic"
    path.write_bytes(make_heic(scene()))
    assert close(one(path), scene(), 12)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"a\.heic"):
        read_photos(path)


def test_heic_without_its_extra_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pi_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(MissingExtra, match=r"lift3d\[heic\]"):
        read_photos(tmp_path)


# --- size and focal length -------------------------------------------------------------------------


def with_exif(
    path: Path, tags: dict[int, object], size: tuple[int, int] = (400, 300), orientation: int = 1
) -> Path:
    exif = Pil.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769).update(tags)
    Pil.fromarray(scene(*size)).save(path, exif=exif)
    return path


DIAGONAL = np.hypot(400, 300) / 43.2666


@pytest.mark.parametrize(
    ("tags", "want"),
    [
        ({0xA405: 28}, 28 * DIAGONAL),
        ({0x920A: 4.0, 0xA20E: 100.0, 0xA210: 4}, 400.0),
        ({0x920A: 4.0, 0xA20E: 1000.0, 0xA210: 3}, 400.0),
        ({0x920A: 4.0, 0xA20E: 2540.0, 0xA210: 2}, 400.0),
        ({0x920A: 4.0, 0xA20E: 1000.0, 0xA210: 4, 0xA002: 4000, 0xA003: 3000}, 400.0),  # made smaller since
        ({0xA405: 35, 0x920A: 4.0, 0xA20E: 102.0, 0xA210: 4}, 408.0),  # they agree: the exact one
        ({0xA405: 28, 0x920A: 4.0, 0xA20E: 900.0, 0xA210: 4}, 28 * DIAGONAL),  # they do not
        ({0xA405: 28, 0xA002: 4000, 0xA003: 4000}, None),  # cropped since
        ({0xA405: 0}, None),
        ({0xA405: 9000}, None),
        ({0x920A: 4.0}, None),
        ({}, None),
    ],
)
def test_focal_length(tmp_path: Path, tags: dict[int, object], want: float | None) -> None:
    focal = read_photos(with_exif(tmp_path / "a.jpg", tags)).images[0].focal
    assert focal == (None if want is None else pytest.approx(want, rel=1e-3))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("max_size", [200, 97])
def test_focal_length_scales_with_the_photo(tmp_path: Path, max_size: int, orientation: int) -> None:
    path = with_exif(tmp_path / "a.jpg", {0xA405: 28}, orientation=orientation)
    image = read_photos(path, max_size=max_size).images[0]
    assert max(image.width, image.height) == max_size
    assert (image.height > image.width) == (orientation == 6)
    assert image.focal == pytest.approx(28 * DIAGONAL * max_size / 400, rel=1e-3)


def test_resizing_is_antialiased_and_never_enlarges(tmp_path: Path) -> None:
    checker = (np.indices((512, 512)).sum(0) % 2 * 255).astype(np.uint8)
    for ending in ("png", "jpg"):
        Pil.fromarray(checker).save(tmp_path / f"a.{ending}", quality=100)
        small = one(tmp_path / f"a.{ending}", max_size=128)
        assert small.shape == (128, 128, 3) and np.abs(small[4:-4, 4:-4].astype(int) - 127).max() < 6
    assert one(tmp_path / "a.png", max_size=4000).shape[0] == 512


def test_the_memory_budget_bounds_the_set(tmp_path: Path) -> None:
    save(tmp_path, 4)
    context = Context(memory_budget=4 * 4 * WIDTH * HEIGHT * 3 // 2)
    photos = read_photos(tmp_path, context=context)
    assert sum(i.pixels.nbytes for i in photos.images) <= context.memory_budget // 4
    assert context.report["read_photos"]["resized_to_fit_memory"] < WIDTH


def test_the_same_files_give_the_same_pixels(tmp_path: Path) -> None:
    for i in range(6):
        noise = np.random.default_rng(i).integers(0, 255, (300, 400, 3)).astype(np.uint8)
        Pil.fromarray(noise).save(tmp_path / f"{i}.jpg")
    first, second = read_photos(tmp_path, max_size=150), read_photos(tmp_path, max_size=150)
    assert all((a.pixels == b.pixels).all() for a, b in zip(first.images, second.images))


# --- masks -----------------------------------------------------------------------------------------


def half_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, : WIDTH // 2] = 255
    return mask


def test_alpha_becomes_the_mask(tmp_path: Path) -> None:
    Pil.fromarray(np.dstack([scene(), half_mask()])).save(tmp_path / "a.png")
    image = read_photos(tmp_path / "a.png").images[0]
    assert image.mask is not None and (image.mask == (half_mask() > 0)).all()
    assert (image.pixels == scene()).all()
    small = read_photos(tmp_path / "a.png", max_size=80).images[0]
    assert small.mask is not None and small.mask.shape == (60, 80) and abs(small.mask.mean() - 0.5) < 0.02


@pytest.mark.parametrize(
    "pattern", ["{stem}.png", "{name}.png", "{stem}_mask.png", "mask_{stem}.png", "{stem}.mask.png"]
)
def test_masks_by_name(tmp_path: Path, pattern: str) -> None:
    files = save(tmp_path, 3, "jpg")
    masks = tmp_path / "masks"
    masks.mkdir()
    for f in files[:2]:
        Pil.fromarray(half_mask()).save(masks / pattern.format(stem=f.stem, name=f.name))
    context = Context()
    images = read_photos(tmp_path, masks=masks, context=context).images
    assert images[0].mask is not None and (images[0].mask == (half_mask() > 0)).all()
    assert images[2].mask is None and context.report["read_photos"]["without_mask"] == ["photo3.jpg"]


@pytest.mark.parametrize(
    "store",
    [
        lambda m: Pil.fromarray((m > 0).astype(np.uint8)),  # labels 0 and 1
        lambda m: Pil.fromarray(m > 0),
        lambda m: Pil.fromarray(m.astype(np.uint16) * 200),
        lambda m: Pil.fromarray(np.dstack([scene(), m])),
        lambda m: Pil.fromarray(m).resize((80, 60)),
        lambda m: Pil.fromarray(m).convert("P"),
    ],
)
def test_kinds_of_masks(tmp_path: Path, store: Callable[[np.ndarray], Pil.Image]) -> None:
    save(tmp_path, 1)
    (tmp_path / "masks").mkdir()
    store(half_mask()).save(tmp_path / "masks" / "photo1.png")
    mask = read_photos(tmp_path, masks=tmp_path / "masks").images[0].mask
    assert mask is not None and (mask == (half_mask() > 0)).mean() > 0.98


def test_a_mask_of_the_stored_photo_is_rotated(tmp_path: Path) -> None:
    with_exif(tmp_path / "a.jpg", {}, size=(WIDTH, HEIGHT), orientation=6)
    (tmp_path / "masks").mkdir()
    Pil.fromarray(half_mask()).save(tmp_path / "masks" / "a.png")
    image = read_photos(tmp_path, masks=tmp_path / "masks").images[0]
    assert image.mask is not None and (image.mask == np.rot90(half_mask() > 0, -1)).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: Pil.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(p / "photo1.png"), "all black"),
        (lambda p: Pil.fromarray(np.full((200, 200), 255, np.uint8)).save(p / "photo1.png"), "shapes differ"),
        (lambda p: Pil.fromarray(half_mask()).save(p / "other.png"), "named like a photo"),
        (lambda p: (p / "photo1.png").write_text("x"), "photo1.png is not a picture"),
        (lambda p: None, "named like a photo"),
        (lambda p: p.rmdir(), "does not exist"),
    ],
)
def test_wrong_masks(tmp_path: Path, make: Callable[[Path], object], message: str) -> None:
    save(tmp_path, 4)
    masks = tmp_path / "masks"
    masks.mkdir()
    make(masks)
    with pytest.raises(InputError, match=message):
        read_photos(tmp_path, masks=masks)


# --- bad input -------------------------------------------------------------------------------------


def truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    Pil.fromarray(noise).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:8000])


def huge(path: Path) -> None:
    """A PNG header of 20000 x 20000 pixels with little behind it."""
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(60001))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


BAD: list[tuple[Callable[[Path], object], str]] = [
    (truncated, r"bad\.jpg is damaged or cut short"),
    (lambda p: p.write_text("hello"), r"bad\.jpg is not a picture"),
    (lambda p: p.write_bytes(b""), r"bad\.jpg is empty"),
    (lambda p: Pil.new("RGB", (1, 1)).save(p), r"bad\.jpg is too small .*1x1"),
    (huge, r"bad\.jpg is too large .*400 megapixels"),
    (lambda p: p.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n"), "is not a picture"),
    (lambda p: Pil.fromarray(np.zeros((99, 99, 4), np.uint8)).save(p, "PNG"), "fully transparent"),
    (lambda p: p.symlink_to("/dev/zero"), "not a regular file"),
    (lambda p: p.symlink_to("nowhere"), "does not exist"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_one_bad_photo_is_left_out_of_many_and_an_error_of_few(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    import re

    save(tmp_path, 3)
    make(tmp_path / "bad.jpg")
    listed = [tmp_path / "bad.jpg", *sorted(tmp_path.glob("photo*"))]
    context = Context()
    try:
        photos = read_photos(listed, context=context)
    except InputError as error:  # a path that is not there at all is refused in any list
        assert "there are no photos at" in str(error)
        return
    assert len(photos) == 3
    record = next(r for r in context.report["read_photos"]["inputs"] if r["name"] == "bad.jpg")
    assert record["status"] == "unreadable" and re.search(message, record["reason"])
    with pytest.raises(InputError, match=message) as caught:
        read_photos(listed[:3])
    assert "\n" not in str(caught.value)


def test_all_bad_photos_are_counted(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / f"{i}.jpg").write_text("x")
    with pytest.raises(InputError, match=r"4 of 4 photos cannot be used; the first: 0\.jpg"):
        read_photos(tmp_path)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        read_photos(tmp_path)
    (tmp_path / "walk.mp4").write_bytes(b"x")
    with pytest.raises(InputError, match="name the video file itself"):
        read_photos(tmp_path)
    (tmp_path / "inner").mkdir()
    save(tmp_path / "inner", 1)
    with pytest.raises(InputError, match="did you mean .*inner"):
        read_photos(tmp_path)
    for source in (tmp_path / "missing", str(tmp_path / "*.jpg"), []):
        with pytest.raises(InputError):
            read_photos(source)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who can be refused")
def test_a_photo_without_permission(tmp_path: Path) -> None:
    path = save(tmp_path, 1)[0]
    path.chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read_photos(path)


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
def test_damaged_bytes_give_a_picture_or_a_sentence(ending: str) -> None:
    out = io.BytesIO()
    exif = Pil.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0xA405] = 28
    Pil.fromarray(scene(96, 80)).save(
        out, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending.upper()), exif=exif
    )
    good = out.getvalue()
    rng = np.random.default_rng(7)
    outcomes = set()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(rng.integers(1, 8)):
            data[rng.integers(0, min(len(data), 400) if rng.random() < 0.7 else len(data))] = rng.integers(
                0, 256
            )
        if rng.random() < 0.3:
            del data[rng.integers(1, len(data)) :]
        try:
            with np.errstate(all="ignore"):
                pictures.decode(bytes(data), "a", 64)
            outcomes.add("read")
        except Lift3dError as error:
            assert str(error).startswith("a ")
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
