"""Regular grids: canonical and view-aligned frames, occupancy from meshes, inside tests, silhouettes and
components."""
