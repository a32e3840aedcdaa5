"""One HTTP/1.1 connection: a request out, a head in, and the body from the socket into the reader's own buffer.

Rules:

* ``fill`` lends the reader's buffer. While the body's next bytes are that buffer's, ``get_buffer`` hands out the rest
  of it, so that the kernel writes there and nothing is copied. What came along with a head, or lies between small
  chunks, passes through ``_scratch`` and is copied once.
* With no buffer lent, one more read goes to ``_scratch`` and reading pauses: that is the backpressure, and the bound.
* Nothing is ever read for an exchange that is over. Bytes that nobody asked for make the connection unusable.
* A failure is kept in ``error``; bytes that came before it are given first. Futures only ever get a result, so that a
  cancelled reader leaves no exception that nobody retrieved.
"""

from __future__ import annotations

import asyncio
import select
import sys
from typing import TYPE_CHECKING, Any, cast

from ..._model.errors import FetchError, Interrupted, ProtocolViolation
from .chunks import read_end, read_size, read_trailers
from .head import HEAD_LIMIT, Head, find_end, read_head

if TYPE_CHECKING:
    from ..._model.url import Url

SCRATCH = HEAD_LIMIT  # bytes; a head that does not fit is too large
DIRECT_CHUNK = 32 * 1024  # bytes of a chunk from which on a read of its own, straight into the buffer, pays
INTERIM_LIMIT = 16  # heads of 1xx before the answer proper

# what a connection is doing
_RESTING, _HEAD, _BODY = range(3)
# what comes next in a body
_BYTES, _SIZE, _END, _TRAILERS = range(4)


