"""Training pictures: framing, light, backgrounds, sensor noise, and the shards they are stored in."""
