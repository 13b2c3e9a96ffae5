"""Networks on a backbone that was pre-trained on photographs: from an image to a map of its pixels, or to an embedding."""
