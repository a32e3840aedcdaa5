"""The reply of the wire lane: a Reply whose bytes are read by its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._model.exchange import Reply

if TYPE_CHECKING:
    from ..._model.errors import FetchError
    from ..._model.exchange import Timings
    from .connection import Connection
    from .head import Head


class WireReply(Reply):
    """One response, read inside the ``async with`` that sent the request."""

    abortable = True

    def __init__(self, connection: Connection, head: Head, timings: Timings) -> None:
        self._connection = connection
        self._open = True
        self._last = 0
        self.status = head.status
        self.headers = head.headers
        self.length = head.length
        self.timings = timings

    async def fill(self, into: memoryview) -> int:
        """Put the next bytes into the buffer and give their number; see `Stream.fill`."""
        connection = self._connection
        if not self._open:
            raise RuntimeError("the body was read outside of the `async with` that opened it")
        count = connection.pour(into)
        if count < len(into) and connection.under_way:
            waiter = connection.lend(into, count)
            try:
                await waiter
            finally:
                connection.withdraw()
            count = connection.filled
        connection.filled = 0  # given out: nothing is landed that the reader does not know of
        if count == 0 and connection.error is not None and not connection.complete:
            raise connection.error
        return count

    def abort(self, error: FetchError) -> bool:
        """Close the connection; whoever reads is given the error."""
        if self._open:
            self._connection.drop(error)
        return True

    def flush(self) -> None:
        """Make a fill under way come back with the bytes it has, if any."""
        if self._open:
            self._connection.flush()

    @property
    def ended(self) -> bool:  # type: ignore[override]  # known where the bytes arrive
        """The body is whole."""
        return self._connection.complete if self._open else True

    @property
    def landed(self) -> int:  # type: ignore[override]  # counted where the bytes arrive
        """Bytes that a fill under way, or the one that was cancelled, has put into its buffer."""
        return self._connection.filled if self._open else self._last

    def close(self) -> None:
        """End the reading: the connection may be another exchange's from here on."""
        self._open = False
        self._last = self._connection.filled
