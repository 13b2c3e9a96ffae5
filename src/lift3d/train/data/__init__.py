"""Datasets: samples and batches for training, read from a corpus or a folder of meshes."""
