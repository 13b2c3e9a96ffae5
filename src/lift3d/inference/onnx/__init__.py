"""Networks computed by onnxruntime, without torch: the packaged graphs with the packaged weights, exported files, and in NumPy
what the classifier of voxels does around its network."""
