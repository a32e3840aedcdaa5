"""One of the connections over which a large file comes: which piece it brings just now, how fast, and of what whole."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ._model.errors import RangeRefused
from ._model.exchange import Held, Request
from ._policy import resume
from ._pump import Flow
from ._signal import signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import anyio

    from ._model.exchange import Body, Validator
    from ._model.fetch import Fetch
    from ._model.url import Url
    from ._policy.split import Piece
    from ._signal import Signal
    from ._surroundings import Surroundings


class Whole:
    """What every piece has to fit: a body of ``size`` bytes that ``source`` gave with this validator."""

    __slots__ = ("_around", "_fetch", "_validator", "size", "source")

    def __init__(self, fetch: Fetch, around: Surroundings, *, source: Url, size: int, validator: Validator) -> None:
        self._fetch = fetch
        self._around = around
        self._validator = validator
        self.source = source
        self.size = size

    def sources(self) -> list[Url]:
        """Give the sources whose pieces can be proven to fit, the one at hand first."""
        others = [one for one in self._fetch.sources if one != self.source and one.scheme != "file"]
        if self._fetch.provable:
            return [self.source, *others]
        return [self.source] if self._validator.strong else []

    @asynccontextmanager
    async def part(self, source: Url, start: int, stop: int) -> AsyncIterator[Body]:
        """Ask a source for some of its bytes. Raises RangeRefused when nothing proves that they fit."""
        around, proof = self._around, self._fetch.provable
        transport = around.lent.get(source.scheme) or await around.build(source)
        asked, matching = resume.ask(Held(start, self._validator), str(source), provable=proof)
        if asked != start:
            raise RangeRefused("nothing would prove that its pieces fit", url=source)
        request = Request(
            source,
            start,
            stop,
            matching,
            headers=self._fetch.headers,
            insecure_redirect=proof,
            ready=around.gates.ready,
        )
        async with transport.open(request) as body:
            if not resume.fits(self._validator, self.size, start, matching, body, provable=proof):
                raise RangeRefused("it has no ranges, or is another file than a moment ago", url=source)
            yield body


class PieceFlow(Flow):
    """The flow of one piece: what the pump counts is the piece's own, and its end may be moved meanwhile."""

    __slots__ = ("_whole", "overran", "piece")

    def __init__(self, body: Body, piece: Piece, size: int, *, whole: bool) -> None:
        self.piece = piece
        super().__init__(body, piece.done, size)
        self._whole = whole
        self.overran = False  # bytes were dropped: the body cannot go on where the piece ends

    def within(self, landed: int) -> int:
        """Give how many of the bytes that just came are the piece's own; see `Flow`."""
        wanted = max(0, min(landed, self.piece.stop - self.piece.done))
        self.overran = self.overran or wanted < landed
        return wanted

    @property
    def done(self) -> int:
        """Where the next byte goes."""
        return self.piece.done

    @done.setter
    def done(self, value: int) -> None:
        self.piece.done = value

    @property
    def stop(self) -> int | None:  # type: ignore[override] # as above
        """Where to leave off; None at the end of a body that was not asked to end there, so that it is seen to."""
        return None if self._whole and self.piece.stop == self.end else self.piece.stop


class Lane:
    """One connection at a time, piece after piece, from one source. Times are on the client's clock."""

    __slots__ = (
        "_brought",
        "_rate",
        "_since",
        "ahead",
        "brings",
        "flow",
        "piece",
        "retiring",
        "scope",
        "source",
        "strikes",
    )

    def __init__(self, source: Url) -> None:
        self.source = source
        self.piece: Piece | None = None
        self.flow: PieceFlow | None = None
        self.scope: anyio.CancelScope | None = None  # of its task; the first one's is the fetch itself
        self.brings = False  # it has brought something
        self.retiring = False  # it takes no further piece
        self.strikes = 0  # pieces in a row that it did not bring to their end
        self.ahead = 0.0  # seconds that asking for its last piece took
        self._brought = 0  # bytes of earlier pieces
        self._rate = 0.0
        self._since = 0.0

    @property
    def received(self) -> int:
        """Bytes it has brought in all."""
        return self._brought + (0 if self.flow is None else self.flow.received)

    @property
    def seen(self) -> int:
        """The same, with those in the buffer under way."""
        return self.received + (0 if self.flow is None else self.flow.body.landed)

    def begin(self, flow: PieceFlow, now: float, ahead: float) -> None:
        """Begin to bring a piece, for which was asked so many seconds ago."""
        self.flow, self._since, self.ahead = flow, now, ahead

    def end(self, now: float) -> None:
        """The piece has ended, one way or another."""
        self._rate = self.rate(now)
        if self.flow is not None:
            self._brought += self.flow.received
        self.flow = self.piece = None

    def rate(self, now: float) -> float:
        """Bytes a second of this piece, or of the last one as long as this one is young; 0 if there is none."""
        if self.flow is None or now - self._since < 0.3:
            return self._rate
        return (self.flow.received + self.flow.body.landed) / (now - self._since)


class Crew:
    """The connections at work on one file."""

    __slots__ = ("_empty", "_gone", "lanes")

    def __init__(self) -> None:
        self.lanes: list[Lane] = []
        self._gone = 0  # bytes that those brought which have ended
        self._empty: Signal | None = None

    def add(self, lane: Lane) -> Lane:
        """Have one more."""
        self.lanes.append(lane)
        return lane

    def remove(self, lane: Lane) -> None:
        """One has ended; once more does no harm."""
        if lane in self.lanes:
            self.lanes.remove(lane)
            self._gone += lane.received
        if not self.lanes and self._empty is not None:
            self._empty.set()

    async def ended(self) -> None:
        """Wait until none is left."""
        while self.lanes:
            self._empty = signal()
            await self._empty.wait()

    @property
    def received(self) -> int:
        """Bytes that came in all."""
        return self._gone + sum(lane.received for lane in self.lanes)

    @property
    def landed(self) -> int:
        """Bytes in the buffers under way."""
        return sum(lane.seen - lane.received for lane in self.lanes)

    def bringing(self) -> int:
        """Count those that have brought something."""
        for lane in self.lanes:
            lane.brings = lane.brings or lane.seen > 0
        return sum(lane.brings for lane in self.lanes)

    def working(self) -> list[Lane]:
        """Give those that will take another piece."""
        return [lane for lane in self.lanes if not lane.retiring]

    def keep(self, count: int) -> int:
        """Have at most so many of those that were to end after their piece go on; gives their number."""
        kept = [lane for lane in self.lanes if lane.retiring and lane.scope and not lane.scope.cancel_called]
        for lane in kept[: max(0, count)]:
            lane.retiring = False
        return min(len(kept), max(0, count))

    def mean_rate(self, now: float) -> float:
        """Bytes a second of one of them."""
        return sum(lane.rate(now) for lane in self.lanes) / len(self.lanes)

    def rate_of(self, piece: Piece, now: float) -> float:
        """Bytes a second of the one that brings a piece, at least one."""
        return max(1.0, next((lane.rate(now) for lane in self.lanes if lane.piece is piece), 1.0))
