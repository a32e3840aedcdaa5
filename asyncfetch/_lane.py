"""One of the connections over which a large file comes: which piece it brings just now, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._pump import Flow

if TYPE_CHECKING:
    import anyio

    from ._model.exchange import Body
    from ._model.url import Url
    from ._policy.split import Piece


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
