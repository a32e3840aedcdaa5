"""Floor 0: values, errors and the protocols at which the floors meet. Imports nothing of ours and no event loop."""
