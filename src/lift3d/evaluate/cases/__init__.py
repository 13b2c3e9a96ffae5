"""Test inputs with their ground truth, made from the test split of a corpus."""
