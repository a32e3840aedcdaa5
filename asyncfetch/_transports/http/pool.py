"""Connections kept for the next exchange: by the way they lead, most recent first, bounded in number and age.

It never queues: the client's gates did. Taking and giving back are O(1). A connection leaves the pool's count only when
its transport is closed, so that ``aclose`` can wait for all of them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .connection import Connection

IDLE_SECONDS = 60.0  # most servers close theirs after 60 to 75
IDLE_LIMIT = 128  # connections kept idle in all
_JUST_NOW = 0.001  # seconds: nearly always too short for a far end to do something, and `Outbox` sees what it does


class Shelf:
    """The connections that lead one way: ``idle`` ones, the most recent last, and how many are ``busy``."""

    __slots__ = ("busy", "idle", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.idle: list[Connection] = []
        self.busy = 0


class Pool:
    """All connections of one lane.

    >>> Pool()
    <Pool: 0 idle, 0 busy>
    """

    __slots__ = ("_closing", "_idle", "_open", "_shelves", "busy", "idle_limit", "idle_seconds")

    def __init__(self, *, idle_seconds: float = IDLE_SECONDS, idle_limit: int = IDLE_LIMIT) -> None:
        self.idle_seconds = idle_seconds
        self.idle_limit = idle_limit
        self.busy: set[Connection] = set()
        self._idle = 0
        self._closing = False
        self._open: set[Connection] = set()
        self._shelves: dict[str, Shelf] = {}

    def shelf(self, name: str) -> Shelf:
        """Give the shelf for connections that lead one way; ``name`` says which, without secrets."""
        try:
            return self._shelves[name]
        except KeyError:
            return self._shelves.setdefault(name, Shelf(name))

    def take(self, shelf: Shelf, now: float) -> Connection | None:
        """Take the connection that was used last; None when none is idle. It is busy until `give` or `forget`."""
        idle = shelf.idle
        while idle:
            connection = idle.pop()
            self._idle -= 1
            # what the far end did since we looked last is in the socket, though the loop has not read it yet
            recent = now - connection.idle_since < _JUST_NOW and not connection.tls
            if connection.usable and (recent or not connection.disturbed()):
                shelf.busy += 1
                self.busy.add(connection)
                return connection
            connection.drop()
        return None

    def add(self, shelf: Shelf, connection: Connection) -> None:
        """Count a new connection, busy from the start."""
        connection.shelf = shelf
        shelf.busy += 1
        self.busy.add(connection)
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._forget(connection))
        if self._closing:
            connection.drop()

    def give(self, connection: Connection, now: float) -> None:
        """Take a connection back: kept if it can be used again, closed if not."""
        shelf: Shelf = connection.shelf
        self.busy.discard(connection)
        shelf.busy -= 1
        if not connection.usable:
            connection.drop()
            return
        connection.idle_since = now
        shelf.idle.append(connection)
        self._idle += 1
        if self._idle > self.idle_limit:
            self._close_oldest()

    def expire(self, now: float) -> float | None:
        """Close what has been idle too long; give the time at which the next one will have been."""
        oldest = None
        for shelf in self._shelves.values():
            idle = shelf.idle
            stale = 0
            while stale < len(idle) and (not idle[stale].usable or now - idle[stale].idle_since >= self.idle_seconds):
                idle[stale].close()
                stale += 1
            if stale:
                del idle[:stale]
                self._idle -= stale
            if idle and (oldest is None or idle[0].idle_since < oldest):
                oldest = idle[0].idle_since
        return None if oldest is None else oldest + self.idle_seconds

    def forget_empty(self) -> None:
        """Drop the shelves on which nothing is, and nothing will be put."""
        self._shelves = {name: shelf for name, shelf in self._shelves.items() if shelf.idle or shelf.busy}

    async def aclose(self) -> None:
        """Close every connection and wait until the transports are gone."""
        self._closing = True
        for connection in list(self._open):
            if connection in self.busy or not connection.usable:
                connection.drop()
            else:
                connection.close()
        for shelf in self._shelves.values():
            shelf.idle.clear()
        self._idle = 0
        while self._open:
            await asyncio.wait([connection.closed for connection in self._open], timeout=1)
            for connection in list(self._open):  # a polite end that nobody answers ends here
                connection.drop()

    def __repr__(self) -> str:
        idle = sum(connection.usable for shelf in self._shelves.values() for connection in shelf.idle)
        shelves = ", ".join(
            f"{shelf.name} {sum(connection.usable for connection in shelf.idle)} idle {shelf.busy} busy"
            for shelf in self._shelves.values()
            if shelf.idle or shelf.busy
        )
        return f"<Pool: {idle} idle, {len(self.busy)} busy{'; ' if shelves else ''}{shelves}>"

    def _forget(self, connection: Connection) -> None:
        """A connection is gone; the far end may have closed it on the shelf."""
        self._open.discard(connection)
        idle = connection.shelf.idle
        if connection in idle:
            idle.remove(connection)
            self._idle -= 1

    def _close_oldest(self) -> None:
        shelf = min((s for s in self._shelves.values() if s.idle), key=lambda s: s.idle[0].idle_since)
        shelf.idle.pop(0).close()
        self._idle -= 1
