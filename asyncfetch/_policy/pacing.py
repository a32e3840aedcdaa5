"""Whether a transfer is too slow: bytes over a window of time.

The window begins anew each time it has passed with enough bytes, so a transfer has to fall below the rate for the whole
length of one window, and at most for the length of two, before it is called stalled.
"""

from __future__ import annotations


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
