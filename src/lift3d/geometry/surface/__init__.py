"""Surfaces from fields and their post-processing: marching tetrahedra, smoothing, and decimation with quadric
errors."""
