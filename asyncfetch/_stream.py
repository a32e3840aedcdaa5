"""A body for somebody who reads it as a stream: prompt, and it goes on where a connection was cut.

Rules: no byte is given twice, and none of another version. After a cut it goes on only under a strong validator of the
same source (`_policy.resume`), or while nothing was given yet; else the reader hears of the cut. Each exchange is
entered and left by a task of its own, which belongs to the client: a transport may hold cancel scopes over it, and the
reader may read it from any task.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from ._asking import Asking
from ._model.errors import FetchError, MistakeError, RangeRefused, TimedOut, TransientError
from ._model.exchange import Answer, Body, Held, Request
from ._policy import resume
from ._prompt import fill_promptly
from ._signal import signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import TaskGroup

    from ._model.exchange import Validator
    from ._model.fetch import Fetch
    from ._model.ports import Transport
    from ._surroundings import Surroundings


@asynccontextmanager
async def streamed(
    wish: Fetch, transport: Transport, around: Surroundings, tasks: TaskGroup, offset: int = 0
) -> AsyncIterator[StreamedBody]:
    """Open the body of a wish's URL, from a byte on. Raises FetchError."""
    body = StreamedBody(wish, transport, around, tasks)
    with body.asking.bounded():
        await body.begin(offset)
    try:
        yield body
    except BaseException:
        await body.leave(at_once=True)
        raise
    else:
        await body.leave()


class StreamedBody(Body):
    """A body that outlives its connection. Its attributes are those of the first answer."""

    def __init__(self, wish: Fetch, transport: Transport, around: Surroundings, tasks: TaskGroup) -> None:
        self._wish = wish
        self._around = around
        self._tasks = tasks
        self.asking = Asking(around, transport, wish.url)
        self._exchange: _Exchange | None = None  # None: there is none under way, and no place at the gate is taken
        self._body: Body
        self._given = 0  # bytes of the whole that need not come again
        self._began_at = 0  # where the exchange under way began
        self._started = 0.0
        self._cut: TransientError | None = None  # what the exchange ended with, until there is another
        self._unpaid = 0  # bytes given that the rate limit has not heard of
        self._failure: FetchError | None = None  # why there will be no other

    async def begin(self, offset: int) -> None:
        """Make the first exchange; the answer says whether it begins at the offset."""
        body = await self._ask(offset, None)
        self._given = self._began_at = body.offset
        self.answer, self.url, self.offset, self.size = body.answer, body.url, body.offset, body.size
        self.validator, self.digests, self.content_type = body.validator, body.digests, body.content_type
        self.chain, self.timings = body.chain, body.timings

    async def leave(self, *, at_once: bool = False) -> None:
        """End the exchange under way; ``at_once`` cancels it."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            try:
                await exchange.leave(at_once=at_once)
            finally:
                self._around.gates.leave(self._wish.url.origin)

    async def fill(self, into: memoryview) -> int:
        """Put what has come into the buffer, soon after it came; 0 at the end."""
        if not self.asking.is_bounded:
            return await self._fill(into)
        try:
            with self.asking.bounded():
                count = await self._fill(into)
                self.asking.received = self._given - self._began_at
                return count
        except TimedOut as error:  # also when it is the last word of the source: nothing follows either way
            self._failure = self._failure or error
            raise

    async def _fill(self, into: memoryview) -> int:
        if self._unpaid and self._around.pace is not None:  # before the next ones, so that none is lost when cancelled
            count, self._unpaid = self._unpaid, 0
            await self._around.pace.spend(count)
        while self._failure is None:
            if self._cut is None:
                try:
                    count = await fill_promptly(self._body, into)
                except TransientError as error:
                    self._cut = error
                else:
                    self._given += count
                    self._unpaid = count
                    return count
            await self._go_on(self._cut)
        raise self._failure

    @property
    def landed(self) -> int:  # type: ignore[override]  # counted where the bytes arrive
        """Bytes in the buffer of the fill under way."""
        return self._body.landed

    def header(self, name: str) -> str | None:
        """Give a header of the answer under way by its lower-case name."""
        return self._body.header(name)

    def flush(self) -> None:
        """Make a fill under way come back with what it has."""
        self._body.flush()

    async def _go_on(self, cut: TransientError) -> None:
        """Ask for the rest after a failure, or make it final."""
        held = Held(self._given, self.validator)
        offset, matching = resume.ask(held, str(self._wish.url), provable=False)
        came = self._given - self._began_at
        pause = self.asking.failed(cut, self._started, came, progressed=came > 0)
        if pause is None or offset != self._given:  # not provable, or all was given
            self._failure = cut
            return
        await self.leave(at_once=True)
        await anyio.sleep(pause)
        try:
            body = await self._ask(offset, matching)
        except RangeRefused:
            self._failure = cut
        except FetchError as error:
            self._failure = error
        else:
            self._cut = None if self._continues(body, held, offset, matching) else cut
            self._failure = self._cut

    def _continues(self, body: Body, held: Held, offset: int, matching: Validator | None) -> bool:
        if offset == 0:
            return body.answer is Answer.FULL and (body.size, body.validator) == (self.size, self.validator)
        return resume.keep(held, offset, matching, body, provable=False) == offset

    async def _ask(self, offset: int, matching: Validator | None) -> Body:
        wish = self._wish
        unless = wish.unless if self._exchange is None and (offset == 0 or self._cut is None) else None

        async def enter(transport: Transport) -> Body:
            ready = self._around.gates.ready
            request = Request(wish.url, offset, matching=matching, unless=unless, headers=wish.headers, ready=ready)
            exchange = _Exchange()
            self._tasks.start_soon(exchange.run, transport, request)
            body = await exchange.entered()
            self._exchange = exchange
            return body

        self._began_at = offset
        self._body = await self.asking.answer(enter, keep_place=True)
        self._started = self._around.clock()
        return self._body


class _Exchange:
    """One exchange and the task that holds it open."""

    def __init__(self) -> None:
        self._scope = anyio.CancelScope()
        self._ready, self._left, self._over = signal(), signal(), signal()
        self._body: Body | None = None
        self._error: Exception | None = None

    async def run(self, transport: Transport, request: Request) -> None:
        """Enter it, hold it, leave it; in a task of its own."""
        try:
            with self._scope:
                async with transport.open(request) as self._body:
                    self._ready.set()
                    await self._left.wait()
        except Exception as error:  # noqa: BLE001 - raised to who waits for it
            self._error = error
        finally:
            self._ready.set()
            self._over.set()

    async def entered(self) -> Body:
        """Wait for the body. Raises what opening it raised."""
        try:
            await self._ready.wait()
        except BaseException:
            await self.leave(at_once=True)
            raise
        if self._error is not None:
            raise self._error
        if self._body is None:
            raise MistakeError("the client was closed meanwhile")
        return self._body

    async def leave(self, *, at_once: bool = False) -> None:
        """Leave it, and wait until nothing of it is left. Raises what leaving it raised."""
        self._left.set()
        if at_once:
            self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._over.wait()
        if self._error is not None and not at_once:
            raise self._error
