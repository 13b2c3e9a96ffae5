"""Networks loaded with their weights and ready to be applied: the cache of networks (`networks`), predictors that own
pre- and post-processing, and the generators behind `lift3d generate`."""
