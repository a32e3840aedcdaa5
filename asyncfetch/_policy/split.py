"""How one large file is cut over several connections: which piece next, and how long a piece.

Rules: no byte is in two pieces. Pieces are handed out in order, so that what is hashed follows close behind. What a
connection did not bring goes back, and is the next to be handed out. When nothing is left to hand out, who is idle
takes the back of the piece that would take longest. The one who decides how many connections there are is `widening`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .coverage import Span

LEAST = 4 * 1024 * 1024  # bytes of a body from which on cutting it is thought of
SHORTEST = 512 * 1024  # bytes of a piece, unless less is left
LONGEST = 64 * 1024 * 1024  # bytes of a piece: what is hashed late should still lie in the page cache
SECONDS = 4.0  # that a piece takes: a request of 100 ms then costs a fortieth
REQUESTS = 20.0  # times the request itself, that a piece takes at least (FTP needs seven exchanges for one)
LEAST_REQUESTS = 5.0  # the same for the short pieces at the end
WORTH = 1.0  # seconds that a piece would still take, for its back to be given to another


class Piece:
    """A stretch of the body that one connection brings: from ``start``, ``done`` so far, up to ``stop``."""

    __slots__ = ("done", "start", "stop")

    def __init__(self, start: int, stop: int) -> None:
        self.start = self.done = start
        self.stop = stop

    @property
    def left(self) -> int:
        """Bytes to come."""
        return self.stop - self.done

    def __repr__(self) -> str:
        return f"<Piece {self.start}..{self.done}..{self.stop}>"


class Chart:
    """Who brings what: the pieces under way, and what nobody has been given yet.

    >>> chart = Chart([(0, 9_000_000)])
    >>> chart.take(1_000_000), chart.take(50_000_000), chart.take(1_000_000)
    (<Piece 0..0..1000000>, <Piece 1000000..1000000..9000000>, None)
    """

    __slots__ = ("_free", "_under_way")

    def __init__(self, gaps: Iterable[Span]) -> None:
        self._free: list[Span] = sorted(gaps)
        self._under_way: list[Piece] = []

    @property
    def free(self) -> int:
        """Bytes that nobody has been given."""
        return sum(stop - start for start, stop in self._free)

    @property
    def left(self) -> int:
        """Bytes to come."""
        return self.free + sum(piece.left for piece in self._under_way)

    def take(self, count: int) -> Piece | None:
        """Hand out the first bytes that nobody has, at most so many; None when there are none.

        A rest too short for a piece of its own comes along.
        """
        if not self._free:
            return None
        start, stop = self._free[0]
        reach = start + count
        if stop - reach < SHORTEST:
            self._free.pop(0)
            reach = stop
        else:
            self._free[0] = (reach, stop)
        piece = Piece(start, reach)
        self._under_way.append(piece)
        return piece

    def cut(self, piece: Piece, at: int) -> bool:
        """Take a piece's bytes from ``at`` on away from it; False if it has none there, or is further already."""
        if not piece.done < at < piece.stop:
            return False
        self._put_back(at, piece.stop)
        piece.stop = at
        return True

    def extend(self, piece: Piece) -> bool:
        """Let who has come to the end of a piece go on with what follows; False if that is not to be had."""
        for number, (start, stop) in enumerate(self._free):
            if start == piece.stop:
                del self._free[number]
                piece.stop = stop
                return True
        return False

    def end(self, piece: Piece) -> None:
        """Take a piece back from who had it; what was not brought can be handed out again."""
        self._under_way.remove(piece)
        if piece.left > 0:
            self._put_back(piece.done, piece.stop)

    def share(self, rate: Callable[[Piece], float], ahead: float, most: int) -> bool:
        """Free the back of the piece that would take longest, for one who is idle; False if it is not worth while.

        ``rate`` tells how fast a piece comes, in bytes a second; ``ahead`` are the seconds until a new one would begin.
        Half of it, but no more than ``most`` bytes.
        """
        piece = max(self._under_way, key=lambda one: one.left / rate(one), default=None)
        if piece is None:
            return False
        pace = rate(piece)
        if piece.left < 2 * SHORTEST or piece.left / pace < WORTH + 2 * ahead:
            return False
        keep = int(piece.left + pace * ahead) // 2
        return self.cut(piece, max(piece.done + keep, piece.stop - most))

    def _put_back(self, start: int, stop: int) -> None:
        merged = []
        for first, last in self._free:
            if last == start:
                start = first
            elif first == stop:
                stop = last
            else:
                merged.append((first, last))
        self._free = sorted([*merged, (start, stop)])


def length(rate: float, ahead: float, free: int, connections: int) -> int:
    """Give the length of the next piece of a connection in bytes.

    ``rate`` is its bytes a second, ``ahead`` the seconds that a request takes before bytes come, ``free`` what nobody
    has been given yet: towards the end pieces become shorter, so that all connections end at about the same time.
    """
    wanted = rate * max(SECONDS, REQUESTS * ahead)
    return max(SHORTEST, int(rate * LEAST_REQUESTS * ahead), min(LONGEST, int(wanted), free // (2 * connections)))
