"""Making a mesh solid with the least change: cleaning, non-manifold edges, holes, orientation, union of shells, and
remeshing as the last resort."""
