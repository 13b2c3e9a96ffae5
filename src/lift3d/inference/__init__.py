"""Networks with their weights, ready for use: the cache of networks (`networks`), predictors with their pre- and
post-processing, and the generators of `lift3d generate`."""
