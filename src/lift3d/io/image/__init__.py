"""Photos and video in, decoded within limits; animations and contact sheets out."""
