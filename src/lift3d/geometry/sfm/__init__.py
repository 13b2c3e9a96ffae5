"""Structure from motion: features, pair selection, incremental mapping with COLMAP, views from known cameras, and diagnosis of
unregistered photos."""
