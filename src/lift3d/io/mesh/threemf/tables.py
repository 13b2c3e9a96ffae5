"""Flat tables of the content of one model part of a 3MF package, as its XML states it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

Attributes = dict[str, str]
"""Attributes by local name."""


@dataclass
class Group:
    """A property group. kind: "base", "color", "texture", "composite" or "multi". values: one for each property: colours
    RGBA, texture coordinates, fractions of materials, or indices into the groups of a multi-property.

    attributes: those of the element. names: of base materials.
    """

    kind: str
    attributes: Attributes
    values: list[tuple[float, ...]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass
class Operation:
    """A boolean shape. attributes: of the base; operands: those of each further object."""

    attributes: Attributes
    operands: list[Attributes] = field(default_factory=list)


@dataclass
class Lattice:
    """A beam lattice: its attributes, those of each beam and of each ball."""

    attributes: Attributes
    beams: list[Attributes] = field(default_factory=list)
    balls: list[Attributes] = field(default_factory=list)


@dataclass
class Object:
    """One object. vertices: three coordinates each; triangles: three vertices each; properties: three indices each, -1
    where there is none; groups: the index of each triangle's property group in `names`, -1 for the object's.

    volumes: (first, last, modifier) triangles of Slic3r's volumes. settings: metadata of the object. unread: shapes and
    features of extensions that are not read, in words.
    """

    number: str
    attributes: Attributes
    vertices: array[float] = field(default_factory=lambda: array("d"))
    triangles: array[int] = field(default_factory=lambda: array("q"))
    properties: array[int] = field(default_factory=lambda: array("q"))
    groups: array[int] = field(default_factory=lambda: array("q"))
    names: list[str] = field(default_factory=list)
    components: list[Attributes] = field(default_factory=list)
    alternatives: list[Attributes] = field(default_factory=list)
    operation: Operation | None = None
    lattice: Lattice | None = None
    volumes: list[tuple[int, int, bool]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)

    @property
    def default(self) -> tuple[str, int] | None:
        """(property group, index) of the object."""
        pid = self.attributes.get("pid")
        return None if pid is None else (pid, int(self.attributes.get("pindex", 0)))


@dataclass
class Document:
    """The tables of one model part."""

    unit: str = "millimeter"
    metadata: dict[str, str] = field(default_factory=dict)
    objects: dict[str, Object] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    textures: dict[str, Attributes] = field(default_factory=dict)
    items: list[Attributes] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
