"""Which pixels of a photo, or voxels of a model, an output of a network is based on: the pipeline of `lift3d explain`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.context import Context, Progress
from lift3d.errors import CaptureError
from lift3d.geometry.image.map_regions import edge_band, share_on, strongest_regions
from lift3d.geometry.image.prompt_maps import Prompts
from lift3d.nets import require_torch
from lift3d.pipelines.arguments import (
    ModelSource,
    PathLike,
    PhotoSource,
    load_photo,
    or_silent,
    require_axis,
    require_other_file,
)
from lift3d.pipelines.classify import is_photo
from lift3d.pipelines.explanations.explanation import (
    Explanation,
    Region,
    files_of,
    full_scale,
    require_suffix,
)
from lift3d.pipelines.explanations.photo_input import PhotoInput, prepare_photo
from lift3d.pipelines.explanations.request import STEPS, Request, choose_output
from lift3d.pipelines.pictures.prompts import Points, parse_prompts, prompts_on
from lift3d.types import F32, Image

if TYPE_CHECKING:
    from lift3d.inference.attribution.methods import Attribution
    from lift3d.inference.attribution.target import Target

MAX_SIZE = 2048
"""Longer side in pixels to which a photo is reduced."""
SMOOTH = 0.02
"""Standard deviation, by the longer side of the map, of the smoothing before regions are found and colours are shown."""
INEXACT = 0.1
"""Completeness error from which the user is warned."""


def explain(
    source: PhotoSource | ModelSource,
    output: PathLike | None = None,
    *,
    what: str | None = None,
    method: str = "gradients",
    at: Points = None,
    region: str = "whole",
    category: str | None = None,
    object_at: Points = None,
    box: str | None = None,
    steps: int = STEPS,
    weights: str | None = None,
    up: str = "z",
    progress: Progress | None = None,
) -> Explanation:
    """Explain an output of a network by the pixels or voxels that it is based on.

    source: a photo (a path, an array (H, W, 3) uint8 or a Pillow image) or a model (a path or a mesh). what: of a photo "shape"
    (default), "mask", "depth" or "label"; of a model "label" (default) or "embedding". method: "gradients" (integrated gradients
    of at most `steps` points) or "occlusion" (windows replaced by grey). at: the pixel (x, y) whose mask, depth or thickness of
    the shape is explained; without it the whole object, or the nearest point where no object stands out. region: of the shape,
    the "front", "back", "left", "right", "top" or "bottom" half. category: the label that is explained, by default the most
    probable. object_at, box: a click on the object or a box around it, as `at` and `box` of `lift3d.mask`. weights: of the
    explained network, a run's folder or a weights file. up: the upright axis of a model whose format states none. output: a PNG,
    of a model a GLB or PLY, to write, with the numbers beside it in NAME.json.

    Returns an `Explanation`. Raises InputError for what cannot be explained, CaptureError for a photo without an object."""
    require_torch()
    require_axis(up)
    photo = is_photo(source)
    clicks = parse_prompts(at)
    request = Request(
        choose_output(what, photo),
        method,
        region,
        clicks.clicks[0] if clicks else None,
        category,
        steps,
        weights,
    )
    path = None if output is None else _check_output(source, Path(os.fspath(output)), photo)
    context = Context(progress=or_silent(progress))
    if photo:
        prompts = parse_prompts(object_at, None, box)
        found = _explain_photo(source, request, prompts, context)  # type: ignore[arg-type]
    else:
        assert isinstance(source, str | os.PathLike | trimesh.Trimesh)
        found = _explain_model(source, request, up, context)
    if path is not None:
        found.save(path)
    return found


def _check_output(source: object, output: Path, photo: bool) -> Path:
    require_suffix(output, photo)
    require_other_file(source, output, files_of(output)[1:], what="photo" if photo else "model")
    return output


def _explain_photo(source: PhotoSource, request: Request, prompts: Prompts, context: Context) -> Explanation:
    image = load_photo(source, context, MAX_SIZE)
    given = Prompts(() if request.at is None else (request.at,))
    clicks = prompts_on(image, given).clicks
    request = Request(**{**vars(request), "at": clicks[0] if clicks else None})
    ready = prepare_photo(image, request, prompts_on(image, prompts), context)
    attribution = _attribute(ready.target, request, context)
    values = smoothed(attribution.values.sum(0).numpy().astype(np.float32))
    return photo_explanation(ready, request, attribution, values)


def smoothed(values: F32) -> F32:
    """A map (H, W), smoothed so that single pixels, between which gradients fluctuate, become regions."""
    return np.asarray(ndimage.gaussian_filter(values, SMOOTH * max(values.shape), mode="nearest"), np.float32)


def photo_explanation(
    ready: PhotoInput, request: Request, attribution: Attribution, values: F32
) -> Explanation:
    """The result for a photo. values (h, w): the map over the window."""
    image, target, window = ready.image, ready.target, ready.window
    original = 1.0 if image.original_size is None else image.original_size[0] / image.width
    h, w = values.shape
    sx, sy = (window[2] - window[0]) / w, (window[3] - window[1]) / h
    regions = tuple(
        Region(
            (
                round((window[0] + r.box[0] * sx) * original), round((window[1] + r.box[1] * sy) * original),
                round((window[0] + r.box[2] * sx) * original), round((window[1] + r.box[3] * sy) * original),
            ),
            round(r.share, 4),
            "raises" if r.value >= 0 else "lowers",
        )
        for r in strongest_regions(values)
    )  # fmt: skip
    on_object = area = on_edge = None
    if image.mask is not None:
        mask = mask_over(image.mask, window, (w, h))
        on_object, area = round(share_on(values, mask), 4), round(float(mask.mean()), 4)
        on_edge = round(share_on(values, edge_band(mask)), 4)
    return Explanation(
        request.what, target.what, target.unit, request.method, values, attribution.value, attribution.baseline,
        attribution.completeness_error, attribution.calls, full_scale(values), window, image, ready.at, on_object, area,
        on_edge, regions, channel_shares(target, attribution), None, ready.category, _notes(image, attribution),
        target.provenance,
    )  # fmt: skip


def mask_over(
    mask: NDArray[np.bool_], window: tuple[float, float, float, float], size: tuple[int, int]
) -> NDArray[np.bool_]:
    """(height, width) bool: a mask (H, W) over a window of the photo, at a size (width, height); False outside the photo."""
    part = Pil.fromarray(mask.astype(np.uint8) * 255).transform(
        size, Pil.Transform.EXTENT, window, Pil.Resampling.BILINEAR
    )
    return np.asarray(part) > 127


def _explain_model(source: ModelSource, request: Request, up: str, context: Context) -> Explanation:
    from lift3d.pipelines.explanations.model_input import coloured_mesh, prepare_model

    ready = prepare_model(source, request, up)
    attribution = _attribute(ready.target, request, context)
    values = attribution.values[0].numpy().astype(np.float32)
    mesh, scale = coloured_mesh(source, up, values, ready.to_grid)
    notes = (*ready.notes, *_notes(None, attribution))
    return Explanation(
        request.what, ready.target.what, ready.target.unit, request.method, values, attribution.value, attribution.baseline,
        attribution.completeness_error, attribution.calls, scale, mesh=mesh, category=ready.category, notes=notes,
        provenance=ready.target.provenance,
    )  # fmt: skip


def _attribute(target: Target, request: Request, context: Context) -> Attribution:
    from lift3d.inference.attribution.target import attribute

    found = attribute(
        target, request.method, request.steps, lambda fraction: context.progress("attribution", fraction)
    )
    context.progress("attribution", 1.0)
    if not bool(found.values.isfinite().all()):
        raise CaptureError("the network gives values that are not finite", "try --method occlusion")
    return found


def channel_shares(target: Target, attribution: Attribution) -> dict[str, float]:
    """The share of each group of channels in the attribution, without signs; empty where there is one group, or for occlusion,
    which replaces all channels together."""
    if len(target.channels) < 2 or attribution.completeness_error is None:
        return {}
    sums = {}
    for name, part in zip(
        (name for name, _ in target.channels), attribution.values.split([n for _, n in target.channels])
    ):
        sums[name] = float(np.abs(smoothed(part.sum(0).numpy())).sum())
    total = max(sum(sums.values()), 1e-300)
    return {name: round(value / total, 4) for name, value in sums.items()}


def _notes(image: Image | None, attribution: Attribution) -> tuple[str, ...]:
    notes = [] if image is None else [warning.rstrip(".") for warning in image.warnings]
    error = attribution.completeness_error
    if error is not None and error > INEXACT:
        notes.append(
            f"the sum of the attribution differs by {100 * error:.0f} % from the change of the output: use more --steps"
        )
    return tuple(notes)
