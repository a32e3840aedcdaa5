"""The two ways between the walk and the network: what arrived, and what is wished for next."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from ..._signal import signal

if TYPE_CHECKING:
    from ..._signal import Signal

T = TypeVar("T")


class Inbox(Generic[T]):
    """Things that arrive from several tasks, for one that waits for them."""

    def __init__(self) -> None:
        self._things: list[T] = []
        self._told: Signal | None = None

    def __bool__(self) -> bool:
        return bool(self._things)

    def add(self, thing: T) -> None:
        """Leave something."""
        self._things.append(thing)
        self.tell()

    def take(self) -> list[T]:
        """Give everything that is there."""
        things, self._things = self._things, []
        return things

    def tell(self) -> None:
        """Wake the one that waits."""
        if self._told is not None:
            self._told.set()
            self._told = None

    async def wait(self) -> None:
        """Wait until something is left or told."""
        self._told = self._told or signal()
        await self._told.wait()


class Outbox(Generic[T]):
    """An async iterator over what is added, which ends when it is closed."""

    def __init__(self) -> None:
        self._things: deque[T] = deque()
        self._added: Signal | None = None
        self._closed = False

    def add(self, thing: T) -> None:
        """Hand something on."""
        self._things.append(thing)
        self._tell()

    def close(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._tell()

    def __aiter__(self) -> Outbox[T]:
        return self

    async def __anext__(self) -> T:
        while not self._things:
            if self._closed:
                raise StopAsyncIteration
            self._added = self._added or signal()
            await self._added.wait()
        return self._things.popleft()

    def _tell(self) -> None:
        if self._added is not None:
            self._added.set()
            self._added = None
