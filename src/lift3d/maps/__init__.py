"""One file per mapping, named source_to_target: the folder listing is the map of the system."""
