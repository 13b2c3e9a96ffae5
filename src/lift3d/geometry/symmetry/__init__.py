"""Reflection symmetry: finding the plane of a whole or a partial shape, and making a shape exactly symmetric."""
