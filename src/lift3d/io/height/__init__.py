"""Height maps in: PNG and TIFF of any depth, OpenEXR and NumPy files; nothing in them is executed and sizes are bounded."""
