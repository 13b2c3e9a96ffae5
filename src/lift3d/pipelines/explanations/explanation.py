"""The result of `lift3d explain`: the attribution as a map, its numbers, and the files that show it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.files.atomic import writing_together
from lift3d.io.mesh.meshes import save_mesh
from lift3d.pipelines.explanations.sheet import photo_sheet
from lift3d.runtime.json_text import to_json
from lift3d.types import F32, Image, Mesh, Provenance

MODEL_SUFFIXES = (".glb", ".ply")
"""Formats that hold the colours of vertices."""


@dataclass(frozen=True, eq=False)
class Region:
    """box: (x0, y0, x1, y1) in pixels of the photo; share: of the whole attribution, without signs; effect: "raises" or
    "lowers", by the sign of the sum."""

    box: tuple[int, int, int, int]
    share: float
    effect: str


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which parts of the input an output of a network is based on.

    what: "mask", "shape", "depth", "label" or "embedding"; target: the output in words; unit: of its value; method: "gradients"
    or "occlusion". attribution: (H, W) over `window`, or (X, Y, Z) in the network's grid: how much the output has because of each
    pixel or voxel. value, baseline: the output, and that for an input without content. completeness_error: how far the sum of
    the attribution is from the difference of the two, relative to it; None for occlusion. calls: evaluations of the network.

    Of a photo: window (x0, y0, x1, y1), the part that the map covers, in pixels of `image`; at: the pixel whose output is
    explained; on_object, object_area, on_edge: shares of the attribution on the object and near its silhouette, and the object's
    part of the window, None without a mask; regions: the strongest ones. channels: shares of colours and silhouette. Of a model:
    mesh, with vertex colours. category: of a label. scale: attribution of the full colour. provenance: the weights."""

    what: str
    target: str
    unit: str
    method: str
    attribution: F32
    value: float
    baseline: float
    completeness_error: float | None
    calls: int
    scale: float
    window: tuple[float, float, float, float] | None = None
    image: Image | None = None
    at: tuple[float, float] | None = None
    on_object: float | None = None
    object_area: float | None = None
    on_edge: float | None = None
    regions: tuple[Region, ...] = ()
    channels: dict[str, float] = field(default_factory=dict)
    mesh: Mesh | None = None
    category: str | None = None
    notes: tuple[str, ...] = ()
    provenance: tuple[Provenance, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        names = (
            "what", "target", "category", "method", "unit", "value", "baseline", "completeness_error", "calls", "scale", "at",
            "window", "on_object", "object_area", "on_edge", "channels", "regions", "notes", "provenance",
        )  # fmt: skip
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value not in (None, (), {})}

    def picture(self) -> Pil.Image:
        """The photo beside the attribution, with its colour scale; of a model, four views of it."""
        if self.mesh is not None:
            from lift3d.pipelines.preview import preview

            return Pil.fromarray(preview(self.mesh))
        assert self.image is not None and self.window is not None
        return photo_sheet(self.image, self.window, self.attribution, self.scale, self.at)

    def save(self, path: str | Path) -> list[Path]:
        """Write the picture (PNG), or the coloured model (GLB or PLY) with its picture NAME.png, and the numbers NAME.json.
        Returns the files, all of which appear together. InputError for another ending, or a file that cannot be written."""
        path = Path(path)
        require_suffix(path, self.mesh is None)
        files = files_of(path)
        with writing_together(*files) as parts:
            if self.mesh is not None:
                whole = parts[0].with_name(f"{parts[0].name}{path.suffix.lower()}")
                try:
                    save_mesh(self.mesh, whole)
                    whole.replace(parts[0])
                finally:
                    whole.unlink(missing_ok=True)
            picture = io.BytesIO()
            self.picture().save(picture, format="PNG", compress_level=6)
            parts[-2].write_bytes(picture.getvalue())
            parts[-1].write_text(to_json(self.to_dict()), encoding="utf-8")
        return files


def files_of(path: Path) -> list[Path]:
    """The files that `Explanation.save` writes for a path."""
    beside = path.with_suffix(".json")
    return [path, beside] if path.suffix.lower() == ".png" else [path, path.with_suffix(".png"), beside]


def require_suffix(path: Path, photo: bool) -> None:
    """InputError for an output that is not a PNG, of a photo, or a GLB or PLY, of a model."""
    known = (".png",) if photo else MODEL_SUFFIXES
    if path.suffix.lower() not in known:
        what = "photo is explained by a PNG" if photo else "model is explained by a coloured GLB or PLY"
        raise InputError(
            f"{path.name} does not end in {' or '.join(known)}: a {what}", "give it another name"
        )


def full_scale(values: F32) -> float:
    """The absolute value at which the full colour begins: that of one pixel in 500; 1 for a map of zeros."""
    size = np.abs(values[np.isfinite(values)])
    top = float(np.quantile(size, 0.998)) if len(size) else 0.0
    return top if top > 0 else float(size.max(initial=0.0)) or 1.0
