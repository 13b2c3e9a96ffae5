"""Frames of a depth camera: alignment by colour and geometry, loop closure, pose graph, and fusion on sparse voxel blocks."""
