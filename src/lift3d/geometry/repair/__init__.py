"""Steps that turn a damaged triangle mesh into a solid, each one small and each one optional."""
