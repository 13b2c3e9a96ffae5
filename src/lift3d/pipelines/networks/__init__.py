"""Pipelines about the networks themselves: their export to files that run without torch."""
