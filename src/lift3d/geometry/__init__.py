"""Exact mathematics on arrays and meshes, in sub-packages by subject. No files, no networks, no printing."""
