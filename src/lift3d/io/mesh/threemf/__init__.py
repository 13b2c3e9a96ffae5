"""3MF in and out: the package and its parts, the XML of a model, properties and materials, settings of slicers."""
