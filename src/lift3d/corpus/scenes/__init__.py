"""Rendered scenes with depth for training: rooms with furniture, objects on tables, streets, by lenses of many kinds."""
