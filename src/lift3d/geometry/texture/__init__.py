"""Texture from photos: charts, unwrapping, view selection and labelling, exposure, baking and inpainting."""
