"""One file per mapping, named source_to_target: the folder listing is the map of the system."""

import importlib
import pkgutil
from typing import Any

from lift3d.mapping import Mapping, _registry


def registry() -> dict[str, type[Mapping[Any, Any]]]:
    """All mappings by name, sorted; imports every module of `lift3d.maps`."""
    import lift3d.maps as package

    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"lift3d.maps.{module.name}")
    return dict(sorted(_registry.items()))
