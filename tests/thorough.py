"""How often a long test does what it does: enough in the suite, many times more with ``ASYNCFETCH_THOROUGH=1``."""

import os


def times(few: int, many: int) -> int:
    """Give ``few``, or ``many`` where the environment asks for it."""
    return many if os.environ.get("ASYNCFETCH_THOROUGH") else few
