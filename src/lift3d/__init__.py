"""lift3d: everything is a mapping. Photos or a video in, a solid, textured, printable 3D model out."""

from lift3d.version import __version__

__all__ = ["__version__"]
