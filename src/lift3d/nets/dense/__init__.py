"""Networks from an image to a map of its pixels, on a backbone that was pre-trained on photographs."""
