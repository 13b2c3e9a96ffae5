"""lift3d: everything is a mapping. It turns photos, scans, words or seeds into solid, textured, printable 3D models.

The functions of `lift3d.api` are available as `lift3d.reconstruct`, `lift3d.repair` and so on. They are imported when first
used, so that `import lift3d` is fast.

The import also sets the environment variables by which the threads of torch and numba wait asleep (`lift3d.runtime.waiting`).
"""

import os
from typing import TYPE_CHECKING, Any

from lift3d.runtime.waiting import wait_passively
from lift3d.version import __version__

wait_passively(os.environ)  # before torch and numba are loaded

if TYPE_CHECKING:
    from lift3d.api import (
        categories,
        check,
        classify,
        complete,
        convert,
        create,
        depth,
        explain,
        export,
        export_page,
        generate,
        index,
        interpolate,
        list_mappings,
        list_models,
        list_series,
        lithophane,
        load,
        load_volume,
        mask,
        measure,
        reconstruct,
        relief,
        render,
        repair,
        save,
        search,
        segment,
        texture,
        view,
        volume_to_meshes,
    )

__all__ = [
    "__version__", "categories", "check", "classify", "complete", "convert", "create", "depth",
    "explain", "export", "export_page", "generate", "index", "interpolate", "list_mappings",
    "list_models", "list_series", "lithophane", "load", "load_volume", "mask", "measure", "reconstruct",
    "relief", "render", "repair", "save", "search", "segment", "texture", "view", "volume_to_meshes",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("lift3d.api"), name)
    raise AttributeError(f"module 'lift3d' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
