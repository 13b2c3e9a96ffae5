"""PLY, text and binary: `tables` reads the elements of a file, `reader` makes a model of them, `writer` writes one."""
