"""Metrics of sets of results: generation quality, retrieval, confidence intervals, and the ground truth of rendered views."""
