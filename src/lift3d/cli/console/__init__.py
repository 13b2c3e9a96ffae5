"""What the commands share: the group that loads them, progress on stderr, errors with exit codes, and words."""
