"""Far ends: one module or folder a scheme. Siblings that do not import each other."""
