"""lift3d: everything is a mapping. Photos or a video in, a solid, textured, printable 3D model out."""

__version__ = "0.1.0"
