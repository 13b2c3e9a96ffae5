"""Mesh and point files: GLB, OBJ, PLY, STL, 3MF, OFF and USDZ."""
