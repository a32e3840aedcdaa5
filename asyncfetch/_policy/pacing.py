"""How much a host may be asked at a time, until when it is left alone, and whether a transfer is too slow.

Rules:

* Additive increase, multiplicative decrease, as TCP does it (RFC 5681 section 3.1): a loss (429, 503, a timeout, a
  reset) halves the number of attempts that a host may have under way, once for all that were under way together; one
  round of attempts that went well adds one, up to ``Limits.per_host``. It is never less than one. A host that says
  nothing at all, asked one at a time, is not crowded but down: then there is no point in finding that out slowly.
* A host that asked for a pause is left alone until then; asking meanwhile for a longer one prolongs it.
* The window of a stall begins anew each time it has passed with enough bytes, so a transfer has to fall below the rate
  for the whole length of one window, and at most for the length of two, before it is called stalled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._model.settings import Retry

_FORGOTTEN = 600.0  # seconds after which a loss no longer says anything
_NEVER = float("-inf")


class Allowance:
    """What a host in trouble may be asked: ``places`` at a time, and nothing before ``until``. Times are the caller's.

    ``pauses`` counts those it asked for in a row, without an answer between them.

    >>> allowance = Allowance(16)
    >>> allowance.lost(began=1.0, now=2.0, busy=16)
    >>> allowance.places
    8
    """

    __slots__ = ("_good", "_lost_at", "_most", "_silent", "pauses", "places", "until")

    def __init__(self, most: int) -> None:
        self._most = most
        self._good = 0  # attempts that went well since ``places`` changed
        self._lost_at = _NEVER
        self._silent = False  # nothing was heard since the last loss, nor with it
        self.places = most
        self.pauses = 0
        self.until = _NEVER

    def lost(self, *, began: float, now: float, busy: int, silent: bool = False) -> None:
        """Hear of a loss: of an attempt begun at ``began``, when ``busy`` were under way, that one included.

        ``silent``: the host did not even say that it is busy.
        """
        if began >= self._lost_at:  # one that was under way at the last loss says nothing new
            is_down = silent and self._silent and self.places == 1
            self.places = self._most if is_down else max(1, min(self.places, busy) // 2)
            self._silent = silent
            self._good = 0
            self._lost_at = now

    def answered(self, *, well: bool) -> None:
        """Hear of an answer, and whether it was what was asked for: a host that says "not found" works."""
        self.pauses = 0
        self._silent = False
        if well and self.places < self._most:
            self._good += 1
            if self._good >= self.places:
                self.places += 1
                self._good = 0

    def turned_away(self, now: float, seconds: float) -> None:
        """Hear that the host wants to be left alone for so long."""
        if now >= self.until:
            self.pauses += 1
        self.until = max(self.until, now + seconds)

    def pause(self, asked: float | None, retry: Retry, chance: float) -> float:
        """Decide for how many seconds to leave the host alone: as long as it ``asked``, else back-off with jitter."""
        if asked:
            return min(asked, retry.retry_after_max)
        return min(retry.backoff_max, retry.backoff * 2.0 ** min(self.pauses, 60)) * chance

    def is_over(self, now: float) -> bool:
        """Tell whether there is nothing left to remember."""
        quiet = self.places == self._most and self.pauses == 0
        return now >= self.until and (quiet or now - max(self._lost_at, self.until) > _FORGOTTEN)


class StallWatch:
    """Fewer than ``rate`` bytes a second over ``window`` seconds is a stall. Times are the caller's."""

    __slots__ = ("_bytes", "_rate", "_since", "_window")

    def __init__(self, rate: float, window: float, now: float) -> None:
        self._rate = rate
        self._window = window
        self._since = now
        self._bytes = 0

    def stalled(self, now: float, received: int) -> bool:
        """Tell whether the window passed with too few bytes; ``received`` counts from the start."""
        if now - self._since < self._window:
            return False
        slow = received - self._bytes < self._rate * (now - self._since)
        self._since, self._bytes = now, received
        return slow
