"""Metrics of a whole set of results: generation quality, confidence intervals, ground truth of rendered views."""
