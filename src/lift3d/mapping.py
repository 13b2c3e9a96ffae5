"""Mappings between representations: the interface, its card and guarantees, composition with `>>`, and the registry.

An exact computation and a network are both a `Mapping[A, B]` with a card that states name, source, target and guarantees.
Each mapping has a module of its own in `lift3d.maps`, named source_to_target; `lift3d.maps.registry()` lists them all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from lift3d.context import Context
from lift3d.errors import InputError

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


Check = Callable[["Mapping[Any, Any]", Any, Any], str | None]
"""Takes (mapping, source, result); returns None, or one sentence that states how the result violates the guarantee."""


@dataclass(frozen=True)
class Guarantee:
    """A property that every result of a mapping has, and the function that checks it.

    name: short identifier; sentence: the property in plain words, shown by `lift3d maps`; check: see `Check`.
    """

    name: str
    sentence: str
    check: Check

    def __str__(self) -> str:
        return self.sentence


METHODS = ("exact", "learned")


@dataclass(frozen=True)
class Card:
    """The description of a mapping.

    name: source_to_target; source, target: names of the representations (the mapping is an edge of the graph of
    representations); method: "exact" or "learned"; reference: authors and years of the methods used. Raises ValueError for
    an unknown method.
    """

    name: str
    source: str
    target: str
    guarantees: tuple[Guarantee, ...] = ()
    method: str = "exact"
    reference: str = ""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"Card.method is {' or '.join(METHODS)}, not {self.method}")


class Mapping(ABC, Generic[A, B]):
    """A function from one representation to another, with options.

    Subclasses are final frozen dataclasses whose fields are the options; `card` is a class attribute.
    """

    card: ClassVar[Card]

    @abstractmethod
    def apply(self, source: A, context: Context) -> B:
        """The representation of `source` as B. Progress and evidence go to `context`; failures raise `Lift3dError`."""

    def __call__(self, source: A, context: Context | None = None) -> B:
        """The result of `apply`, which see. Raises InputError for a source that is not of the card's representation."""
        self._require_type(source)
        return self.apply(source, context if context is not None else Context())

    def _require_type(self, source: object) -> None:
        from lift3d import types

        wanted = getattr(types, self.card.source, None)
        if isinstance(wanted, type) and not isinstance(source, wanted):
            given = type(source).__name__
            article = "an" if given[:1].lower() in "aeiou" else "a"
            raise InputError(
                f"{self.card.name} takes {self.card.source}, and was given {article} {given}",
                f"give a lift3d.types.{self.card.source}"
                if wanted.__module__.startswith("lift3d.")
                else f"give a {wanted.__module__.split('.')[0]}.{wanted.__name__}",
            )

    def __rshift__(self, then: Mapping[B, C]) -> Composition[A, B, C]:
        return Composition(self, then)


class Composition(Mapping[A, C], Generic[A, B, C]):
    """first >> then. Its guarantees are those of `then`; it is learned if one of its steps is.

    Raises TypeError if the target of `first` is not the source of `then`.
    """

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
        """The result of `then` on the result of `first`."""
        return self.then.apply(self.first.apply(source, context), context)


_registry: dict[str, type[Mapping[Any, Any]]] = {}

M = TypeVar("M", bound=type[Mapping[Any, Any]])


def register(card: Card) -> Callable[[M], M]:
    """Class decorator that attaches the card and adds the mapping to the registry; ValueError if the name is taken."""

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
