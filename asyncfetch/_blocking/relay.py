"""Carries the items of an async iterator to a thread, as a generator that can be left at any point.

Rules: the iterator is made, iterated and closed by one task. So many items wait at most; then the task does.
What is iterated over there may need items from here (`Feed`): they are taken in the thread that iterates, which is the
caller's own, so that its generators run where they were made, and may use the client themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from .call import LEAVING, Bell, Call

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from .thread import LoopThread

T = TypeVar("T")
S = TypeVar("S")


class Feed(Generic[S]):
    """Items of a plain iterator of the caller's, on their way to the loop: at most ``bound`` of them."""

    def __init__(self, thread: LoopThread, items: Iterator[S], bound: int) -> None:
        self._thread = thread
        self._items = items
        self._bound = bound
        self._here: deque[S] = deque()
        self._over = False
        self._hungry: asyncio.Event | None = None
        self.bell: Bell

    # --- in the caller's thread

    @property
    def wanted(self) -> bool:
        """Whether more can be taken."""
        return not self._over and len(self._here) < self._bound

    def take(self) -> None:
        """Take one item of the caller's; raises what its iterator raises."""
        try:
            self._here.append(next(self._items))
        except StopIteration:
            self._over = True
        hungry = self._hungry
        if hungry is not None:
            self._hungry = None
            self._thread.soon(hungry.set)

    # --- on the loop

    async def items(self) -> AsyncGenerator[S]:
        """Give the items as they come."""
        while True:
            if self._here:
                yield self._here.popleft()
            elif self._over:
                return
            else:
                hungry = self._hungry = asyncio.Event()
                if not self._here and not self._over:
                    self.bell.ring()
                    await hungry.wait()


class Relay(Generic[T]):
    """Iterates over what ``make`` makes, on the loop."""

    def __init__(
        self, thread: LoopThread, make: Callable[[], AsyncGenerator[T]], bound: int, feed: Feed[S] | None = None
    ) -> None:
        self._thread = thread
        self._make = make
        self._bound = bound
        self._feed = feed
        self._bell = Bell()
        if feed is not None:
            feed.bell = self._bell
        self._here: deque[T] = deque()
        self._over = False
        self._full: asyncio.Event | None = None

    def items(self) -> Generator[T]:
        """Give the items in the caller's thread; leaving it early ends the task over there."""
        call = Call(self._thread, self._run)
        try:
            call.start()
            while True:
                self._nourish()
                if self._here:
                    yield self._pop()
                elif self._over:
                    break
                elif self._feed is None or not self._feed.wanted:
                    self._thread.wait(self._bell)
        except KeyboardInterrupt:
            call.end()
            raise
        except BaseException:
            call.end(LEAVING)
            raise
        call.result()

    def _nourish(self) -> None:
        """Take two items for each that is given, and as many as are wanted while there is none to give."""
        feed = self._feed
        if feed is not None:
            for _ in range(2):
                if feed.wanted:
                    feed.take()

    def _pop(self) -> T:
        item = self._here.popleft()
        full = self._full
        if full is not None and len(self._here) <= self._bound // 2:
            self._full = None
            self._thread.soon(full.set)
        return item

    # --- on the loop

    async def _run(self) -> None:
        try:
            async with aclosing(self._make()) as items:
                async for item in items:
                    self._here.append(item)
                    self._bell.ring()
                    if len(self._here) >= self._bound:
                        full = self._full = asyncio.Event()
                        if len(self._here) >= self._bound:
                            await full.wait()
        finally:
            self._over = True
            self._bell.ring()
