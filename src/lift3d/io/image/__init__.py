"""Photos, pictures and video: decoding with limits, animations, and contact sheets."""
