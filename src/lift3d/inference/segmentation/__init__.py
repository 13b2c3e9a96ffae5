"""Segmentation of a volume by a trained network: canonical axes, resampling and normalisation, sliding windows, uncertainty, and
the check that a volume looks like those of the training."""
