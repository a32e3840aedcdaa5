"""One short question to one source, asked as often as the settings allow: stat, the opening of a stream, of a listing.

The same policy as for a transfer, without a sink: there is no mirror to turn to. ``Timeouts.total`` bounds what is
waited for the source and for our turn, pauses included; the time that a reader takes in between is the reader's own.
"""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio

from ._gates import Cooling
from ._model.errors import Attempt, Busy, FetchError, TimedOut
from ._policy.attempts import Attempts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

    from ._model.exchange import Entry
    from ._model.ports import Transport
    from ._model.url import Url
    from ._surroundings import Surroundings

T = TypeVar("T")


class Asking:
    """One source that is asked; what it was tried for, and how patient we still are, outlasts a question."""

    def __init__(self, around: Surroundings, transport: Transport, url: Url) -> None:
        self._around = around
        self._transport = transport
        self._url = url
        self._queue = Attempts(1, around.settings.retry, random.random)
        self._began = around.clock()
        self._tried: list[Attempt] = []
        self._left = around.settings.timeouts.total  # seconds that may still be waited
        self._under_way: float | None = None  # since when there is a try that nobody has heard the end of
        self.received = 0  # bytes that it brought so far

    @property
    def is_bounded(self) -> bool:
        """Whether there is a limit for all of it, so that waiting has to be `bounded`."""
        return self._left is not None

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Bound what is awaited inside by what is left of ``Timeouts.total``. Raises TimedOut when that is over."""
        if self._left is None:
            yield
            return
        clock, total = self._around.clock, self._around.settings.timeouts.total
        began = clock()
        try:
            with anyio.move_on_after(self._left) as scope:
                yield
        finally:
            self._left = max(0.0, self._left - (clock() - began))
        if scope.cancelled_caught:
            error = TimedOut(f"it took longer than the {total:g} s allowed in all", url=self._url)
            if self._under_way is not None:
                self._note(error, self._under_way, clock(), self.received)
            error.tell(tuple(self._tried), clock() - self._began)
            raise error

    async def answer(self, question: Callable[[Transport], Awaitable[T]], *, keep_place: bool = False) -> T:
        """Ask until there is an answer or the policy gives up; ``keep_place`` leaves the place at the gate taken.

        It is for the caller to wait for it in `bounded`.
        """
        around = self._around
        while True:
            started = around.clock()
            try:
                answer = await self._once(question, keep_place=keep_place)
            except FetchError as error:
                if await self._waited(error):
                    continue
                pause = self.failed(error, started)
                if pause is None:
                    raise
                await anyio.sleep(pause)
            else:
                around.hosts.went_well(self._url, 0, 0.0)
                return answer

    async def _waited(self, error: FetchError) -> bool:
        """Wait for the end of a cool-down, in which nothing was asked; False for what is none, or costs a try."""
        if not isinstance(error, Cooling) or error.pauses >= self._around.settings.retry.attempts:
            return False
        self._under_way = None
        await anyio.sleep(max(0.0, error.until - self._around.clock()))
        return True

    def failed(self, error: FetchError, started: float, received: int = 0, *, progressed: bool = False) -> float | None:
        """Note a failure, tell the error its story, and give the pause before the next try; None gives up."""
        around = self._around
        now = around.clock()
        around.hosts.failed(self._url, error, started)
        error.url = error.url or str(self._url)
        self._note(error, started, now, received)
        error.tell(tuple(self._tried), now - self._began)
        retry_after = error.retry_after if isinstance(error, Busy) else None
        step = self._queue.failed(0, error.verdict, now, progressed=progressed, retry_after=retry_after)
        return None if step is None else step.pause

    def _note(self, error: FetchError, started: float, now: float, received: int) -> None:
        why = f"{type(error).__name__}: {error.reason}"
        self._tried.append(Attempt(str(self._url), started - self._began, now - started, received, why))
        self._under_way, self.received = None, 0

    async def _once(self, question: Callable[[Transport], Awaitable[T]], *, keep_place: bool) -> T:
        gates, origin = self._around.gates, self._url.origin
        await gates.enter(origin)
        self._under_way = self._around.clock()
        keep = False
        try:
            answer = await question(self._transport)
            keep = keep_place
            return answer
        finally:
            if not keep:
                gates.leave(origin)


async def listed(around: Surroundings, transport: Transport, url: Url) -> AsyncGenerator[Entry, None]:
    """List what is below a URL; tried again until there is a first entry. Close it in the task that began it."""
    asking = Asking(around, transport, url)

    async def begin(transport: Transport) -> tuple[AsyncIterator[Entry], Entry | None]:
        entries = transport.list(url)
        return entries, await anext(entries, None)

    with asking.bounded():
        entries, entry = await asking.answer(begin, keep_place=True)
    try:
        while entry is not None:
            yield entry
            with asking.bounded():
                entry = await anext(entries, None)
    finally:
        try:
            if hasattr(entries, "aclose"):
                await entries.aclose()
        finally:
            around.gates.leave(url.origin)
