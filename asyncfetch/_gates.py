"""Gates: how many attempts run at a time, in all and for one host, how fast, and which hosts are left alone for now.

Rules: a place is lent for an attempt, never for a pause. Waiters of one host are served in order; a host that is full
never holds up the others. Everything happens on the loop; nothing here blocks.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from ._signal import signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._model.settings import Limits
    from ._signal import Signal

    Host = tuple[str, str, int | None]


class Gates:
    """Places for attempts, ``Limits.total`` in all and ``Limits.per_host`` for each origin."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._free = limits.total
        self._per_host = limits.per_host
        self._clock = clock
        self._busy: dict[Host, int] = {}
        self._waiting: dict[Host, deque[Signal]] = {}
        self._cool: dict[Host, float] = {}

    async def enter(self, host: Host) -> None:
        """Take a place, waiting for one if need be."""
        busy = self._busy.get(host, 0)
        if self._free > 0 and busy < self._per_host and host not in self._waiting:
            self._free -= 1
            self._busy[host] = busy + 1
            return
        turn = signal()
        self._waiting.setdefault(host, deque()).append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self.leave(host)
            else:
                queue = self._waiting[host]
                queue.remove(turn)
                if not queue:
                    del self._waiting[host]
            raise

    def leave(self, host: Host) -> None:
        """Give the place back; it goes to the next waiter who may have it."""
        self._free += 1
        busy = self._busy[host] - 1
        if busy:
            self._busy[host] = busy
        else:
            del self._busy[host]
        if self._waiting:
            self._admit()

    def _admit(self) -> None:
        for host in tuple(self._waiting):
            queue = self._waiting[host]
            while queue and self._free > 0 and self._busy.get(host, 0) < self._per_host:
                self._free -= 1
                self._busy[host] = self._busy.get(host, 0) + 1
                queue.popleft().set()
            # go round, so that a host with many waiters does not always come first
            del self._waiting[host]
            if queue:
                self._waiting[host] = queue
            if self._free <= 0:
                return

    def cool(self, host: Host, seconds: float) -> None:
        """Leave a host alone for so long: it said 429 or 503."""
        self._cool[host] = max(self._cool.get(host, 0.0), self._clock() + seconds)

    def cool_until(self, host: Host) -> float:
        """Give the time until which a host is left alone; 0 if it is not."""
        if not self._cool:
            return 0.0
        until = self._cool.get(host, 0.0)
        if until and until <= self._clock():
            del self._cool[host]
            return 0.0
        return until

    def __repr__(self) -> str:
        waiting = sum(len(queue) for queue in self._waiting.values())
        return f"<Gates {sum(self._busy.values())} running, {waiting} waiting, {len(self._cool)} hosts left alone>"


class Pace:
    """A rate in bytes a second, shared by all transfers of a client (token bucket, a fifth of a second deep)."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._due = clock()
        self.portion = max(1, min(1024 * 1024, int(rate / 10)))  # bytes read at a time

    async def spend(self, count: int) -> None:
        """Pay for bytes that were read, by waiting until they are due."""
        now = self._clock()
        self._due = max(self._due, now - 0.2) + count / self._rate
        if self._due > now:
            await anyio.sleep(self._due - now)
