"""Photos, masks and video in, decoded within limits, with the focal length and orientation of their EXIF data; animations and
contact sheets out."""
