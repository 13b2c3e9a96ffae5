"""One module for each task of the user: a short composition of mappings with its input checks and its typed result. The functions
here work in memory and write nothing unless they are given an output path."""
