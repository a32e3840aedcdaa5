"""Which wish next: as the caller has them, but what is known to be large first, and a full host holds up no other.

Rules: a wish for a full host is set aside until a transfer of that host ends; then it goes before what is not read yet.
So whoever carries wishes out never waits at a gate, and only as many wishes are read ahead as may be set aside. Of what
is set aside for a host, the large ones go first, largest first: begun last, one of them would be all that is left to
wait for. Below LARGE, and where the size is not known, the order of the caller holds.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

T = TypeVar("T")

LARGE = 1024 * 1024  # bytes; less is over too soon for its place in the order to matter


def largest_first(sizes: Sequence[int | None]) -> list[int]:
    """Give the indices of what is large, the largest first; of equal ones in their order."""
    large = [index for index, size in enumerate(sizes) if size is not None and size >= LARGE]
    large.sort(key=lambda index: -(sizes[index] or 0))
    return large


class _Waiting(Generic[T]):
    """What waits for one host: the large ones as a heap, the others in order."""

    __slots__ = ("heavy", "others")

    def __init__(self) -> None:
        self.heavy: list[
            tuple[int, int, bool, T]
        ] = []  # size below zero, a number that tells equal ones apart, counted
        self.others: deque[T] = deque()


class Lineup(Generic[T]):
    """Wishes set aside, and how many transfers each host has under way; ``places`` says how many it may have now.

    >>> lineup = Lineup[str](lambda host: 1, aside=10)
    >>> lineup.begin("h")
    >>> lineup.admits("h"), lineup.admits("other")
    (False, True)
    """

    __slots__ = ("_aside", "_busy", "_most", "_places", "_serial", "_waiting")

    def __init__(self, places: Callable[..., int], aside: int) -> None:
        self._places = places
        self._most = aside
        self._busy: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, _Waiting[T]] = {}
        self._aside = 0
        self._serial = 0

    def admits(self, host: Hashable) -> bool:
        """Tell whether one more transfer of a host may begin."""
        return self._busy.get(host, 0) < self._places(host)

    @property
    def full(self) -> bool:
        """Whether no more wishes may be set aside."""
        return self._aside >= self._most

    @property
    def roomy(self) -> bool:
        """Whether it is worth somebody's while to read ahead: not for the one wish that was just taken."""
        return 2 * self._aside <= self._most

    @property
    def ready(self) -> bool:
        """Whether there is something to take."""
        return any(self.admits(host) for host in self._waiting)

    def set_aside(self, host: Hashable, wish: T, size: int | None = None) -> None:
        """Keep a wish until its host has room."""
        self._aside += 1
        if size is None or size < LARGE:
            self._of(host).others.append(wish)
        else:
            self._push(host, wish, size, counted=True)

    def put_first(self, host: Hashable, wish: T, size: int) -> None:
        """Keep a large wish that need not be read ahead: the caller holds all of them, so it is not counted."""
        self._push(host, wish, size, counted=False)

    def take(self) -> T | None:
        """Give a wish that waits and whose host has room now, which counts as begun; None when there is none."""
        for host, waiting in self._waiting.items():
            busy = self._busy.get(host, 0)
            if busy < self._places(host):
                self._busy[host] = busy + 1
                if waiting.heavy:
                    *_, counted, wish = heappop(waiting.heavy)
                else:
                    counted, wish = True, waiting.others.popleft()
                self._aside -= counted
                if not (waiting.heavy or waiting.others):
                    del self._waiting[host]
                return wish
        return None

    def begin(self, host: Hashable) -> None:
        """Count a transfer of a host."""
        self._busy[host] = self._busy.get(host, 0) + 1

    def end(self, host: Hashable) -> None:
        """Count one less."""
        left = self._busy[host] - 1
        if left:
            self._busy[host] = left
        else:
            del self._busy[host]

    def _of(self, host: Hashable) -> _Waiting[T]:
        waiting = self._waiting.get(host)
        if waiting is None:
            waiting = self._waiting[host] = _Waiting()
        return waiting

    def _push(self, host: Hashable, wish: T, size: int, *, counted: bool) -> None:
        self._serial += 1
        heappush(self._of(host).heavy, (-size, self._serial, counted, wish))
