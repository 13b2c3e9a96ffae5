"""Outputs of networks as scalar functions of their input, to which methods.py attributes the input's values: targets on
photos (masks, shapes, depth, labels) and on voxels (labels, embeddings)."""
