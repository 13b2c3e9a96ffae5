"""Distances between shapes: Chamfer distance, F-score, intersection over union, and diversity of a set."""
