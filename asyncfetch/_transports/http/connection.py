"""One HTTP/1.1 connection: a request out, a response in, on any transport of asyncio's kind.

Rules:

* ``lend`` gives the reader's buffer to the connection until it is full, the body is at its end, `flush` is called, or
  something fails. With no buffer lent, one more read goes to a buffer of ours and reading pauses: that is the
  backpressure, and the bound.
* Bytes that nobody asked for make the connection unusable: they are never the next request's.
* A failure is kept in ``error``; bytes that came before it are given first. Futures only ever get a result, so that a
  cancelled reader leaves no exception that nobody retrieved.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, Any, cast

from ..._model.errors import FetchError, Interrupted, ProtocolViolation
from .intake import HEAD, RESTING, Intake
from .outbox import Outbox

if TYPE_CHECKING:
    from ..._model.url import Url


class Connection(Intake, asyncio.BufferedProtocol):
    """One connection to a far end. All methods are called on its loop.

    ``usable``: it is open and rests where the next request may be sent. ``received`` counts bytes, ``answered`` says
    that any came since the last request. ``connect`` and ``tls`` are the seconds it took to get here.
    """

    __slots__ = (
        "_ended", "_loop", "_outbox", "_paused", "_poll", "_transport", "_unsent", "_waiter", "answered", "closed",
        "connect", "error", "gathering", "idle_since", "received", "seen", "seen_at", "shelf", "tls", "url", "usable",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: Outbox | None = None) -> None:
        super().__init__()
        self._loop = loop
        self._outbox = outbox or Outbox(loop)
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._paused = self._ended = False
        self._unsent = b""  # the request that goes out in this turn of the loop
        self.error: FetchError | None = None
        self.url: Url | None = None
        self.usable = self.answered = self.gathering = False
        self.received = 0
        self.connect = self.tls = 0.0
        self.closed: asyncio.Future[None] = loop.create_future()
        # kept here for the pool and the watchdog, which would need a dictionary each
        self.shelf: Any = None
        self.seen = 0
        self.seen_at = self.idle_since = 0.0

    # --- what the lane does with it

    def ask(self, request: bytes, url: Url, *, bodiless: bool) -> asyncio.Future[None]:
        """Send a request; when the future is done, ``head`` or ``error`` is set."""
        assert self._transport is not None
        self.url = url
        self.usable = self.answered = False
        self._unsent = b""
        self.expect(bodiless=bodiless)
        self.seen_at = self._loop.time()
        self._waiter = waiter = self._loop.create_future()
        if self.tls:  # an alert may be on its way to us, and a write is what brings it up
            self._transport.write(request)
        else:
            self._unsent = request
            self._outbox.put(self._send)
        return waiter

    def _send(self) -> None:
        if self._transport is not None and not self._ended:  # nobody gave it up in the meantime
            request, self._unsent = self._unsent, b""
            self._transport.write(request)

    def lend(self, into: memoryview, filled: int) -> asyncio.Future[None]:
        """Lend the buffer, ``filled`` bytes of which are taken; the future is done when ``fill`` may come back."""
        self._view = into
        self.filled = filled
        self.seen_at = self._loop.time()
        self._waiter = waiter = self._loop.create_future()
        if self._paused:
            self._resume()
        return waiter

    def gather(self) -> asyncio.Future[None] | None:
        """Have the rest of a small body come to where its head is; None if all is here, or it is not that small.

        The future is done when the body is whole, when it takes long (`Watchdog`), and when it fails. Then `gathering`
        is for the caller to end.
        """
        if not self.gatherable or self.error is not None:
            return None
        self.gathering = True
        self._waiter = waiter = self._loop.create_future()
        if self._paused:
            self._resume()
        return waiter

    def hasten(self) -> None:
        """Let who gathers come back with what is here."""
        if self.gathering:
            self._awake()

    def withdraw(self) -> None:
        """End a loan: from here on not a byte goes into the buffer."""
        self._view = self._waiter = None

    def flush(self) -> None:
        """Let a fill come back with what it has."""
        if self._view is not None and self.filled:
            self._awake()

    def disturbed(self) -> bool:
        """Tell whether the socket has something to read: the far end closed it, or talks out of turn."""
        assert self._transport is not None
        if self._poll is None:
            descriptor = self._transport.get_extra_info("socket").fileno()
            if descriptor < 0:
                return True
            if not hasattr(select, "poll"):  # Windows
                return bool(select.select([descriptor], [], [], 0)[0])
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)
        return bool(self._poll.poll(0))

    def hand_over(self) -> asyncio.Transport:
        """Give the transport away, which leads through a tunnel now. Raises ProtocolViolation if bytes came already."""
        transport = self._transport
        if transport is None or self._ended or not self.clean:
            raise ProtocolViolation("bytes came before the tunnel was in use", url=self.url)
        self._transport = None
        self.usable = False
        return transport

    @property
    def silent(self) -> bool:
        """The far end has not heard of our request."""
        return bool(self._unsent)

    @property
    def under_way(self) -> bool:
        """More of the response is to come."""
        return not self.complete and self.error is None

    @property
    def waiting(self) -> bool:
        """Someone waits for the far end's next byte, and reading is not paused."""
        return self._waiter is not None and not self._paused

    def drop(self, error: FetchError | None = None) -> None:
        """Close the connection at once, whatever it is doing; who waits is given the error."""
        self.usable = False
        self._ended = True
        if error is not None:
            self._failed(error)
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close a resting connection politely."""
        self.usable = False
        self._ended = True
        if self._transport is not None:
            self._transport.close()

    # --- what the transport does with it (asyncio.BufferedProtocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Rest, ready for the first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclasses
        self.usable = True

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - we know better than the transport
        """Give the place for the next bytes."""
        return self.place()

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of bytes that arrived in the place given last."""
        self.received += nbytes
        if self._unsent:  # the answer to nothing
            self.drop(Interrupted("the far end sent something before our request"))
            return
        self.answered = True
        self.take_in(nbytes)

    def eof_received(self) -> bool:
        """Take note that the far end has said all it will."""
        self._ended = True
        self.usable = False
        if not self.end() and self.doing != RESTING and not self.arrived:
            self._lose(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection is gone."""
        self._ended = True
        self.usable = False
        if self.doing != RESTING and self.error is None and not self.arrived:
            self._lose(exc)
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    # --- inside

    def _awake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = self._view = None
            if not waiter.done():
                waiter.set_result(None)

    def _whole(self) -> None:
        """The connection lasts if both ends want it to, and nothing else is here."""
        assert self.head is not None
        if self.head.lasting and not self._ended and self.clean:
            self.usable = True
            if self._paused:
                self._resume()
        self._awake()

    def _unwanted(self) -> None:
        if self.gathering:
            if self.missing <= 0:
                self._awake()
        elif self.doing == RESTING:
            self.drop()  # nobody asked
        elif not self._paused and not self._ended:
            # not before, in get_buffer: libuv calls a callback that pausing has just taken away
            assert self._transport is not None
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self._ended:
            self._transport.resume_reading()

    def _lose(self, cause: Exception | None) -> None:
        """The far end is gone before the exchange was over."""
        if isinstance(cause, FetchError):
            self._failed(cause)
            return
        how = "reset the connection" if isinstance(cause, ConnectionError) else "closed the connection"
        if self.doing == HEAD:
            when = "in the head of its answer" if self.answered else "before it answered"
        elif self.head is not None and self.head.chunked:
            when = "before the last chunk"
        elif self.expected is None:
            when = "without saying that the body is over"
        else:
            when = f"with {self.missing} of {self.expected} bytes to come"
        error = Interrupted(f"the far end {how} {when}")
        error.__cause__ = cause
        self._failed(error)

    def _failed(self, error: FetchError) -> None:
        self.usable = False
        if self.error is None:
            if error.url is None and self.url is not None:
                error.url = str(self.url)
            self.error = error
        self._awake()
        if self._transport is not None and not self._ended:
            self._ended = True
            self._transport.abort()
