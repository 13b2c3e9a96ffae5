"""Distances between shapes: of point sets (Chamfer distance, precision and recall, alignment), of the surfaces of solids
(F-score, normal consistency), of voxels (intersection over union), and the diversity of a set."""
