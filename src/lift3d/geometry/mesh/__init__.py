"""Triangle meshes: acceleration structures, distances, normals, welding, connected components, winding numbers,
self-intersection, and the test that decides whether a mesh is solid (`solidity`)."""
