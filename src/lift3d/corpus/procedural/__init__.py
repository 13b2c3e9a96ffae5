"""Shapes made from a seed: figures, animals, vehicles, buildings, furniture, plants and vessels, as coloured closed meshes."""
