"""A corpus of training shapes from Debian packages or a folder: cleaned, categorised, split by family, and stored with
occupancy, surface samples and a textured mesh each. `pictures` renders training images of them."""
