"""Files in and out. Files from strangers are hostile: every reader bounds sizes and counts, and reports what it leaves out."""
