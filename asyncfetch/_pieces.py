"""One large body over several connections at a time, into one sink.

It begins as any other body does, over one connection. Ten times a second `widening` looks whether more would pay; a
connection on trial brings the end of the file, so that the first one loses nothing if it was in vain. Once it has paid,
all bring pieces near the front. Rules:

* A piece is proven like a resumed part: a strong validator of the same source, or a digest that will be checked.
* A further connection takes a place at the gate only if one is free, and leaves at once when somebody waits for it.
* A piece that fails is handed out again. Only when no connection is left does the fetch itself fail; what is here then
  stays, and is resumed.
* What is wrong with the end of a body is wrong with the whole, wherever its other bytes came from.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import anyio

from ._lane import Crew, Lane, PieceFlow, Whole
from ._model.errors import DigestMismatch, FetchError, Interrupted, LocalError, TransientError, Verdict
from ._model.events import Advanced
from ._policy import split
from ._policy.coverage import Coverage
from ._policy.widening import Widening
from ._watch import Watch, carry

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from ._model.exchange import Body, Validator
    from ._model.fetch import Fetch
    from ._model.url import Url
    from ._sinks.file import FileSink
    from ._surroundings import Surroundings

_STRIKES = 3  # pieces in a row that a connection may fail to bring to their end


class Pieces:
    """Brings the rest of a body of known size. ``done`` and ``received`` as with a `Flow`, of all connections."""

    def __init__(
        self,
        fetch: Fetch,
        sink: FileSink,
        around: Surroundings,
        *,
        source: Url,
        size: int,
        validator: Validator,
        most: int,
    ) -> None:
        self._fetch = fetch
        self._sink = sink
        self._around = around
        self._source = source
        self._size = size
        self._whole = Whole(fetch, around, source=source, size=size, validator=validator)
        held = sink.held
        self._chart = split.Chart(Coverage(held.length, held.islands).gaps(size))
        self._crew = Crew()
        self._first = self._crew.add(Lane(source))  # its place at the gate is that of the fetch
        self._candidates = deque(self._whole.sources())  # whose connections may be tried, the first one next
        self._trouble: FetchError | None = None  # why the first connection ended, when there was no other
        self._fatal: Exception | None = None  # what ends all
        self._tasks: TaskGroup
        self._most = most
        self._widening = Widening(most)
        self.several = bool(held.islands)  # more than one exchange brought bytes

    # --- what is told

    @property
    def received(self) -> int:
        """Bytes that came in all."""
        return self._crew.received

    @property
    def done(self) -> int:
        """Bytes of the whole that the sink has."""
        return self._size - self._chart.left

    def seen(self) -> int:
        """The same, with those in the buffers under way."""
        return self.done + self._crew.landed

    # --- the work

    async def run(self, body: Body) -> None:
        """Bring the rest, beginning with a body that starts where what is held ends. Raises FetchError."""
        async with anyio.create_task_group() as self._tasks:
            self._around.pulse.watch(self)
            try:
                await self._bring_first(body)
                await self._crew.ended()
                while self._chart.left and self._trouble is None:
                    # who had the rest failed, or made room for another fetch; the place of the fetch itself is ours
                    self._first = self._crew.add(Lane(self._source))
                    await self._work(self._first)
                    await self._crew.ended()
            finally:
                self._around.pulse.forget(self)  # before the group closes: a tick may add a connection
        if self._fatal is not None:
            raise self._fatal
        if self._chart.left:
            assert self._trouble is not None
            raise self._trouble

    async def _bring_first(self, body: Body) -> None:
        """Bring what the first body has until others have the rest, then pieces like them."""
        lane = self._first
        piece = lane.piece = self._chart.take(self._size)
        assert piece is not None
        try:
            flow = PieceFlow(body, piece, self._size, whole=True)
            await self._carry(lane, flow, 0.0)
            while not flow.overran and self._chart.extend(piece):
                await self._carry(lane, flow, 0.0)
            if piece.done < self._size:  # its bytes would only fill the line
                body.abort(Interrupted("the rest came over other connections", url=self._source))
        except Exception as error:  # noqa: BLE001 - all that may go wrong is judged in one place
            is_of_the_end = piece.left <= 0
            self._end_piece(lane)
            if is_of_the_end:
                self._end_all(error)
            if is_of_the_end or not self._goes_on(lane, error, error):
                self._crew.remove(lane)
                return
        else:
            self._end_piece(lane)
        await self._work(lane)

    async def _help(self, lane: Lane) -> None:
        """Be a further connection; its place at the gate is taken already, and so is its first piece."""
        began = self._around.clock()
        error: Exception | None = None
        assert lane.scope is not None
        try:
            with lane.scope:
                error = await self._work(lane)
        finally:
            if lane.piece is not None:
                self._end_piece(lane)
            self._crew.remove(lane)
            self._around.gates.leave(lane.source.origin)
        if isinstance(error, FetchError):
            self._around.hosts.failed(lane.source, error, began)

    async def _work(self, lane: Lane) -> Exception | None:
        """Bring piece after piece, as long as there are any; gives the error that ended it."""
        try:
            while lane.piece is not None or self._take(lane):
                try:
                    await self._bring(lane)
                    lane.strikes = 0
                except Exception as error:  # noqa: BLE001 - as above
                    self._end_piece(lane)
                    if not self._goes_on(lane, error, self._told(error)):
                        return error
                else:
                    self._end_piece(lane)
            return None
        finally:
            if lane is self._first:
                self._crew.remove(lane)

    async def _bring(self, lane: Lane) -> None:
        """Ask for one piece, and bring it."""
        clock, piece = self._around.clock, lane.piece
        assert piece is not None
        began, asked = clock(), piece.stop
        async with self._whole.part(lane.source, piece.start, asked) as body:
            flow = PieceFlow(body, piece, self._size, whole=False)
            self.several = True
            await self._carry(lane, flow, clock() - began)
            if flow.done == asked and not body.ended:
                await body.fill(memoryview(bytearray(1)))  # it gives 0, or what is wrong with the part (Content-Digest)

    async def _carry(self, lane: Lane, flow: PieceFlow, ahead: float) -> None:
        lane.begin(flow, self._around.clock(), ahead)
        watch = Watch(flow, self._fetch, lane.source, self._around, observed=False)
        await carry(flow, self._sink.strand(flow.done), watch, self._around)

    # --- pieces

    def _take(self, lane: Lane) -> bool:
        """Give a connection its next piece; False when there is none, or it is one too many."""
        if lane.retiring:
            return False
        now, chart = self._around.clock(), self._chart
        count = len(self._crew.lanes)
        rate = lane.rate(now) or self._crew.mean_rate(now)
        wanted = split.length(rate, lane.ahead, chart.free or chart.left, count) if count > 1 else self._size
        if not chart.free:
            most = self._size if self._widening.proven else wanted
            chart.share(lambda piece: self._crew.rate_of(piece, now), lane.ahead, most)
        lane.piece = chart.take(wanted)
        return lane.piece is not None

    def _end_piece(self, lane: Lane) -> None:
        if lane.piece is not None:
            self._chart.end(lane.piece)
        lane.end(self._around.clock())

    def _goes_on(self, lane: Lane, error: Exception, told: Exception) -> bool:
        """Judge an error: whether the connection takes another piece, whose place others would have to take.

        ``told`` is what the fetch would end with.
        """
        if not isinstance(error, FetchError) or isinstance(error, LocalError | DigestMismatch):
            self._end_all(error)
            return False
        others = len(self._crew.lanes) - 1
        if lane is self._first and not others:
            assert isinstance(told, FetchError)
            self._trouble = told
        lane.strikes += 1
        is_refused = error.verdict is not Verdict.RETRY
        if others and lane.brings and lane.strikes < _STRIKES and not is_refused:
            return True
        if lane.source in self._candidates and (is_refused or self._another()):
            self._candidates.remove(lane.source)
        fresh = bool(self._candidates) and self._candidates[0] != lane.source
        self._widening.give_back(self._around.clock(), max(1, others), fresh=fresh)
        return False

    def _end_all(self, error: Exception) -> None:
        """End every connection: no other one can make this good."""
        self._fatal = self._fatal or error
        self._tasks.cancel_scope.cancel()

    def _told(self, error: Exception) -> Exception:
        """Give the error of a piece as one of the fetch: its source may still have the whole."""
        if not isinstance(error, FetchError) or isinstance(error, TransientError):
            return error
        told = Interrupted(f"a piece of it did not come: {error.reason}", url=self._source)
        told.__cause__ = error
        return told

    # --- how many, and from where

    def _another(self) -> bool:
        return len(self._candidates) > 1

    def tick(self, now: float) -> None:
        """Tell whoever observes, and see whether connections are too few or too many."""
        if self._around.observer is not None:
            self._around.observer(Advanced(self._fetch, self.seen(), self._size))
        crew, widening = self._crew, self._widening
        was_proven, tried, bringing = widening.proven, widening.trying, crew.bringing()
        left = self._chart.left
        wanted = widening.look(now, crew.received + crew.landed, bringing, left, fresh=self._another())
        if widening.proven and not was_proven and self._first.piece is not None:
            lead = split.length(self._first.rate(now), 0.0, left, len(crew.lanes))
            self._chart.cut(self._first.piece, self._first.piece.done + lead)
        working = crew.working()
        if self._make_room(now):
            return
        if len(working) > wanted:
            if tried and self._another():  # more of this source are in vain: the next one may do better
                self._candidates.popleft()
            for lane in [lane for lane in reversed(working) if lane is not self._first][: len(working) - wanted]:
                lane.retiring = True
                if lane.scope is not None and not lane.brings:  # it may never do, and others would wait for its piece
                    lane.scope.cancel()
        kept = crew.keep(wanted - len(working))
        for _ in range(min(wanted - len(working) - kept, self._most - len(crew.lanes))):
            if not self._add():
                break

    def _make_room(self, now: float) -> bool:
        """End the newest connection whose place another fetch waits for."""
        lanes = self._crew.lanes
        for lane in reversed(lanes):
            if lane.scope is not None and self._around.gates.is_crowded(lane.source.origin):
                lane.retiring = True
                lane.scope.cancel()
                self._widening.give_back(now, max(1, len(lanes) - 1))
                return True
        return False

    def _add(self) -> bool:
        """Add a connection, if there is a piece for it and a place at the gate."""
        if not self._candidates or not self._around.gates.room(self._candidates[0].origin):
            return False
        lane = Lane(self._candidates[0])
        lane.scope = anyio.CancelScope()
        self._crew.add(lane)
        if not self._take(lane):
            self._crew.remove(lane)
            return False
        self._around.gates.enter_now(lane.source.origin)
        self._tasks.start_soon(self._help, lane)
        return True
