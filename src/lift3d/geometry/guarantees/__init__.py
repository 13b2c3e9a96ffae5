"""The guarantees that mappings state on their cards, each with the function that checks a result (`lift3d.mapping.Guarantee`)."""
