"""Torch modules only: no files, no paths, no printing. Needs the extra `learn`; arrays are channels first."""
