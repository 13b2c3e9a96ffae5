"""Reliefs and lithophanes: closed solids under a grid of heights, thickness from transmission, compression of heights."""
