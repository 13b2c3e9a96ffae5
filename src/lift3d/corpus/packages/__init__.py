"""Downloading Debian packages, unpacking them safely, and reading the licence of each file."""
