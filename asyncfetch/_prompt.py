"""Reading a stream for somebody who waits: bytes are given soon after they came, not only when a buffer is full."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from ._model.exchange import Stream
from ._signal import on_asyncio

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOONEST, _LATEST = 0.001, 0.02  # seconds after which a slow stream is asked for what it has


async def fill_promptly(stream: Stream, into: memoryview) -> int:
    """Fill the buffer as `Stream.fill` does, or as much of it as a slow stream has."""
    if getattr(stream.flush, "__func__", None) is Stream.flush:  # it never waits for more
        return await stream.fill(into)
    return await (_fill_on_asyncio if on_asyncio() else _fill_anywhere)(stream, into)


def _pauses() -> Iterator[float]:
    pause = _SOONEST
    while True:
        yield pause
        pause = min(2 * pause, _LATEST)


async def _fill_on_asyncio(stream: Stream, into: memoryview) -> int:
    """Fill with a timer: a microsecond, where a task group takes 50."""
    loop = asyncio.get_running_loop()
    pauses = _pauses()
    timer: asyncio.TimerHandle

    def hurry() -> None:
        nonlocal timer
        stream.flush()
        timer = loop.call_later(next(pauses), hurry)

    timer = loop.call_later(next(pauses), hurry)
    try:
        return await stream.fill(into)
    finally:
        timer.cancel()


async def _fill_anywhere(stream: Stream, into: memoryview) -> int:
    async def hurry() -> None:
        for pause in _pauses():
            await anyio.sleep(pause)
            stream.flush()

    failure: Exception | None = None
    count = 0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hurry)
        try:
            count = await stream.fill(into)
        except Exception as error:  # noqa: BLE001 - raised below, not as a group
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return count
