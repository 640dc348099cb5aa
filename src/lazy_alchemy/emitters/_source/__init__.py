"""Source text of types, values, classes and registries."""
