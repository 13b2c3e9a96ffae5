"""Exact maths on arrays and representations: no files, no printing."""
