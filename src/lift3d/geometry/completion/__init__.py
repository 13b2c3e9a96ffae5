"""Completing a partial scan: its frame, the merge of scan and prediction, and transfer across a symmetry plane."""
