"""Models made of several parts with materials: cleaning, conversion to one mesh, surface sampling, simplification and
packing of textures."""
