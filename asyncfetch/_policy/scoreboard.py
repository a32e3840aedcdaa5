"""Which of several sources to ask first: hosts that fail or crawl come after the others, for a while.

Rules: the order of the caller holds among equals, and hosts are compared in three coarse ranks, so that small
differences change nothing. A failure that is about the host counts fully, one about the file (not found, a bad digest)
less than half. A success takes most of it back, and time all. A host crawls when another one was many times as fast.
A wish with one source has nothing to choose from: nobody asks here for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._model.errors import Verdict

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

HALF_LIFE = 120.0  # seconds in which half of what was held against a host is forgotten
_WEIGHTS = {Verdict.RETRY: 1.0, Verdict.NEXT_SOURCE: 0.4}
_WORST = 8.0  # no host is so bad that three successes could not clear it
_FAILING = 0.5  # a failure of the host counts for one half-life, one of a file not at all, two do
_CLEARED = 0.25  # of what was held against it is left after a success
_CRAWLING = 10.0  # times slower than the fastest
_REMEMBERED = 300.0  # seconds that a measured rate is believed
_HOSTS = 1024  # remembered at most


class Scoreboard:
    """How hosts did of late; times in seconds are the caller's.

    >>> board = Scoreboard()
    >>> board.failed("a", Verdict.RETRY, now=0.0)
    >>> board.order(["a", "b", "c"], now=1.0)
    [1, 2, 0]
    """

    __slots__ = ("_rates", "failing")

    def __init__(self) -> None:
        self.failing: dict[Hashable, tuple[float, float]] = {}  # how much is held against a host, and since when
        self._rates: dict[Hashable, tuple[float, float]] = {}  # bytes a second, and when

    def failed(self, host: Hashable, verdict: Verdict, now: float) -> None:
        """Hear of an attempt that failed; one that says nothing of the host (our disk, a mistake) does not count."""
        weight = _WEIGHTS.get(verdict)
        if weight is None:
            return
        score = min(_WORST, self._held_against(host, now) + weight)
        self.failing.pop(host, None)  # what is held against the hosts stands in the order of time
        if len(self.failing) >= _HOSTS:
            self._forget(now)
        self.failing[host] = score, now

    def succeeded(self, host: Hashable, now: float) -> None:
        """Hear of one that went well; worth a call only for a host in ``failing``."""
        left = self._held_against(host, now) * _CLEARED
        if left < _FAILING / 10:
            self.failing.pop(host, None)
        else:
            self.failing[host] = left, now

    def measured(self, host: Hashable, rate: float, now: float) -> None:
        """Hear how fast a body came, in bytes a second; the last ones count most."""
        known = self._rates.pop(host, None)
        if known is not None and now - known[1] < _REMEMBERED:
            rate = (rate + known[0]) / 2
        elif len(self._rates) >= _HOSTS:
            del self._rates[next(iter(self._rates))]  # the one measured longest ago
        self._rates[host] = rate, now

    def order(self, hosts: Sequence[Hashable], now: float) -> list[int]:
        """Give the indices of hosts in the order in which to ask them."""
        rates = {host: rate for host, (rate, at) in self._rates.items() if now - at < _REMEMBERED}
        fastest = max(rates.values(), default=0.0)

        def rank(index: int) -> int:
            host = hosts[index]
            if self._held_against(host, now) >= _FAILING:
                return 2
            return int(rates.get(host, fastest) * _CRAWLING < fastest)

        return sorted(range(len(hosts)), key=rank)  # stable: the caller's order among equals

    def _held_against(self, host: Hashable, now: float) -> float:
        score, at = self.failing.get(host, (0.0, now))
        share: float = 0.5 ** ((now - at) / HALF_LIFE)
        return score * share

    def _forget(self, now: float) -> None:
        """Make room: for one more, without those that count no longer, or the one that failed longest ago."""
        for host in [host for host in self.failing if self._held_against(host, now) < _FAILING]:
            del self.failing[host]
        while len(self.failing) >= _HOSTS:
            del self.failing[next(iter(self.failing))]
