"""A page on which a photo becomes a model in the visitor's browser: the pipeline of `lift3d export --page`."""

from __future__ import annotations

from pathlib import Path

from lift3d.browser.site import NETWORKS, require_onnx_package, runtime_files, site_files
from lift3d.errors import InputError
from lift3d.io.files.staging import staging_folder
from lift3d.pipelines.arguments import Message, PathLike, or_ignore
from lift3d.units import format_memory
from lift3d.weights import find


def export_page(
    output: PathLike,
    *,
    weights: PathLike | None = None,
    onnxruntime_web: PathLike | None = None,
    message: Message | None = None,
) -> Path:
    """Write a static page that finds the object in a photo, predicts its shape and shows it, all in the visitor's browser.

    output: a folder that is missing or empty; any web server can serve it, and no other page may be needed. weights: a run's
    folder or a weights file of image_to_mask, image_to_voxels or image_to_layers, in place of the packaged ones.
    onnxruntime_web: the npm package onnxruntime-web as .tgz file or installed folder; if not given, npm fetches it. message:
    called with a sentence about what was written.

    Returns the folder. MissingExtra without the package onnx; InputError for a folder with files in it, an onnxruntime-web of
    another version or none, and weights of another network.
    """
    require_onnx_package()
    target, say = Path(output), or_ignore(message)
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        what = "a file" if target.is_file() else "not empty"
        raise InputError(f"{target} is {what}", "name a new folder with -o")
    found = {name: find(name) for name in NETWORKS}
    if weights is not None:
        own = find(Path(weights))
        if own.mapping not in found:
            names = ", ".join(NETWORKS)
            raise InputError(f"{weights} has weights of {own.mapping}", f"the page runs {names}")
        found[own.mapping] = own
    files = site_files(runtime_files(None if onnxruntime_web is None else Path(onnxruntime_web)), found)
    with staging_folder(target) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    size = format_memory(sum(map(len, files.values())))
    say(
        f"wrote {target}/index.html and what it needs, {size}: to look at it, python -m http.server -d {target}"
    )
    return target
