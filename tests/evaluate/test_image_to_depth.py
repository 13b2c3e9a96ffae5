"""Table of depth: known errors of a stub network and of the baselines."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.errors import CaptureError  # noqa: E402
from lift3d.evaluate import image_to_depth  # noqa: E402
from lift3d.evaluate.interface import Request  # noqa: E402
from lift3d.geometry.metrics.depth import aligned_errors  # noqa: E402

INVERSE = np.linspace(0.2, 1, 16, dtype=np.float32)[:, None].repeat(20, 1)


class Pictures:
    """Picture i is grey of value i; its inverse depth is linear in the row, in picture 1 in the column."""

    def __init__(self, folder: Path, split: str) -> None:
        assert split == "val"

    def __len__(self) -> int:
        return 3

    def rgb(self, i: int) -> np.ndarray:
        return np.full((16, 20, 3), i, np.uint8)

    def inverse_depth(self, i: int) -> np.ndarray:
        return np.linspace(0.2, 1, 20, dtype=np.float32)[None].repeat(16, 0) if i == 1 else INVERSE


def test_errors_are_means_over_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def network(image: Any, context: Any) -> Any:
        i = int(image.pixels[0, 0, 0])
        if i == 2:
            raise CaptureError("one colour", "choose another photo")
        return SimpleNamespace(z=5 / (Pictures(tmp_path, "val").inverse_depth(i) + 3))

    monkeypatch.setattr(image_to_depth, "DepthSet", Pictures)
    monkeypatch.setattr(image_to_depth, "ImageToDepth", lambda weights: network)
    written: list[str] = []
    monkeypatch.setattr(image_to_depth, "write_scenes", lambda *a: written.append(a[2]))
    monkeypatch.setattr(image_to_depth, "Corpus", lambda folder: None)
    done: list[float] = []
    request = Request("image-to-depth", Path("c"), tmp_path, split="val",
                      progress=lambda stage, fraction: done.append(fraction))  # fmt: skip
    table = image_to_depth.evaluate_image_to_depth(request).table
    assert written == ["val"], "scenes are rendered where there are none"
    rows, columns = (
        aligned_errors(0 * x, 1 / x).abs_rel for x in (INVERSE, Pictures(tmp_path, "val").inverse_depth(1))
    )
    assert table["constant"]["abs_rel"] == pytest.approx((2 * rows + columns) / 3, abs=1e-5)
    assert table["network"]["abs_rel"] == pytest.approx(rows / 3, abs=1e-5), (
        "a picture of one colour is a constant"
    )
    assert table["row"]["abs_rel"] == pytest.approx(columns / 3, abs=1e-5)
    assert table["row"]["delta1"] > table["constant"]["delta1"] and table["pictures"] == 3
    assert done == pytest.approx([1 / 3, 2 / 3, 1])
