"""The buffers of one client: the bound on its memory, and its backpressure.

Rules: a transfer that holds no buffer always gets one, so that a slow one cannot starve the others; more than one it
gets only while all buffers together stay under the bound. Worker threads give buffers back; only the loop lends.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .._signal import signal

if TYPE_CHECKING:
    from .._signal import Signal

SMALL = 64 * 1024
LARGE = 1024 * 1024  # per GiB, writing costs 0.53 s CPU in pieces of 256 KiB, 0.31 s in pieces of 1 MiB


class Buffer:
    """A piece of memory on its way round: lent, filled, written, hashed, given back."""

    __slots__ = ("owner", "view")

    def __init__(self, size: int) -> None:
        self.view = memoryview(bytearray(size))
        self.owner: Owner | None = None


class Owner:
    """A borrower, and how many buffers it has out."""

    __slots__ = ("out",)

    def __init__(self) -> None:
        self.out = 0


class Buffers:
    """Lends buffers of two sizes; ``bound`` in bytes is for the large ones lent beyond the first of each owner."""

    def __init__(self, bound: int) -> None:
        self._most = max(2, bound // LARGE)
        self._large: list[Buffer] = []
        self._small: list[Buffer] = []
        self._lent = 0  # large ones
        self._returned: deque[Buffer] = deque()  # filled by threads
        self._awaited: Signal | None = None

    def lend(self, owner: Owner, hint: int | None) -> Buffer | None:
        """Lend a buffer for at most ``hint`` bytes (None: unknown); None when the owner has to wait."""
        self._collect()
        if hint is not None and hint <= SMALL:
            buffer = self._small.pop() if self._small else Buffer(SMALL)
        elif owner.out and self._lent >= self._most:
            return None
        else:
            self._lent += 1
            buffer = self._large.pop() if self._large else Buffer(LARGE)
        owner.out += 1
        buffer.owner = owner
        return buffer

    def give_back(self, buffer: Buffer) -> bool:
        """Take a buffer back, from any thread; True when somebody waits and ``wake`` should be posted to the loop."""
        self._returned.append(buffer)
        return self._awaited is not None

    def wake(self) -> None:
        """Wake those who wait for a buffer; on the loop."""
        if self._awaited is not None:
            self._awaited.set()
            self._awaited = None

    async def wait(self, owner: Owner) -> None:
        """Wait until a buffer has come back."""
        while owner.out and self._lent >= self._most:
            if self._awaited is None:
                self._awaited = signal()
            awaited = self._awaited
            self._collect()  # one that came back before it was awaited woke nobody
            if owner.out and self._lent >= self._most:
                await awaited.wait()
                self._collect()

    def _collect(self) -> None:
        returned = self._returned
        while returned:
            buffer = returned.popleft()
            assert buffer.owner is not None
            buffer.owner.out -= 1
            buffer.owner = None
            if len(buffer.view) == SMALL:
                if len(self._small) < 64:
                    self._small.append(buffer)
            else:
                self._lent -= 1
                if len(self._large) < self._most:
                    self._large.append(buffer)

    def __repr__(self) -> str:
        return f"<Buffers {self._lent}/{self._most} lent, {len(self._large)} + {len(self._small)} small free>"
