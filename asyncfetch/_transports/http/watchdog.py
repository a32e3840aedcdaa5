"""One timer for all connections of a lane, in place of one for each request.

Four times a second, as long as connections are busy, it looks whether bytes came. A connection that has waited longer
than ``Timeouts.read`` for the next one, or for the end of the head, fails with TimedOut. Time in which we do not read
ourselves does not count. When nothing is busy it sleeps until the oldest idle connection is to be closed; with none at
all there is no timer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._model.errors import TimedOut

if TYPE_CHECKING:
    import asyncio

    from .connection import Connection
    from .pool import Pool

BEAT = 0.25  # seconds


class Watchdog:
    """Watches the pool's connections: the busy ones for silence, the idle ones for age."""

    __slots__ = ("_beat", "_loop", "_patience", "_pool", "_timer", "awake")

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Pool, patience: float | None) -> None:
        self._loop = loop
        self._pool = pool
        self._patience = patience
        self._beat = BEAT if patience is None else min(BEAT, patience / 4)
        self._timer: asyncio.TimerHandle | None = None
        self.awake = False

    def wake(self) -> None:
        """Begin to watch; called when a connection becomes busy and ``awake`` is False."""
        self.stop()
        self.awake = True
        self._timer = self._loop.call_later(self._beat, self._look)

    def stop(self) -> None:
        """Watch no longer."""
        self.awake = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self._loop.time()
        for connection in list(self._pool.busy):
            self._check(connection, now)
        oldest = self._pool.expire(now)
        if self._pool.busy:
            self._timer = self._loop.call_later(self._beat, self._look)
            return
        self.awake = False
        self._timer = None if oldest is None else self._loop.call_later(oldest - now, self._look)

    def _check(self, connection: Connection, now: float) -> None:
        connection.hasten()  # what is not here by now is for who can take some of a body, and keeps an eye on it
        # a head is due whole: bytes that trickle do not put it off, as a server could hold us by one now and then
        if (connection.seen != connection.received and connection.head is not None) or not connection.waiting:
            connection.seen = connection.received
            connection.seen_at = now
        elif self._patience is not None and now - connection.seen_at > self._patience:
            awaited = "not the whole head of an answer" if connection.answered else "no answer"
            what = awaited if connection.head is None else "not a byte more of the body"
            connection.drop(TimedOut(f"{what} in {self._patience:g} s"))
