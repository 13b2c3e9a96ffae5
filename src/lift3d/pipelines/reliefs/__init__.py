"""Pictures as models to print: lithophanes, reliefs, and the files that are written for them."""
