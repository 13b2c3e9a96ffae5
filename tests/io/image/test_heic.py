"""HEIC of 10 bits in HDR: the colours are those of the scene, with a warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from heic_files import make_heic

from lift3d.geometry.image import video_colour as vc
from lift3d.io.image.photos import read_photos

pytest.importorskip("pi_heif")


@pytest.mark.parametrize("transfer", [vc.PQ, vc.HLG])
def test_hdr(tmp_path: Path, transfer: int) -> None:
    signal = np.zeros((128, 192, 3))
    signal[:, :96], signal[:, 96:] = (0.5, 0.35, 0.3), (0.3, 0.45, 0.5)
    deep = np.rint(signal * 65535).astype(np.uint16)
    (tmp_path / "a.heic").write_bytes(make_heic(deep, (9, transfer, 9)))
    image = read_photos([tmp_path / "a.heic"]).images[0]
    want = vc.rgb_to_srgb8(signal[:1, [20, 170]].astype(np.float32), transfer, 9)[0]
    assert np.abs(image.pixels[64, [20, 170]].astype(int) - want).max() <= 6
    assert image.warnings == (
        f"it is HDR ({vc.HDR[transfer]}); its light is mapped to the smaller range of sRGB",
    )


def test_a_picture_of_10_bits_that_is_not_hdr_has_no_warning(tmp_path: Path) -> None:
    deep = np.full((128, 192, 3), 30000, np.uint16)
    (tmp_path / "a.heic").write_bytes(make_heic(deep, (1, 13, 1)))
    image = read_photos([tmp_path / "a.heic"]).images[0]
    assert image.warnings == () and np.abs(image.pixels.astype(int) - 117).max() <= 3
