"""Where the bytes of one connection land: heads are read, bodies go to their reader, framing is undone.

No input or output here: `place` says where the next bytes go, `take_in` that so many lie there. Rules:

* While the body's next bytes are all the reader's, `place` is the rest of the reader's own buffer, so that the kernel
  writes there and nothing is copied. What came along with a head, or lies between small chunks, passes through
  ``_scratch`` and is copied once.
* Nothing is read beyond the end of a body: what follows it was not asked for.
"""

from __future__ import annotations

import sys

from ..._model.errors import FetchError, ProtocolViolation
from .chunks import read_end, read_size, read_trailers
from .head import HEAD_LIMIT, Head, find_end, read_head

SCRATCH = HEAD_LIMIT  # bytes; a head that does not fit is too large
DIRECT_CHUNK = 32 * 1024  # bytes of a chunk from which on a read of its own, straight into the buffer, pays
INTERIM_LIMIT = 16  # heads of 1xx before the answer proper

# what is under way
RESTING, HEAD, BODY = range(3)
# what comes next in a body
_BYTES, _SIZE, _END, _TRAILERS = range(4)


class Intake:
    """Takes in one response after the other.

    ``doing`` is RESTING, HEAD or BODY. ``head`` is set once it is whole; ``complete``: so is the body. ``filled`` is
    how many bytes the reader's buffer has. ``expected``: the bytes of the body, None where only its end tells.
    """

    __slots__ = (
        "_bodiless", "_chunked", "_direct", "_end", "_interim", "_least", "_next", "_remaining", "_scratch",
        "_scratch_view", "_searched", "_start", "_view", "complete", "doing", "expected", "filled", "head",
    )  # fmt: skip

    def __init__(self) -> None:
        self._scratch = bytearray(SCRATCH)
        self._scratch_view = memoryview(self._scratch)
        self._start = self._end = self._searched = 0
        self._view: memoryview | None = None
        self._next = _BYTES
        self._remaining = self._least = self._interim = 0
        self._chunked = self._direct = self._bodiless = False
        self.doing = RESTING
        self.complete = True
        self.filled = 0
        self.head: Head | None = None
        self.expected: int | None = None

    # --- what happens then, for whom it concerns

    def _awake(self) -> None:
        """The head is here, or the reader's buffer is full."""
        raise NotImplementedError

    def _whole(self) -> None:
        """The response is whole."""
        raise NotImplementedError

    def _unwanted(self) -> None:
        """Bytes came that nobody has a buffer for: in a body, or when nothing was asked."""
        raise NotImplementedError

    def _failed(self, error: FetchError) -> None:
        """The bytes make no sense."""
        raise NotImplementedError

    # --- the reader's side

    def expect(self, *, bodiless: bool) -> None:
        """Begin with the next response; ``bodiless``: it answers HEAD, or CONNECT."""
        self._bodiless = bodiless
        self._interim = 0
        self.complete = False
        self.head = None
        self.doing = HEAD

    def pour(self, into: memoryview) -> int:
        """Copy what is here already into the buffer, and give its length: 0 when nothing is."""
        if self.complete:
            return 0
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
            self._failed(error)
        self._view = None
        return self.filled

    def whole(self) -> memoryview | None:
        """Give all of a body that is here already, of which nothing was read; to be read before the loop runs again."""
        if self.doing != BODY or self._chunked or self._remaining != self._end - self._start:
            return None
        return self._scratch_view[self._start : self._end]

    def skim(self) -> bool:
        """Drop what is here of a body nobody reads; tells whether that was the rest of it."""
        if not self._chunked:
            if self._remaining == self._end - self._start and not self.complete:
                self._start = self._end
                self._finish()
            return self.complete
        while not self.complete and self._start < self._end:
            before = self._start
            self.pour(memoryview(bytearray(self._end - before)))
            if self._start == before:
                break
        return self.complete

    @property
    def clean(self) -> bool:
        """Nothing lies here that was not read."""
        return self._start == self._end

    @property
    def missing(self) -> int:
        """Bytes that are still to come of a body, or a chunk, of known length."""
        return self._remaining - (self._end - self._start)

    @property
    def gatherable(self) -> bool:
        """A body of known length is not all here, and there is place for it beside its head."""
        return self.doing == BODY and not self._chunked and self.missing > 0 and self._remaining <= SCRATCH

    @property
    def arrived(self) -> bool:
        """All of a body of known length is here, though perhaps not read yet."""
        return self.doing == BODY and not self._chunked and self.missing == 0

    # --- the wire's side

    def place(self) -> memoryview:
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

    def take_in(self, count: int) -> None:
        """Take note of bytes in the place given last."""
        if self._direct:
            self.filled += count
            self._remaining -= count
            if self._remaining == 0:
                if not self._chunked:
                    self._finish()
                    return
                self._next = _END
            if self._view is not None and self.filled == len(self._view):
                self._awake()
            return
        self._end += count
        try:
            if self.doing == HEAD:
                self._advance_head()
            elif self.doing == BODY and (view := self._view) is not None:
                self._advance()
                if self.filled == len(view):
                    self._awake()
            else:
                self._unwanted()
        except FetchError as error:
            self._failed(error)

    def end(self) -> bool:
        """Take note that no byte will come; tells whether that is the end of a close-delimited body."""
        if self.doing != BODY or self.expected is not None or self._chunked:
            return False
        self._remaining = self._end - self._start  # these come before it
        if self._remaining == 0:
            self._finish()
        return True

    # --- inside

    def _advance_head(self) -> None:
        while self.doing == HEAD:
            end = find_end(self._scratch, self._start, self._searched, self._end)
            if not end:
                self._searched = self._end
                return
            text = str(self._scratch_view[self._start : end], "latin-1")
            self._start = self._searched = end
            head = read_head(text, bodiless=self._bodiless)
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
        self.doing = BODY
        if head.chunked:
            self._next, self._remaining, self._least = _SIZE, 0, DIRECT_CHUNK
        else:
            self._next, self._least = _BYTES, 1
            self._remaining = sys.maxsize if head.length is None else head.length
            if head.length == 0:
                self._finish()
                return
        self._awake()

    def _advance(self) -> None:
        """Move what is in the scratch into the reader's buffer, past the framing of chunks."""
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
        self.complete = True
        self.doing = RESTING
        self._next = _BYTES
        self._remaining = 0
        self._whole()

    def _compact(self) -> None:
        kept = self._end - self._start
        if self._start:
            self._scratch[:kept] = self._scratch[self._start : self._end]
            self._searched = max(0, self._searched - self._start)
            self._start, self._end = 0, kept
        elif kept == len(self._scratch):  # a transport that reads on while paused: the bytes must go somewhere
            self._scratch = self._scratch + bytearray(SCRATCH)
            self._scratch_view = memoryview(self._scratch)
