"""Runs an asyncio library on a loop of its own in a worker thread, whatever loop the caller runs: asyncio or trio.

For work that is rare and slow to begin with (330 ms of imports, 100 ms of JSON models): off the caller's loop it stalls
no transfer. Cancelling the caller cancels the work there; the thread is done before the caller goes on.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


async def run_aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function aside and give what it gives."""
    aside = _Aside(work)
    results: list[T] = []
    failures: list[BaseException] = []
    async with anyio.create_task_group() as group:
        group.start_soon(aside.cancel_when_cancelled)
        try:
            results = await anyio.to_thread.run_sync(aside.run)
        except Exception as error:  # noqa: BLE001 - raised again below: a task group would wrap it
            failures.append(error)
        group.cancel_scope.cancel()
    await anyio.lowlevel.checkpoint()
    if failures:
        raise failures[0]
    return results[0]


class _Aside(Generic[T]):
    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: tuple[AbstractEventLoop, Task[Any]] | None = None

    def run(self) -> list[T]:
        """Give the result in a list; an empty one when it was cancelled before it was there."""
        import asyncio

        try:
            return [asyncio.run(self._main())]
        except asyncio.CancelledError:  # this thread's loop's, which means nothing to the caller's
            return []

    async def _main(self) -> T:
        import asyncio

        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            if self._cancelled:
                raise asyncio.CancelledError
            self._running = asyncio.get_running_loop(), task
        try:
            return await self._work()
        finally:
            with self._lock:
                self._running = None

    async def cancel_when_cancelled(self) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with self._lock:
                self._cancelled = True
                if self._running is not None:
                    loop, task = self._running
                    loop.call_soon_threadsafe(task.cancel)
