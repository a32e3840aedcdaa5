"""Which bytes of a body are here: those from the start on without a gap, and the islands beyond.

Rules: islands are in order, do not touch each other, and lie behind the front; whatever is added twice counts once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Span = tuple[int, int]  # from a byte up to, but not including, another


class Coverage:
    """The bytes up to ``front``, and ``islands``.

    >>> here = Coverage(10)
    >>> here.add(20, 30)
    >>> here.front, here.islands
    (10, [(20, 30)])
    >>> here.add(10, 20)
    >>> here.front, here.islands
    (30, [])
    """

    __slots__ = ("front", "islands")

    def __init__(self, front: int = 0, islands: Iterable[Span] = ()) -> None:
        self.front = front
        self.islands: list[Span] = []
        for start, end in islands:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Count bytes as here."""
        if end <= start:
            return
        islands = self.islands
        if start <= self.front:
            self.front = max(self.front, end)
            while islands and islands[0][0] <= self.front:
                self.front = max(self.front, islands.pop(0)[1])
            return
        apart = [island for island in islands if island[1] < start or island[0] > end]
        joined = [island for island in islands if not (island[1] < start or island[0] > end)]
        for first, last in joined:
            start, end = min(start, first), max(end, last)
        self.islands = sorted([*apart, (start, end)])

    @property
    def total(self) -> int:
        """The number of bytes that are here."""
        return self.front + sum(end - start for start, end in self.islands)

    @property
    def end(self) -> int:
        """Where the last byte that is here ends."""
        return self.islands[-1][1] if self.islands else self.front

    def gaps(self, size: int) -> list[Span]:
        """Give what is missing of the first ``size`` bytes, in order."""
        gaps, at = [], self.front
        for start, end in self.islands:
            if at < min(start, size):
                gaps.append((at, min(start, size)))
            at = end
        if at < size:
            gaps.append((at, size))
        return gaps
