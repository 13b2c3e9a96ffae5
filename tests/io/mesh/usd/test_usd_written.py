"""What is written as USDZ is read as it was: tinted textures and what their alpha means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.types import WHITE, Bytes4, Material, Part

pytest.importorskip("pxr")


@pytest.mark.parametrize("colour", [WHITE, (128, 255, 64, 255), (255, 255, 255, 128)])
@pytest.mark.parametrize("alphas", [(255, 255), (0, 255), (10, 200)])
def test_tint_and_alpha_survive(colour: Bytes4, alphas: tuple[int, int]) -> None:
    from lift3d.io.mesh import usdz_reader, usdz_writer

    picture = Pil.fromarray(np.array([[(200, 100, 255, a) for a in alphas]], np.uint8))
    v = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 1]])
    part = Part(v, np.array([[0, 1, 2]]), v[:, [0, 2]], None, Material("m", colour, picture))
    back = usdz_reader.read(usdz_writer.write(part, "m"), Path("a.usdz")).parts[0].material
    assert back is not None and back.texture is not None
    got = np.asarray(back.texture.convert("RGBA")) * (np.array(back.colour) / 255)
    want = np.array([[200, 100, 255]]) * (np.array(colour[:3]) / 255)
    assert (
        np.abs(got[0, :, :3] - want).max() <= 4
    )  # the product of sRGB values is nearly that of linear light
    assert np.abs(got[0, :, 3] - np.array(alphas) * colour[3] / 255).max() <= 1
