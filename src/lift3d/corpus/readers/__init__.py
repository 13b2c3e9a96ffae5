"""Small readers of formats that games hold. Each has `read(data, name) -> list[Part]` with parts in the file's own axes;
a part's material is named after its texture file, whose picture the caller looks for."""
