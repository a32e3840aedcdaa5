"""What is tortured: one fetch by one client, in the ways in which people run them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import anyio

from ... import sync
from ..._client import Client
from ..._model.errors import FetchError
from ..._model.exchange import Validator
from ..._model.fetch import Fetch, Result
from ..._signal import on_asyncio
from ._points import OURS, tap
from ._steps import cancelled_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractContextManager

    from ..._model.ports import Transport
    from ..._model.settings import Settings
    from ._points import Points

    Outcome = Result | FetchError
    MakeTransports = Callable[[], Mapping[str, Transport]]

SYNC = "sync"  # the backend's name for the facade that blocks


@dataclass(frozen=True)
class Subject:
    """A fetch, and the client for it; it can be sent to another process."""

    url: str
    to: str | None
    digest: str | None
    settings: Settings
    backend: str = "asyncio"
    transports: MakeTransports | None = None
    places: tuple[str, ...] = OURS  # parts of the paths of modules whose calls of the operating system count

    def wish(self) -> Fetch:
        """What is wished for."""
        return Fetch(self.url, self.to, digest=self.digest)

    def fetch(self, points: Points | None = None) -> Outcome:
        """Fetch with a client of its own, under strikes from its entering to its leaving."""
        with contextlib.nullcontext() if points is None else self._inflicted(points):
            if self.backend == SYNC:
                with self._blocking() as client:
                    return _answer(client, self.wish())
            outcome: Outcome = self._run(self._once, points)
            return outcome

    def validator(self) -> Validator:
        """What the far end says now of the body."""
        plain = replace(self, backend="asyncio") if self.backend == SYNC else self
        validator: Validator = plain._run(plain._ask)  # noqa: SLF001 - of the same class
        return validator

    def fetch_twice(self, points: Points, between: Callable[[Outcome], object]) -> tuple[Outcome, Outcome]:
        """Fetch under strikes, have a look, then fetch once more with the same client and without."""
        if self.backend == SYNC:
            with self._blocking() as client:
                with self._inflicted(points):
                    first = _answer(client, self.wish())
                between(first)
                return first, _answer(client, self.wish())
        outcomes: tuple[Outcome, Outcome] = self._run(self._twice, points, between)
        return outcomes

    def fetch_cancelled(self, step: int) -> bool:
        """Cancel client and fetch at a step; True if they came to their end before."""
        ended: bool = self._run(self._cancelled, step)
        return ended

    def _inflicted(self, points: Points) -> AbstractContextManager[Points]:
        points.places = self.places
        return points.inflicted()

    # --- on the loop

    def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return anyio.run(self._watched, work, arguments, backend=self.backend)

    async def _watched(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """See that no task outlives the client."""
        outcome = await work(*arguments)
        left = _other_tasks()
        if left:
            raise AssertionError(f"tasks outlive the client: {left}")
        return outcome

    async def _once(self, points: Points | None) -> Outcome:
        async with self._client(points) as client:
            return await _outcome(client, self.wish())

    async def _twice(self, points: Points, between: Callable[[Outcome], object]) -> tuple[Outcome, Outcome]:
        async with self._client(points) as client:
            with self._inflicted(points):
                first = await _outcome(client, self.wish())
            between(first)
            return first, await _outcome(client, self.wish())

    async def _ask(self) -> Validator:
        async with self._client(None) as client:
            about = await client.stat(self.url)
        return about.validator or Validator(self.url, size=about.size)

    async def _cancelled(self, step: int) -> bool:
        return await cancelled_at(step, self._once_alone)

    async def _once_alone(self) -> None:
        async with self._client(None) as client:
            await client.fetch(self.wish())

    @contextlib.asynccontextmanager
    async def _client(self, points: Points | None) -> AsyncIterator[Client]:
        lent = {} if self.transports is None else dict(self.transports())
        ports = lent
        if points is not None and "port" in points.kinds:
            ports = {scheme: tap(transport, points) for scheme, transport in lent.items()}
        try:
            async with Client(settings=self.settings, transports=ports) as client:
                yield client
        finally:
            with anyio.CancelScope(shield=True):
                for transport in lent.values():
                    await transport.aclose()

    def _blocking(self) -> sync.Client:
        lent = None if self.transports is None else self.transports()
        return sync.Client(settings=self.settings, transports=lent)


async def _outcome(client: Client, wish: Fetch) -> Outcome:
    try:
        return await client.fetch(wish)
    except FetchError as error:
        return error


def _answer(client: sync.Client, wish: Fetch) -> Outcome:
    try:
        return client.fetch(wish)
    except FetchError as error:
        return error


def _other_tasks() -> list[str]:
    if not on_asyncio():
        return []  # trio's nurseries let none go
    import asyncio

    return [repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
