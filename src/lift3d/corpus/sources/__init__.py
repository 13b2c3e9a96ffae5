"""The sources of shapes: one module each, with a class that implements `entry.Source`."""

from __future__ import annotations

from lift3d.corpus.entry import Source
from lift3d.corpus.sources.flightgear import FlightGear
from lift3d.corpus.sources.glest import MegaGlest
from lift3d.corpus.sources.homedecor import HomeDecor
from lift3d.corpus.sources.kicad import KiCad
from lift3d.corpus.sources.supertuxkart import SuperTuxKart
from lift3d.corpus.sources.sweethome3d import SweetHome3D
from lift3d.corpus.sources.ufoai import UfoAI
from lift3d.corpus.sources.zeroad import ZeroAD

ALL = (SweetHome3D, HomeDecor, FlightGear, UfoAI, ZeroAD, MegaGlest, SuperTuxKart, KiCad)


def sources() -> dict[str, Source]:
    """New instances of all sources by name, in the order in which a corpus is built; a source caches its files."""
    instances: list[Source] = [source() for source in ALL]
    return {source.name: source for source in instances}
