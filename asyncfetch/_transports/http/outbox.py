"""The requests that go out together, once all that this turn of the loop has to do is done.

A send that wakes the far end costs 25 us, one to a far end that is awake 8; and one callback for all of them costs 2 us
a request less than one for each. Between the putting and the sending the loop looks at all sockets once: a far end that
has closed a kept connection, or talks out of turn, is noticed before it can take our request for what it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable


class Outbox:
    """What the connections of one loop have to send."""

    __slots__ = ("_loop", "_senders")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._senders: list[Callable[[], None]] = []

    def put(self, send: Callable[[], None]) -> None:
        """Have a request sent, after the loop has looked at the sockets and told of what it saw there."""
        if not self._senders:
            self._loop.call_soon(self._wait)
        self._senders.append(send)

    def _wait(self) -> None:
        # what the loop sees now it tells after this, and before what is put off from here
        self._loop.call_soon(self._empty)

    def _empty(self) -> None:
        senders, self._senders = self._senders, []
        for send in senders:
            send()
