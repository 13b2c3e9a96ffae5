"""JPEG files larger than the limit are decoded at a reduced size, or refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.image import decode as decoding
from lift3d.io.image.decode import decode
from lift3d.io.image.large_jpeg import open_large_jpeg


def jpeg(width: int, height: int, **options: object) -> bytes:
    out = io.BytesIO()
    ramp = np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))
    Pil.fromarray(ramp).save(out, "JPEG", quality=80, **options)
    return out.getvalue()


def test_only_what_becomes_small_enough_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_PIXELS", 400_000)
    data = jpeg(1600, 1200)
    picture = decode(data, "large.jpg", 400)
    assert picture.pixels.shape == (300, 400, 3) and picture.full_size == (1600, 1200)
    assert np.allclose(picture.pixels[150, ::40, 0], np.linspace(0, 255, 401)[20:-20:40] - 13, atol=16)
    for bad in ((data, None), (data, 1600), (jpeg(1600, 1200, progressive=True), 400), (data[:300], 400)):
        with pytest.raises(InputError):
            decode(bad[0], "large.jpg", bad[1])
    assert open_large_jpeg(b"not a JPEG", 10, 100) is None
    assert open_large_jpeg(b"\xff\xd8\xff" + bytes(99), 10, 100) is None


@pytest.mark.slow
def test_two_hundred_megapixels() -> None:
    picture = decode(jpeg(16320, 12240), "phone.jpg", 1800)
    assert picture.pixels.shape == (1350, 1800, 3)
