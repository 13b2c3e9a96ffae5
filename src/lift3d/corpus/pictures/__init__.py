"""Training images of a corpus: cameras, light, backgrounds, occlusion, sensor noise, and the shards that store them."""
