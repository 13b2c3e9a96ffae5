"""A model in the browser, as one HTML file: the pipeline of `lift3d view`."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
import webbrowser
from pathlib import Path

from lift3d.errors import InputError, Lift3dWarning
from lift3d.geometry.parts.convert import y_up_to_z_up
from lift3d.io.files.atomic import write_bytes
from lift3d.io.mesh.meshes import SUFFIXES_WITH_UP_AXIS, glb_bytes
from lift3d.pipelines.arguments import (
    Message,
    ModelSource,
    PathLike,
    load_model_mesh,
    mesh_warnings,
    name_of,
    require_axis,
    require_other_file,
)
from lift3d.viewer.html import viewer_html

LARGEST = 200_000_000
"""Bytes of a GLB above which browsers run out of memory or of patience."""
ENDINGS = (".html", ".htm")


def view(
    mesh: ModelSource,
    output: PathLike | None = None,
    *,
    up: str = "z",
    open_browser: bool = True,
    message: Message | None = None,
) -> Path:
    """Write one HTML file that shows the model, open it in the browser, and return its path.

    mesh: a file or a mesh. NAME.uncertainty.ply beside the file, which `reconstruct` writes on request, becomes the display of
    the confidence. output: .html; without it the file is written to a new temporary folder of the user. up: "y" or "z", the
    upright axis of a mesh or of a file whose format does not state it. message: see `convert`.

    Raises InputError for a file that cannot be read or written, and a model whose GLB has more than 200 MB.
    """
    require_axis(up)
    target = None if output is None else Path(output).expanduser()
    if target is not None and target.suffix.lower() not in ENDINGS:
        raise InputError(f"{target.name} is not a name for an HTML file", "use the ending .html")
    if target is not None:
        require_other_file(mesh, target)
    title = name_of(mesh, "model")
    beside = _uncertainty_file(mesh)
    rotated = up == "y" and Path(title).suffix.lower() not in SUFFIXES_WITH_UP_AXIS
    data = _glb(mesh, title, rotated, message)
    confidence = None if beside is None else _glb(beside, beside.name, rotated, message)
    size = len(data) + len(confidence or b"")
    if size > LARGEST:
        raise InputError(
            f"{title} takes {size / 1e6:.0f} MB, and browsers show at most {LARGEST / 1e6:.0f} MB",
            "reduce its triangles in a modelling program, or reconstruct it with --faces 500000",
        )
    page = viewer_html(data, title, confidence)
    if target is None:
        name = re.sub(r"[^\w.-]+", "_", Path(title).stem).strip("._")[:80] or "model"
        target = Path(tempfile.mkdtemp(prefix="lift3d-")) / f"{name}.html"
    write_bytes(target, page)
    if open_browser:
        webbrowser.open(target.resolve().as_uri())
    return target


def _glb(source: ModelSource, name: str, rotated: bool, message: Message | None) -> bytes:
    """The GLB of a mesh, which is y up if `rotated`, with its warnings passed on."""
    loaded = load_model_mesh(source)
    for sentence in () if hasattr(source, "vertices") else mesh_warnings(source, loaded):
        if message is not None:
            message(sentence)
        else:
            warnings.warn(sentence, Lift3dWarning, stacklevel=4)
    if rotated:
        loaded.vertices = y_up_to_z_up(loaded.vertices)
    return glb_bytes(loaded, name)


def _uncertainty_file(source: ModelSource) -> Path | None:
    """NAME.uncertainty.ply beside the file of a model; None without one."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(source).expanduser()
    beside = path.with_name(f"{path.stem}.uncertainty.ply")
    return beside if beside.is_file() else None
