"""Cameras: projection, lens distortion, orbits around an object, and similarity transforms between frames."""
