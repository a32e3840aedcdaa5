"""A body that is read by a thread: a file object like any other, whose bytes come from the event loop.

Rules: at most one buffer of bytes waits here, the rest in the socket: that is the backpressure. A buffer of the caller
is never lent to the loop, as an interrupted caller may free it: one copy (0.03 ms a megabyte) is the price.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from .._model.exchange import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

    from _typeshed import WriteableBuffer

    from .._model.digest import Digest
    from .._model.exchange import Answer, Body, Timings, Validator
    from .._model.url import Url
    from .thread import LoopThread

    Fill = Callable[[memoryview], Coroutine[Any, Any, int]]


def buffer_size(size: int | None) -> int:
    """Say how large a buffer for a body is: no larger than the body."""
    return CHUNK if size is None else min(CHUNK, size) or 1


class RawReader(io.RawIOBase):
    """A stream of the loop as a raw file; each read is one hop.

    ``fill`` puts the next bytes into a buffer, soon after they came; ``size`` is the length in bytes, if known.
    """

    def __init__(self, thread: LoopThread, fill: Fill, size: int | None) -> None:
        self._thread = thread
        self._prompt_fill = fill
        self._buffer = memoryview(bytearray(buffer_size(size)))
        self._over = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Put the next bytes into the buffer; 0 at the end. Raises what the body raises."""
        self._check()
        with memoryview(buffer).cast("B") as view:
            count = self._fill(len(view)) if len(view) else 0
            view[:count] = self._buffer[:count]
        return count

    def readall(self) -> bytes:
        """Give all that is left."""
        self._check()
        parts = []
        while count := self._fill(len(self._buffer)):
            parts.append(bytes(self._buffer[:count]))
        return b"".join(parts)

    def _check(self) -> None:
        if self.closed:
            raise ValueError("the body was read outside of the `with` that opened it")

    def _fill(self, wanted: int) -> int:
        if self._over:
            return 0
        count = self._thread.call(self._prompt_fill, self._buffer[:wanted])
        self._over = count == 0
        return count


class Reader(io.BufferedReader):
    """A body as a file object: ``read``, ``read1``, ``readinto``, ``readline``, lines by iteration.

    ``chunks`` and ``iter_chunks(size)`` give bytes as they come. The attributes are those of ``asyncfetch.Body``.
    Reading raises a FetchError when the body cannot go on, ValueError outside of the ``with`` that opened it.
    """

    def __init__(self, thread: LoopThread, body: Body) -> None:
        super().__init__(RawReader(thread, body.fill, body.size), buffer_size(body.size))
        self.answer: Answer = body.answer
        self.url: Url = body.url
        self.offset: int = body.offset
        self.size: int | None = body.size
        self.validator: Validator | None = body.validator
        self.digests: tuple[Digest, ...] = body.digests
        self.content_type: str | None = body.content_type
        self.chain: tuple[str, ...] = body.chain
        self.timings: Timings = body.timings

    @property
    def chunks(self) -> Iterator[bytes]:
        """The body as an iterator of bytes, at most 256 KiB each."""
        return self.iter_chunks()

    def iter_chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Give the body in chunks of at most ``size`` bytes, each as soon as it is here."""
        if size < 1:
            raise ValueError(f"the size of a chunk is a number of bytes, at least 1, not {size!r}")
        while chunk := self.read1(size):
            yield chunk

    def __repr__(self) -> str:
        return f"<Reader {self.url}: {self.answer.value}, {self.size if self.size is not None else 'unknown'} bytes>"
