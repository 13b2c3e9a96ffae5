"""How a learned mapping gets its weights: one loop for all of them. Needs the extra `learn` (torch)."""
