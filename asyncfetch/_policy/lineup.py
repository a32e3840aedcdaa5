"""Which wish next: in the order of the caller, except that a host which is full holds up no other.

A wish for a full host is set aside, in order, until a transfer of that host ends; then it goes first. So whoever
carries wishes out never waits at a gate, and only as many wishes are read ahead as may be set aside.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")


class Lineup(Generic[T]):
    """Wishes set aside, and how many transfers each host has under way.

    >>> lineup = Lineup[str](per_host=1, aside=10)
    >>> lineup.begin("h")
    >>> lineup.admits("h"), lineup.admits("other")
    (False, True)
    """

    __slots__ = ("_aside", "_busy", "_most", "_per_host", "_waiting")

    def __init__(self, per_host: int, aside: int) -> None:
        self._per_host = per_host
        self._most = aside
        self._busy: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[T]] = {}
        self._aside = 0

    def admits(self, host: Hashable) -> bool:
        """Tell whether one more transfer of a host may begin."""
        return self._busy.get(host, 0) < self._per_host

    @property
    def full(self) -> bool:
        """Whether no more wishes may be set aside."""
        return self._aside >= self._most

    def set_aside(self, host: Hashable, wish: T) -> None:
        """Keep a wish until its host has room."""
        self._waiting.setdefault(host, deque()).append(wish)
        self._aside += 1

    def take(self) -> T | None:
        """Give a wish that was set aside and whose host has room now; None when there is none."""
        for host, wishes in self._waiting.items():
            if self.admits(host):
                wish = wishes.popleft()
                self._aside -= 1
                if not wishes:
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
