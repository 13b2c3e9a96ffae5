"""Files in and out: one module per family of formats."""
