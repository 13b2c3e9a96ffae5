"""A software renderer: rasterisation, texture sampling, shading, shadow maps and face identifiers."""
