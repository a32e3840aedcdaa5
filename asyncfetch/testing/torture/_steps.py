"""Cancels a piece of work at its n-th step: each resumption of any task is one, so that every await has its turn.

On trio an instrument counts them; on asyncio every task is given a coroutine that counts.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import anyio

from ..._signal import on_asyncio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator


class _Counter:
    """The steps so far, and the scope that is cancelled at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.scope: anyio.CancelScope | None = None

    def step(self) -> None:
        if self.scope is not None:
            self.count += 1
            if self.count == self.at:
                self.scope.cancel()

    def before_task_step(self, _task: object) -> None:  # trio's name for it
        self.step()


class _Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose every step is counted; begun, continued and closed as itself."""

    def __init__(self, inner: Coroutine[Any, Any, Any], counter: _Counter) -> None:
        self._inner = inner
        self._counter = counter

    def __getattr__(self, name: str) -> Any:  # cr_running and the like, which anyio looks at
        return getattr(self._inner, name)

    def send(self, value: Any) -> Any:
        self._counter.step()
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        self._counter.step()
        return self._inner.throw(*error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


async def cancelled_at(number: int, work: Callable[[], Awaitable[object]]) -> bool:
    """Run ``work`` and cancel it at its step ``number``; True if it came to its end before."""
    counter = _Counter(number)
    ended = False

    async def cancellable() -> None:
        nonlocal ended
        with anyio.CancelScope() as counter.scope:
            await work()
            ended = True
        counter.scope = None

    undo = _count_on_asyncio(counter) if on_asyncio() else _count_on_trio(counter)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancellable)
    finally:
        undo()
    return ended


def _count_on_asyncio(counter: _Counter) -> Callable[[], None]:
    import asyncio

    loop = asyncio.get_running_loop()

    def make(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        return asyncio.Task(_Counted(work, counter), loop=loop, **more)

    loop.set_task_factory(make)
    return lambda: loop.set_task_factory(None)


def _count_on_trio(counter: _Counter) -> Callable[[], None]:
    import trio

    trio.lowlevel.add_instrument(counter)  # type: ignore[arg-type]  # it has the one method that is called
    return lambda: trio.lowlevel.remove_instrument(counter)  # type: ignore[arg-type]  # likewise
