"""Floor 1: pure decisions. No input or output, no clock and no randomness of their own; all three are arguments."""
