"""One slow clock for all transfers of a client: progress, stalls, time limits.

A timer for each transfer and each buffer would cost more than a small transfer does. Here one task looks round ten
times a second, and sleeps while there is nothing to watch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

from ._signal import signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._signal import Signal

PERIOD = 0.1  # seconds


class Watched(Protocol):
    """Something that wants to be looked at."""

    def tick(self, now: float) -> None:
        """Look after yourself; called on the loop, must not raise."""


class Pulse:
    """Calls ``tick`` of everything that is watched."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._watched: dict[Watched, None] = {}
        self._wake: Signal | None = None

    def watch(self, what: Watched) -> None:
        """Begin to tick it."""
        self._watched[what] = None
        if self._wake is not None:
            self._wake.set()
            self._wake = None

    def forget(self, what: Watched) -> None:
        """Stop ticking it."""
        self._watched.pop(what, None)

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            if not self._watched:
                self._wake = signal()
                await self._wake.wait()
            await anyio.sleep(PERIOD)
            now = self._clock()
            for what in tuple(self._watched):
                what.tick(now)
