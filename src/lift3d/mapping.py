"""A mapping says how one representation *becomes* another; `>>` composes; a registry lists them all.

A network and an exact geometric computation are the same kind of thing: a `Mapping[A, B]` with a name,
a source, a target and what it guarantees. One file per mapping lives in `lift3d.maps`, named
source_to_target; importing `lift3d.maps` fills the registry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from lift3d.context import Context

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


@dataclass(frozen=True)
class Card:
    """What `lift3d maps` shows of a mapping. method: "exact" or "learned"."""

    name: str
    source: str
    target: str
    guarantees: tuple[str, ...]
    method: str = "exact"
    reference: str = ""


class Mapping(ABC, Generic[A, B]):
    """Interface. Subclasses are final dataclasses whose fields are the options; `card` is a class attribute."""

    card: ClassVar[Card]

    @abstractmethod
    def apply(self, source: A, context: Context) -> B:
        """Map `source`; report progress and evidence through `context`; raise `Lift3dError` on failure."""

    def __call__(self, source: A, context: Context | None = None) -> B:
        return self.apply(source, context if context is not None else Context())

    def __rshift__(self, then: Mapping[B, C]) -> Composition[A, B, C]:
        return Composition(self, then)


class Composition(Mapping[A, C], Generic[A, B, C]):
    """first >> then: its guarantees are those of the last step."""

    def __init__(self, first: Mapping[A, B], then: Mapping[B, C]) -> None:
        if first.card.target != then.card.source:
            raise TypeError(
                f"cannot compose {first.card.name} (gives {first.card.target}) >> "
                f"{then.card.name} (takes {then.card.source})"
            )
        self.first, self.then = first, then
        self.card = Card(  # type: ignore[misc]
            f"{first.card.name} >> {then.card.name}",
            first.card.source,
            then.card.target,
            then.card.guarantees,
            "learned" if "learned" in (first.card.method, then.card.method) else "exact",
        )

    def apply(self, source: A, context: Context) -> C:
        return self.then.apply(self.first.apply(source, context), context)


_registry: dict[str, type[Mapping[Any, Any]]] = {}

M = TypeVar("M", bound=type[Mapping[Any, Any]])


def register(card: Card) -> Callable[[M], M]:
    """Class decorator: attach the card and enter the mapping into the registry under its name."""

    def enter(cls: M) -> M:
        if card.name in _registry:
            raise ValueError(f"two mappings are named {card.name}")
        cls.card = card
        _registry[card.name] = cls
        return cls

    return enter


def registered() -> dict[str, type[Mapping[Any, Any]]]:
    """The mappings registered so far, by name; `lift3d.maps.registry` imports them all first."""
    return dict(_registry)
