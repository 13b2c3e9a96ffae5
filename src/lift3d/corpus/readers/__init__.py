"""Readers for the mesh formats of games, bounded and safe on damaged files."""
