"""Camera files: COLMAP models, transforms.json and the capture sets that lift3d writes."""
