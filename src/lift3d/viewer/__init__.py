"""The 3-D viewer: ES modules that the page of the server loads and `lift3d view` puts into one HTML file, and what
makes that file.

`vendor` has the parts of three.js that it uses."""
