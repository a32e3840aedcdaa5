"""A signal that is given once: the cheap way to wake waiting tasks, on asyncio and on trio.

Hot paths wait for a place or a commit several times a file. A round through anyio.Event costs about 5 us on asyncio,
one through its own Event, which anyio cancels just as well, 2.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import anyio

    Signal = asyncio.Event | anyio.Event


def signal() -> Signal:
    """Make a signal for the loop that runs."""
    if on_asyncio():
        return asyncio.Event()
    import anyio

    return anyio.Event()


def on_asyncio() -> bool:
    """Whether the loop that runs here is asyncio's, uvloop's included; else it is trio's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
