"""Readers for the mesh formats of games; every read is bounded, and damaged files raise InputError."""
