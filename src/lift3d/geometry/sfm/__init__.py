"""Structure from motion: features, pair selection, incremental mapping with COLMAP, and the diagnosis of photos that
could not be placed."""
