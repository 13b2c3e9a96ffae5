"""Test inputs with their ground truth, computed from the test split of a corpus."""