class Connection(asyncio.BufferedProtocol):
    """One connection to a far end. All methods are called on its loop.

    ``usable``: it is open and rests where the next request may be sent. ``complete``: the body under way is whole.
    ``received`` counts bytes, ``answered`` says that any came since the last request. ``connect`` and ``tls`` are the
    seconds it took to get here.
    """

    __slots__ = (
        "_chunked", "_direct", "_doing", "_end", "_ended", "_interim", "_least", "_loop", "_next", "_paused", "_poll",
        "_remaining", "_scratch", "_scratch_view", "_searched", "_start", "_transport", "_view", "_waiter", "answered",
        "bodiless", "closed", "complete", "connect", "error", "expected", "filled", "head", "idle_since", "received",
        "seen", "seen_at", "shelf", "tls", "url", "usable",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._scratch = bytearray(SCRATCH)
        self._scratch_view = memoryview(self._scratch)
        self._start = self._end = self._searched = 0
        self._doing = _RESTING
        self._next = _BYTES
        self._remaining = self._least = self._interim = 0
        self._chunked = self._direct = self._paused = self._ended = False
        self._view: memoryview | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.filled = 0
        self.head: Head | None = None
        self.error: FetchError | None = None
        self.url: Url | None = None
        self.usable = False
        self.complete = True
        self.answered = self.bodiless = False
        self.received = 0
        self.expected: int | None = None
        self.connect = self.tls = 0.0
        self.closed: asyncio.Future[None] = loop.create_future()
        # kept here for the pool and the watchdog, which would need a dictionary each
        self.shelf: Any = None
        self.seen = 0
        self.seen_at = self.idle_since = 0.0

    # --- what the lane does with it

    def ask(self, request: bytes, url: Url, *, bodiless: bool) -> asyncio.Future[None]:
        """Send a request; when the future is done, ``head`` or ``error`` is set."""
        assert self.usable
        assert self._transport is not None
        self.url = url
        self.bodiless = bodiless
        self.usable = self.answered = self.complete = False
        self.head = None
        self._interim = 0
        self._doing = _HEAD
        self.seen_at = self._loop.time()
        self._waiter = waiter = self._loop.create_future()
        self._transport.write(request)
        return waiter

    def pour(self, into: memoryview) -> int:
        """Copy what is here already into the buffer, and give its length: 0 when nothing is."""
        start = self._start
        if self._next == _BYTES:
            here = self._end - start
            if here == 0:
                return 0
            if here == self._remaining <= len(into) and not self._chunked:  # the whole rest: a small body's only fill
                into[:here] = self._scratch_view[start : self._end]
                self._start = self._end
                self.filled = here
                self._finish()
                return here
        self._view = into
        self.filled = 0
        try:
            self._advance()
        except FetchError as error:
            self._fail(error)
        self._view = None
        return self.filled

    def lend(self, into: memoryview, filled: int) -> asyncio.Future[None]:
        """Lend the buffer, ``filled`` bytes of which are taken; the future is done when ``fill`` may come back."""
        self._view = into
        self.filled = filled
        self.seen_at = self._loop.time()
        self._waiter = waiter = self._loop.create_future()
        if self._paused:
            self._paused = False
            assert self._transport is not None
            self._transport.resume_reading()
        return waiter

    def withdraw(self) -> None:
        """End a loan: from here on not a byte goes into the buffer."""
        self._view = self._waiter = None

    def flush(self) -> None:
        """Let a fill come back with what it has."""
        if self._view is not None and self.filled:
            self._wake()

    def skim(self) -> bool:
        """Drop what is here of a body nobody reads; tells whether that was the rest of it."""
        if not self._chunked and self._remaining != self._end - self._start:
            return self.complete
        while not self.complete and self.error is None and self._start < self._end:
            before = self._start
            self.pour(memoryview(bytearray(self._end - self._start)))
            if self._start == before:
                break
        return self.complete

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
        """Give the transport away, which leads through a tunnel now. Raises ProtocolViolation if there are bytes."""
        transport = self._transport
        if transport is None or self._ended or self._start != self._end:
            raise ProtocolViolation("bytes came before the tunnel was in use", url=self.url)
        self._transport = None
        self.usable = False
        return transport

    @property
    def waiting(self) -> bool:
        """Someone waits for the far end's next byte, and reading is not paused."""
        return self._waiter is not None and not self._paused

    def drop(self, error: FetchError | None = None) -> None:
        """Close the connection at once, whatever it is doing; who waits is given the error."""
        self.usable = False
        self._ended = True
        if error is not None:
            self._fail(error)
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
        """Give the place for the next bytes: the reader's buffer if they are all its own, else ours."""
        view = self._view
        if view is not None and self._start == self._end and self._remaining >= self._least > 0:
            self._direct = True
            return view[self.filled : self.filled + self._remaining]
        self._direct = False
        if self._start == self._end:
            self._start = self._end = self._searched = 0
        elif self._end >= SCRATCH // 2:
            self._compact()
        return self._scratch_view[self._end :] if self._end else self._scratch_view

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of bytes that arrived in the place given last."""
        self.received += nbytes
        self.answered = True
        if self._direct:
            self.filled += nbytes
            self._remaining -= nbytes
            if self._remaining == 0:
                if not self._chunked:
                    self._finish()
                    return
                self._next = _END
            assert self._view is not None
            if self.filled == len(self._view):
                self._wake()
            return
        self._end += nbytes
        try:
            if self._doing == _HEAD:
                self._advance_head()
            elif self._doing == _RESTING:
                self.drop()  # nobody asked
            elif (view := self._view) is not None:
                self._advance()
                if self.filled == len(view):
                    self._wake()
            elif not self._paused and not self._ended:
                # not before, in get_buffer: libuv calls a callback that pausing has just taken away
                assert self._transport is not None
                self._paused = True
                self._transport.pause_reading()
        except FetchError as error:
            self._fail(error)

    def eof_received(self) -> bool:
        """Take note that the far end has said all it will."""
        self._ended = True
        self.usable = False
        if self._doing == _BODY and self.expected is None and not self._chunked and self.error is None:
            # the end of a close-delimited body; what is in our scratch still comes before it
            self._remaining = self._end - self._start
            if self._remaining == 0:
                self._finish()
            elif self._view is not None:
                self._advance()
        elif self._doing != _RESTING and not self._at_end():
            self._lose(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection is gone."""
        self._ended = True
        self.usable = False
        if self._doing != _RESTING and self.error is None and not self._at_end():
            self._lose(exc)
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    # --- inside

    def _at_end(self) -> bool:
        """Tell whether all of a body is here, though not read yet."""
        return self._doing == _BODY and self._remaining == self._end - self._start and not self._chunked

    def _advance_head(self) -> None:
        while self._doing == _HEAD:
            end = find_end(self._scratch, self._start, self._searched, self._end)
            if not end:
                self._searched = self._end
                return
            text = str(self._scratch_view[self._start : end], "latin-1")
            self._start = self._searched = end
            head = read_head(text, bodiless=self.bodiless)
            if head.status >= 200:
                self._begin(head)
                return
            self._interim += 1
            if head.status == 101 or self._interim > INTERIM_LIMIT:
                what = "switched protocols unasked" if head.status == 101 else "sent one interim answer after another"
                raise ProtocolViolation(f"the far end {what}", status=head.status)

    def _begin(self, head: Head) -> None:
        self.head = head
        self.expected = head.length
        self._chunked = head.chunked
        self._doing = _BODY
        if head.chunked:
            self._next, self._remaining, self._least = _SIZE, 0, DIRECT_CHUNK
        else:
            self._next, self._least = _BYTES, 1
            self._remaining = sys.maxsize if head.length is None else head.length
        if self._remaining == 0 and not head.chunked:
            self._finish()
        else:
            self._wake()

    def _advance(self) -> None:
        """Move what is in the scratch into the buffer lent, past the framing of chunks."""
        view, scratch = self._view, self._scratch
        assert view is not None
        while True:
            start, end = self._start, self._end
            if self._next == _BYTES:
                count = min(self._remaining, end - start, len(view) - self.filled)
                if count:
                    view[self.filled : self.filled + count] = self._scratch_view[start : start + count]
                    self.filled += count
                    self._start += count
                    self._remaining -= count
                if self._remaining:
                    return
                if not self._chunked:
                    self._finish()
                    return
                self._next = _END
            elif self._next == _SIZE:
                behind, size = read_size(scratch, start, end)
                if behind < 0:
                    return
                self._start, self._remaining = behind, size
                self._next = _BYTES if size else _TRAILERS
            elif self._next == _END:
                behind = read_end(scratch, start, end)
                if behind < 0:
                    return
                self._start, self._next = behind, _SIZE
            else:
                behind = read_trailers(scratch, start, end)
                if behind >= 0:
                    self._start, self._next = behind, _BYTES
                    self._finish()
                return

    def _finish(self) -> None:
        """The body is whole. The connection lasts if both ends want it to and nothing else is here."""
        self.complete = True
        self._doing = _RESTING
        self._remaining = 0
        assert self.head is not None
        if self.head.lasting and not self._ended and self._start == self._end:
            self.usable = True
            if self._paused:
                self._paused = False
                assert self._transport is not None
                self._transport.resume_reading()
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            self._view = None
            if not waiter.done():
                waiter.set_result(None)

    def _compact(self) -> None:
        kept = self._end - self._start
        if self._start:
            self._scratch[:kept] = self._scratch[self._start : self._end]
            self._searched = max(0, self._searched - self._start)
            self._start, self._end = 0, kept
        elif kept == len(self._scratch):  # a transport that reads on while paused: the bytes must go somewhere
            self._scratch = self._scratch + bytearray(SCRATCH)
            self._scratch_view = memoryview(self._scratch)

    def _lose(self, cause: Exception | None) -> None:
        """The far end is gone before the exchange was over."""
        if isinstance(cause, FetchError):
            self._fail(cause)
            return
        how = "reset the connection" if isinstance(cause, ConnectionError) else "closed the connection"
        if self._doing == _HEAD:
            when = "in the head of its answer" if self.answered else "before it answered"
        elif self.expected is None:
            when = "before the last chunk" if self._chunked else "without saying that the body is over"
        else:
            when = f"with {self._remaining - (self._end - self._start)} of {self.expected} bytes to come"
        error = Interrupted(f"the far end {how} {when}")
        error.__cause__ = cause
        self._fail(error)

    def _fail(self, error: FetchError) -> None:
        self.usable = False
        if self.error is None:
            if error.url is None and self.url is not None:
                error.url = str(self.url)
            self.error = error
        self._wake()
        if self._transport is not None and not self._ended:
            self._ended = True
            self._transport.abort()
