"""What an output of a network is based on: pixels of a photo, or voxels of a model, and how much each contributes."""
