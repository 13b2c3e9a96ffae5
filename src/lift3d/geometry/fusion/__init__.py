"""From depth maps to one surface: the region of the object, the truncated signed distance field, the membrane that closes
unobserved parts, and the plane that the object stands on."""
