"""Composites of objects over photographs, with their true masks: two sets, none of whose pictures are used in training.

The first has the pictures of ../shared/data/images over the photographs beside them. The second has portraits of figures and
animals from the Debian package wesnoth-1.16-data and renderings of the models of ../shared/data/meshes, over photographs of the
package opencv-doc: each once over the calmest and once over the busiest of eight crops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pil

SIDE, TRIES = 512, 5
PORTRAITS, MODELS, CROPS = 24, 20, 8
PHOTOGRAPHS = (
    "plant", "aero1", "aloeL", "baboon", "board", "building", "butterfly", "ela_original", "fruits",
    "graf1", "home", "leuvenA", "messi5", "rubberwhale1", "squirrel_cls", "stuff", "scenetext01",
    "scenetext02", "scenetext03", "scenetext04", "scenetext05", "scenetext06",
    "scenetext_segmented_word01",
)  # fmt: skip
"""Of the package opencv-doc: photographs, without drawings, pages and second views."""


@dataclass(frozen=True, eq=False)
class Composite:
    """name, rgb (S, S, 3) uint8, the true mask (S, S) bool, and the number of the object."""

    name: str
    rgb: np.ndarray
    mask: np.ndarray
    item: int


def first_set(data: Path) -> Iterator[Composite]:
    """32 objects, each five times over one of 16 photographs."""
    behind = backgrounds(data)
    items = [path for path in sorted((data / "images").rglob("*.png")) if is_cut_out(path)]
    for number, path in enumerate(items):
        item = cropped(Pil.open(path).convert("RGBA"))
        for k in range(TRIES):
            rng = np.random.default_rng([number, k])
            size = rng.uniform(0.5, 0.9)
            back = behind[rng.integers(len(behind))]
            h, w = back.shape[:2]
            side = int(min(h, w) * rng.uniform(0.6, 1))
            y, x = rng.integers(h - side + 1), rng.integers(w - side + 1)
            yield compose(path.name, item, size, back[y : y + side, x : x + side], rng, number)


def second_set(data: Path, cache: Path) -> Iterator[Composite]:
    """Each object over a calm and over a busy part of a photograph."""
    items = [*portraits(cache), *models(data)]
    behind = other_photographs(cache)
    for number, (name, picture) in enumerate(items):
        item = cropped(picture)
        for busy in (False, True):
            rng = np.random.default_rng([7, number, int(busy)])
            size = rng.uniform(0.35, 0.9)
            yield compose(
                f"{name}, {'busy' if busy else 'calm'}", item, size, crop_of(behind, busy, rng), rng, number
            )


def backgrounds(data: Path) -> list[np.ndarray]:
    """Photographs of the sample data, none of which is part of the corpus."""
    files = [*sorted((data / "multiview/buddha").rglob("*.jpg"))[::9], *sorted((data / "stereo").rglob("*.png"))[:1],
             *sorted((data / "rgbd").rglob("color/*.jpg")), *sorted((data / "rgbd").rglob("*.ppm"))]  # fmt: skip
    pictures = [np.asarray(Pil.open(path).convert("RGB")) for path in files]
    return [picture for picture in pictures if min(picture.shape[:2]) >= 300]


def is_cut_out(path: Path) -> bool:
    """Whether the picture defines the object by transparency; a few pictures are opaque, on grey."""
    picture = Pil.open(path)
    return "A" in picture.getbands() and picture.getchannel("A").getextrema()[0] < 10


def cropped(picture: Pil.Image) -> Pil.Image:
    """The picture without its transparent margin."""
    return picture.crop(picture.getchannel("A").getbbox() or picture.getbbox())


def compose(
    name: str, item: Pil.Image, size: float, back: np.ndarray, rng: np.random.Generator, number: int
) -> Composite:
    """The object, its longer side a fraction `size` of the picture, over a square photograph, with slight noise."""
    scale = size * SIDE / max(item.size)
    item = item.resize([max(1, round(x * scale)) for x in item.size], Pil.Resampling.LANCZOS)
    canvas = Pil.fromarray(back).resize((SIDE, SIDE), Pil.Resampling.LANCZOS)
    at = tuple(int(rng.uniform(0.2, 0.8) * (SIDE - s)) for s in item.size)
    canvas.paste(item, at, item)
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    alpha[at[1] : at[1] + item.height, at[0] : at[0] + item.width] = np.asarray(item.getchannel("A"))
    noisy = np.asarray(canvas, np.float64) + rng.normal(0, 4, (SIDE, SIDE, 3))
    return Composite(name, noisy.clip(0, 255).astype(np.uint8), alpha > 127, number)


def portraits(cache: Path) -> list[tuple[str, Pil.Image]]:
    """Painted figures and animals with transparency."""
    from lift3d.corpus.packages.obtain import obtain

    root = obtain("wesnoth-1.16-data", cache, wanted=lambda path: "core/images/portraits" in path).root
    files = sorted(
        f for f in (root / "usr/share/games").rglob("*") if f.suffix in (".png", ".webp") and f.is_file()
    )
    files = [f for f in files if is_cut_out(f)]
    return [
        (f.stem, Pil.open(f).convert("RGBA")) for f in files[:: max(len(files) // PORTRAITS, 1)][:PORTRAITS]
    ]


def models(data: Path) -> list[tuple[str, Pil.Image]]:
    """Renderings of models, seen from a little above."""
    from lift3d import api

    files = [*sorted((data / "meshes").rglob("*.glb")), *sorted((data / "meshes").rglob("*.obj"))]
    out = []
    for k, path in enumerate(files[:: max(len(files) // MODELS, 1)][:MODELS]):
        up = "y" if path.suffix == ".obj" else "z"
        views = api.render(path, views=3, elevation=20, size=384, background="transparent", up=up)
        out.append((path.stem, Pil.fromarray(views[k % 3].rgba)))
    return out


def other_photographs(cache: Path) -> list[np.ndarray]:
    """The photographs of opencv-doc."""
    from lift3d.corpus.packages.obtain import obtain

    root = obtain("opencv-doc", cache, wanted=lambda path: path.endswith((".jpg", ".png"))).root
    files = sorted((root / "usr/share/doc/opencv-doc/examples").rglob("*.*"))
    found = {f.stem: f for f in files if "trimap" not in str(f)}
    return [np.asarray(Pil.open(found[name]).convert("RGB")) for name in PHOTOGRAPHS]


def crop_of(behind: list[np.ndarray], busy: bool, rng: np.random.Generator) -> np.ndarray:
    """The square crop with the largest, or the smallest, mean gradient of CROPS random ones."""
    crops = []
    for _ in range(CROPS):
        back = behind[rng.integers(len(behind))]
        h, w = back.shape[:2]
        side = int(min(h, w) * rng.uniform(0.6, 1))
        y, x = rng.integers(h - side + 1), rng.integers(w - side + 1)
        crops.append(back[y : y + side, x : x + side])
    return (max if busy else min)(crops, key=detail)


def detail(picture: np.ndarray) -> float:
    """Mean absolute difference of neighbouring pixels at 128 pixels."""
    small = np.asarray(Pil.fromarray(picture).convert("L").resize((128, 128), Pil.Resampling.BOX), np.float64)
    return float(np.abs(np.diff(small, axis=0)).mean() + np.abs(np.diff(small, axis=1)).mean())
