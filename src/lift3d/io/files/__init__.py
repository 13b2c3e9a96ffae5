"""Writing safely: temporary names moved into place, staging folders, clean-up on interruption, checksums."""
