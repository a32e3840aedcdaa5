"""One short question to one source, asked as often as the settings allow: stat, and the opening of a stream.

The same policy as for a transfer, without a sink: there is nothing to resume and no mirror to turn to.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

import anyio

from ._model.errors import Attempt, Busy, FetchError
from ._policy.attempts import Attempts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._model.ports import Transport
    from ._model.url import Url
    from ._surroundings import Surroundings

T = TypeVar("T")


async def ask(
    around: Surroundings,
    transport: Transport,
    url: Url,
    question: Callable[[Transport], Awaitable[T]],
    *,
    keep_place: bool = False,
) -> T:
    """Ask until there is an answer or the policy gives up; ``keep_place`` leaves the place at the gate taken."""
    queue = Attempts(1, around.settings.retry, random.random)
    began = around.clock()
    tried: list[Attempt] = []
    while True:
        if until := around.gates.cool_until(url.origin):
            await anyio.sleep(max(0.0, until - around.clock()))
            continue
        started = around.clock()
        try:
            return await _once(around, transport, url, question, keep_place=keep_place)
        except FetchError as error:
            now = around.clock()
            why = f"{type(error).__name__}: {error.reason}"
            tried.append(Attempt(str(url), started - began, now - started, 0, why))
            error.tell(tuple(tried), now - began)
            retry_after = error.retry_after if isinstance(error, Busy) else None
            if retry_after:
                around.gates.cool(url.origin, min(retry_after, around.settings.retry.retry_after_max))
            step = queue.failed(0, error.verdict, now, retry_after=retry_after)
            if step is None:
                raise
            await anyio.sleep(step.pause)


async def _once(
    around: Surroundings,
    transport: Transport,
    url: Url,
    question: Callable[[Transport], Awaitable[T]],
    *,
    keep_place: bool,
) -> T:
    await around.gates.enter(url.origin)
    keep = False
    try:
        answer = await question(transport)
        keep = keep_place
        return answer
    finally:
        if not keep:
            around.gates.leave(url.origin)
