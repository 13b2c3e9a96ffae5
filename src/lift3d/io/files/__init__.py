"""Files read within limits and written atomically: temporary names, staging folders, interruption, checksums."""
