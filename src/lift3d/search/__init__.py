"""Search in folders of models: an index on disk, and finds by photo, model or words."""
