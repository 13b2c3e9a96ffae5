"""Surfaces of volumes: label maps and thresholds become closed meshes in millimetres, by surface nets whose vertices stay in
their cells; connected parts, thresholds by name, and Otsu's threshold."""
