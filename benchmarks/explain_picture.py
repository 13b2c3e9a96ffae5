"""docs/images/explain.jpg: the mask, the depth and the shape of an example photo, explained.

python benchmarks/explain_picture.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image as Pil

from lift3d import explain
from lift3d.pipelines.explanations.sheet import PAPER

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("mask", "depth", "shape")
HEIGHT = 300


def main() -> None:
    sheets = []
    for what in SHOWN:
        sheet = explain(ROOT / "examples/photos/owl_05.jpg", what=what).picture()
        sheets.append(sheet.resize((sheet.width * HEIGHT // sheet.height, HEIGHT), Pil.Resampling.LANCZOS))
    page = Pil.new("RGB", (max(s.width for s in sheets), HEIGHT * len(sheets)), PAPER)
    for k, sheet in enumerate(sheets):
        page.paste(sheet, (0, k * HEIGHT))
    page.save(ROOT / "docs/images/explain.jpg", quality=85)


if __name__ == "__main__":
    main()
