"""Reading a stream for somebody who waits: bytes are given soon after they came, not only when a buffer is full."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._model.exchange import Stream

_SOONEST, _LATEST = 0.001, 0.02  # seconds after which a slow stream is asked for what it has


async def fill_promptly(stream: Stream, into: memoryview) -> int:
    """Fill the buffer as `Stream.fill` does, or as much of it as a slow stream has. On asyncio."""
    loop = asyncio.get_running_loop()
    pause = _SOONEST
    timer: asyncio.TimerHandle

    def hurry() -> None:
        nonlocal timer, pause
        stream.flush()
        pause = min(2 * pause, _LATEST)
        timer = loop.call_later(pause, hurry)

    timer = loop.call_later(pause, hurry)
    try:
        return await stream.fill(into)
    finally:
        timer.cancel()
