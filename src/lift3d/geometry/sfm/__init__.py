"""Structure from motion: features, pair selection, incremental mapping with COLMAP, and diagnosis of unregistered photos."""
