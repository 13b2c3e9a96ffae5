"""Networks with their weights, ready for use: the cache of networks (`networks`), predictors with their pre- and
post-processing, the sentence encoder, and the generators of `lift3d generate` with rejection sampling."""
