"""How many connections one file is worth: one more is kept only if the file then comes faster.

Rules: it begins with one, and looks at the bytes a second once they no longer rise (TCP's slow start, RFC 5681). If
what is left takes a while, as many connections more are tried as there are. They are kept when the whole comes faster
by a good part of their share, at once if it is half of it; else given up for a while, as on a link that one connection
fills more share it and gain nothing. A trial costs nothing, so that it may last. Times are the caller's, in seconds.
"""

from __future__ import annotations

WINDOW = 0.4  # seconds over which bytes are counted
STEADY = 1.4  # times the window before, and bytes come no longer faster: servers that limit a rate send in bursts
PATIENCE = 3.0  # seconds after which what never becomes steady is taken as it is, and a trial ends
# of the share that new connections would bring if each were limited by itself: doubling them until less is gained ends
# at 1 / (1 + GAIN) of the line or above
GAIN = 0.15
AT_ONCE = 0.5  # the same, before the trial is over
WORTH = 3.0  # seconds that the rest takes at least, for another connection to be tried
REST = 5.0  # seconds until the next try after one in vain; doubles each time


class Widening:
    """Decides how many connections there should be, at most ``most``; ``wanted`` is the last decision.

    ``proven``: more than one connection was seen to be faster.
    """

    __slots__ = ("_before", "_guessed", "_lanes", "_marks", "_most", "_pause", "_rested", "proven", "wanted")

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes = 0
        self._marks: list[tuple[float, int]] = []  # when, bytes
        self._before: tuple[int, float] | None = None  # connections and bytes a second before those on trial
        self._guessed = False  # those bytes a second are what is hoped for, not what was seen
        self._rested = 0.0
        self._pause = REST
        self.wanted = 1
        self.proven = False

    @property
    def trying(self) -> bool:
        """Whether connections are on trial."""
        return self._before is not None

    def look(self, now: float, received: int, lanes: int, left: int, *, fresh: bool = False) -> int:
        """Decide how many connections there should be.

        ``received`` counts all bytes so far, ``lanes`` the connections that have brought some, ``left`` the bytes to
        come. ``fresh``: there is a source that was not tried yet, so that a try in vain needs no rest.
        """
        if not self._mark(now, received, lanes):
            return self.wanted
        if self._before is None:
            self._try(now, self._steady_rate(), lanes, left)
            return self.wanted
        before, was = self._before
        if lanes <= before:  # those on trial bring nothing yet, or there was no place for them
            self._try(now, self._steady_rate() or was, lanes, left)
            if not self.trying:
                self.wanted = lanes
            return self.wanted
        share = was * (lanes - before) / before
        if self._recent_rate() > was + AT_ONCE * share or (
            self._is_over(now) and self._late_rate() > was + GAIN * share
        ):
            self.proven, self._pause = True, REST
            # the new ones may still be rising: what follows is measured against all that they can come to
            self._try(now, max(was + share, self._recent_rate()), lanes, left)
            self._guessed = True
        elif self._is_over(now):
            # in vain; if against a guess, the next one is soon, and against what is seen by then
            self.give_back(now, before, fresh=fresh or self._guessed)
        return self.wanted

    def _try(self, now: float, rate: float | None, lanes: int, left: int) -> None:
        """Try more connections, if that can pay."""
        self._before, self._guessed = None, False
        if rate is not None and lanes < self._most and now >= self._rested and left > WORTH * rate:
            self._before = (lanes, rate)
            self.wanted = min(self._most, 2 * lanes)

    def give_back(self, now: float, wanted: int, *, fresh: bool = False) -> None:
        """Do with fewer connections for a while."""
        self.wanted, self._before = wanted, None
        if not fresh:
            self._rested = now + self._pause
            self._pause *= 2

    def _mark(self, now: float, received: int, lanes: int) -> bool:
        """Count the bytes of another window; False until it is over. A change of connections begins anew."""
        if lanes != self._lanes:
            self._lanes = lanes
            self._marks.clear()
        if not lanes:
            return False
        if self._marks and now - self._marks[-1][0] < WINDOW:
            return False
        self._marks.append((now, received))
        return len(self._marks) > 1

    def _is_over(self, now: float) -> bool:
        """Whether the number of connections has been the same for long enough."""
        return now - self._marks[0][0] >= PATIENCE

    def _recent_rate(self) -> float:
        """Give the bytes a second of the last two windows; of the one there is."""
        return _rate(self._marks[-3:])

    def _late_rate(self) -> float:
        """Give the bytes a second of the later half."""
        return _rate(self._marks[len(self._marks) // 2 - 1 :])

    def _steady_rate(self) -> float | None:
        """Give the bytes a second since the number of connections changed, once they no longer rise."""
        marks = self._marks
        if len(marks) < 3:
            return None
        if _rate(marks[-2:]) <= STEADY * _rate(marks[-3:-1]) or self._is_over(marks[-1][0]):
            return self._recent_rate()
        return None


def _rate(marks: list[tuple[float, int]]) -> float:
    (earlier, before), (later, after) = marks[0], marks[-1]
    return (after - before) / (later - earlier)
