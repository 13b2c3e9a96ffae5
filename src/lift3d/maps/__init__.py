"""All mappings, one module each, named source_to_target: the list of modules is an overview of the system.

`registry` lists all mappings by name, `create` constructs one with its options, and `graph` gives the graph of
representations, whose edges are the mappings.
"""

import dataclasses
import importlib
import pkgutil
from difflib import get_close_matches
from typing import Any

from lift3d.errors import InputError
from lift3d.mapping import Card, Mapping, registered


def registry() -> dict[str, type[Mapping[Any, Any]]]:
    """The classes of all mappings by name, sorted. Imports every module of this package."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(registered().items()))


def create(name: str, weights: str | None = None, **options: Any) -> Mapping[Any, Any]:
    """The mapping called `name`, with - or _, ready to be applied.

    weights: of a learned mapping, a run's folder or a weights file; None for those of the package. options: the fields of its
    class. Raises InputError for an unknown name or option, for missing weights, and for weights of an exact mapping.
    """
    mappings = registry()
    wanted = name.replace("-", "_")
    if wanted not in mappings:
        near = get_close_matches(wanted, mappings, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"there is no mapping called {name}", f"{hint}choose from {', '.join(mappings)}")
    cls = mappings[wanted]
    known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(
            f"{wanted} has no option {', '.join(unknown)}", f"its options are {', '.join(known) or 'none'}"
        )
    if weights is not None:
        if "weights" not in known:
            raise InputError(f"{wanted} is computed exactly and takes no weights", "leave weights out")
        from lift3d.weights import find

        find(weights)
        options["weights"] = weights
    return cls(**options)


def graph() -> dict[str, dict[str, list[Card]]]:
    """The graph of representations: graph()[source][target] lists the cards of the mappings from source to target."""
    edges: dict[str, dict[str, list[Card]]] = {}
    for mapping in registry().values():
        edges.setdefault(mapping.card.source, {}).setdefault(mapping.card.target, []).append(mapping.card)
    return edges
