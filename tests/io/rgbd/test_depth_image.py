"""Depth images: values of every format, what means nothing becomes 0, and what is no depth is refused."""

from pathlib import Path

import numpy as np
import pytest
from exr_files import write_exr
from PIL import Image as Pil
from rgbd_frames import frames_of, save_colour, save_depth, walk

from lift3d.errors import InputError
from lift3d.io.rgbd.depth_image import INVALID, is_depth_picture, metres, parse_depth_unit, raw_depth

VALUES = np.array([[0, 500, 1200], [INVALID, 65534, 1]])


@pytest.mark.parametrize(
    ("text", "steps"), [("mm", 1000), ("CM", 100), ("m", 1), ("5000", 5000), (1000.0, 1000), ("1e3", 1000)]
)
def test_units(text: str | float, steps: float) -> None:
    assert parse_depth_unit(text) == pytest.approx(steps)


@pytest.mark.parametrize("text", ["", "km", "0", "-5", "nan", "1e99", "5000mm", "mm; rm"])
def test_other_units_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="unit of depth"):
        parse_depth_unit(text)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm", "a.npy"])
def test_integers(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.endswith("npy"):
        np.save(path, VALUES.astype(np.uint16))
    else:
        Pil.fromarray(VALUES.astype(np.uint16)).save(path)
    out, floating = raw_depth(path)
    assert not floating and out.tolist() == [[0, 500, 1200], [0, 65534, 1]]
    assert metres(out, 1000)[0, 1] == np.float32(0.5)


@pytest.mark.parametrize("name", ["a.tiff", "a.npy", "a.exr"])
def test_floating_point(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    values = np.array([[0, 1.5, np.nan], [np.inf, -2, 65535]], np.float32)
    if name.endswith("npy"):
        np.save(path, values[..., None])
    elif name.endswith("exr"):
        path.write_bytes(write_exr(values))
    else:
        Pil.fromarray(values).save(path)
    out, floating = raw_depth(path)
    assert floating and out.tolist() == [[0, 1.5, 0], [0, 0, 65535]]


def test_previews_and_pickles_are_refused(tmp_path: Path) -> None:
    save_colour(tmp_path / "grey.png", np.zeros((8, 8), np.uint8))
    save_colour(tmp_path / "colour.png", np.zeros((8, 8, 3), np.uint8))
    np.save(tmp_path / "objects.npy", np.array([{}, 1], object), allow_pickle=True)
    np.save(tmp_path / "line.npy", np.zeros(5))
    (tmp_path / "text.npy").write_text("no")
    (tmp_path / "text.exr").write_text("no")
    for path in tmp_path.iterdir():
        with pytest.raises(InputError, match="depth image"):
            raw_depth(path)


def test_depth_pictures_are_told_from_photos(tmp_path: Path) -> None:
    z = frames_of(walk(1))[0].depth.z
    save_depth(tmp_path / "depth.png", z)
    assert is_depth_picture(tmp_path / "depth.png")
    rng = np.random.default_rng(0)
    thermal = (3000 + 200 * rng.random((60, 80))).astype(np.uint16)
    Pil.fromarray(thermal).save(tmp_path / "thermal.png")
    speckle = (60000 * rng.random((60, 80)) * (rng.random((60, 80)) > 0.1)).astype(np.uint16)
    Pil.fromarray(speckle).save(tmp_path / "speckle.png")
    save_colour(tmp_path / "photo.png", np.zeros((60, 80, 3), np.uint8))
    for name in ("thermal.png", "speckle.png", "photo.png", "missing.png"):
        assert not is_depth_picture(tmp_path / name)
