"""Several ends into one file: each strand takes the bytes of one connection, at the place where they belong.

Rules: strands write as bytes come, in the one writer thread. Bytes that follow what has been hashed are hashed from
their buffer; those that came early are read back, most likely from the page cache, when what was missing before them is
there. So the body is hashed once, in order, and no buffer waits for another connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._disk.buffers import Owner
from .._policy.coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._disk.buffers import Buffer, Buffers
    from .._policy.coverage import Span
    from .file import FileSink
    from .writing import Writing


class Scatter:
    """What the strands of one body share: what was taken, and how far it is hashed."""

    __slots__ = ("buffers", "coverage", "hashed", "hashing", "writing")

    def __init__(self, front: int, islands: Iterable[Span], writing: Writing, buffers: Buffers) -> None:
        self.coverage = Coverage(front, islands)
        self.writing = writing
        self.buffers = buffers
        self.hashing = writing.hashing
        self.hashed = front  # handed to the hasher; the writer thread's


class Strand:
    """Lends buffers and takes them back, for the bytes from ``at`` on; see `Sink`."""

    __slots__ = ("_at", "_lent", "_owner", "_scatter", "_sink")

    def __init__(self, sink: FileSink, scatter: Scatter, at: int) -> None:
        self._sink = sink
        self._scatter = scatter
        self._owner = Owner()
        self._lent: Buffer | None = None
        self._at = at

    def lend(self, hint: int | None) -> memoryview | None:
        """Lend a buffer; None when all are on their way to the disk."""
        self._scatter.writing.raise_failure()
        buffer = self._lent = self._scatter.buffers.lend(self._owner, hint)
        return None if buffer is None else buffer.view

    async def room(self) -> None:
        """Wait until a buffer has come back."""
        await self._scatter.buffers.wait(self._owner)

    def take(self, count: int) -> None:
        """Take the buffer back, and have its bytes written."""
        buffer, self._lent = self._lent, None
        assert buffer is not None
        self._sink.take_at(self._scatter, buffer, count, self._at)
        self._at += count
