"""Shapes to learn from: obtained from Debian packages or folders, cleaned, categorised, split by family, and stored with
surface samples, occupancy and a textured mesh each; `pictures` renders them."""
