"""Wavefront OBJ with its material files (MTL) and textures: `reader` and `materials` read them, `writer` writes them."""
