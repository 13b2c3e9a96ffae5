"""The parts of the glTF reader: the document with its buffers, extensions, textures, materials, vertices, and nodes."""
