"""Reading and writing files. Input files are untrusted: every reader bounds sizes and counts, and reports what it leaves out."""
