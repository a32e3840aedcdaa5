"""Near ends: where bytes land. Siblings that do not import each other."""
