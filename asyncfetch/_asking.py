"""One short question to one source, asked as often as the settings allow: stat, and the opening of a stream.

The same policy as for a transfer, without a sink: there is no mirror to turn to.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

import anyio

from ._gates import Cooling
from ._model.errors import Attempt, Busy, FetchError
from ._policy.attempts import Attempts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

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

    async def answer(self, question: Callable[[Transport], Awaitable[T]], *, keep_place: bool = False) -> T:
        """Ask until there is an answer or the policy gives up; ``keep_place`` leaves the place at the gate taken."""
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

    async def enter(self) -> None:
        """Take a place at the gate, after the cool-down of the host if there is one."""
        while True:
            try:
                return await self._around.gates.enter(self._url.origin)
            except Cooling as error:
                error.url = str(self._url)
                if not await self._waited(error):
                    raise

    async def _waited(self, error: FetchError) -> bool:
        """Wait for the end of a cool-down, in which nothing was asked; False for what is none, or costs a try."""
        if not isinstance(error, Cooling) or error.pauses >= self._around.settings.retry.attempts:
            return False
        await anyio.sleep(max(0.0, error.until - self._around.clock()))
        return True

    def failed(self, error: FetchError, started: float, received: int = 0, *, progressed: bool = False) -> float | None:
        """Note a failure, tell the error its story, and give the pause before the next try; None gives up."""
        around = self._around
        now = around.clock()
        around.hosts.failed(self._url, error, started)
        error.url = error.url or str(self._url)
        why = f"{type(error).__name__}: {error.reason}"
        self._tried.append(Attempt(str(self._url), started - self._began, now - started, received, why))
        error.tell(tuple(self._tried), now - self._began)
        retry_after = error.retry_after if isinstance(error, Busy) else None
        step = self._queue.failed(0, error.verdict, now, progressed=progressed, retry_after=retry_after)
        return None if step is None else step.pause

    async def _once(self, question: Callable[[Transport], Awaitable[T]], *, keep_place: bool) -> T:
        gates, origin = self._around.gates, self._url.origin
        await gates.enter(origin)
        keep = False
        try:
            answer = await question(self._transport)
            keep = keep_place
            return answer
        finally:
            if not keep:
                gates.leave(origin)
