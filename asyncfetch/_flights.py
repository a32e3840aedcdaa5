"""Single flight: the same wish twice at a time is one transfer.

Rules: a flight belongs to the client's task group, never to a caller, so that a cancelled caller takes only itself
away; the last one to leave ends the flight and waits until nothing of it is left. One path has one flight at a time.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

import anyio

from ._express import Express
from ._model.errors import DestinationBusy, FetchError, MistakeError
from ._model.events import Failed, Finished
from ._model.fetch import Result
from ._policy.names import file_name
from ._signal import signal
from ._sinks.file import FileSink
from ._sinks.memory import MemorySink
from ._transfer import Transfer

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from ._disk.disk import Disk
    from ._express import Begun
    from ._model.fetch import Fetch
    from ._signal import Signal
    from ._surroundings import Rest, Surroundings

    Outcome = Result | FetchError

log = logging.getLogger("asyncfetch")
_SEPARATORS = tuple({os.sep, os.altsep or os.sep, "/"})


class Flight:
    """One transfer under way, and how many wait for it."""

    __slots__ = ("absent", "done", "fetch", "key", "left", "outcome", "path", "rest", "scope", "waiting")

    def __init__(self, fetch: Fetch, path: str | None, key: object, *, absent: bool) -> None:
        self.fetch = fetch
        self.path = path
        self.absent = absent  # nothing was at the path a moment ago
        self.key = key
        self.waiting = 0
        self.outcome: Outcome | None = None
        self.left = False  # everybody who waited has left: it is being ended
        self.scope: anyio.CancelScope | None = None  # of the task that carries it out
        self.done: Signal | None = None
        self.rest: Rest | None = None  # to be told when it pauses, and when it goes on

    def end(self) -> None:
        """Cancel it: nobody waits for it any longer."""
        self.left = True
        if self.scope is not None:
            self.scope.cancel()


class Crew:
    """A task that carries out one flight after the other, and the scope that ends it.

    ``rest`` is told when a flight begins to wait for a host to recover, and when it goes on.
    """

    __slots__ = ("flight", "rest", "scope")

    def __init__(self, rest: Rest) -> None:
        self.rest = rest
        self.scope = anyio.CancelScope()
        self.flight: Flight | None = None


class Flights:
    """All transfers of one client."""

    def __init__(self, around: Surroundings, disk: Disk, tasks: TaskGroup) -> None:
        self._around = around
        self._disk = disk
        self._express = Express(around, disk)
        self.tasks = tasks
        self._under_way: dict[object, Flight] = {}
        self.places = around.gates.places  # of a host, at a time

    def _claim(self, fetch: Fetch, limit: int | None) -> tuple[Flight, bool]:
        """Give the flight for a wish, and whether it is new."""
        try:
            path, absent = (None, False) if fetch.to is None else destination(fetch)
        except FetchError as error:
            error.fetch = fetch
            raise
        key: object = (fetch, limit) if path is None else path
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = Flight(fetch, path, key, absent=absent)
            return flight, True
        if path is not None and not _same(flight.fetch, fetch):
            busy = DestinationBusy(f"another wish is being written to {path!r}", url=fetch.url)
            busy.fetch = fetch
            raise busy
        return flight, False

    async def fetch(self, fetch: Fetch, limit: int | None = None) -> Result:
        """Fetch in a task of its own, or join the one that fetches the same."""
        while True:
            flight, new = self._claim(fetch, limit)
            if new:
                self.tasks.start_soon(self._fly_alone, flight, limit)
            elif flight.left:  # when it is gone we try again
                await _landed(flight)
                continue
            outcome = await self._wait(flight)
            if isinstance(outcome, FetchError):
                raise outcome
            return outcome

    async def outcome(self, fetch: Fetch, crew: Crew) -> Outcome:
        """Fetch in the task of the caller, which belongs to the client's task group and is ready to be cancelled."""
        while True:
            flight, new = self._claim(fetch, None)
            crew.flight = flight
            if new:
                flight.waiting = 1
                flight.scope, flight.rest = crew.scope, crew.rest
                await self._fly(flight, None)
                assert flight.outcome is not None
                return flight.outcome
            if not flight.left:
                return await self._wait(flight)
            await _landed(flight)

    async def _wait(self, flight: Flight) -> Outcome:
        flight.waiting += 1
        try:
            await _landed(flight)
        finally:
            self.leave(flight)
            if flight.outcome is None:
                with anyio.CancelScope(shield=True):
                    if flight.left:
                        await _landed(flight)
        assert flight.outcome is not None
        return flight.outcome

    def leave(self, flight: Flight) -> None:
        """One that waited does so no longer; the last one ends the flight."""
        flight.waiting -= 1
        if flight.waiting == 0 and flight.outcome is None:
            flight.end()

    async def _fly_alone(self, flight: Flight, limit: int | None) -> None:
        with anyio.CancelScope() as flight.scope:
            if flight.left:
                flight.scope.cancel()
            await self._fly(flight, limit)

    async def _fly(self, flight: Flight, limit: int | None) -> None:
        fetch = flight.fetch
        outcome: Outcome | None = None
        try:
            begun = await self._express.run(fetch, flight.path) if flight.absent and flight.path else None
            outcome = begun if isinstance(begun, Result) else await self._transfer(flight, limit, begun).run()
        except FetchError as error:
            outcome = error
        except Exception as error:  # a transport of somebody's: it must not take the other fetches with it
            outcome = FetchError(f"an unexpected {type(error).__name__} ended it", url=fetch.url)
            outcome.__cause__ = error
            log.exception("an unexpected error ended a fetch of %s", fetch.url)
        finally:
            if outcome is None:
                outcome = MistakeError("the client was closed, or nobody waited any longer", url=fetch.url)
            try:
                self._tell(fetch, outcome)  # who observes hears of the end of everything that has begun
            finally:  # whoever waits is told, also when a log handler raises
                flight.outcome = outcome
                del self._under_way[flight.key]
                if flight.done is not None:
                    flight.done.set()

    def _transfer(self, flight: Flight, limit: int | None, begun: Begun | None) -> Transfer:
        around, fetch = self._around, flight.fetch
        sink: FileSink | MemorySink
        if flight.path is None:
            ceiling = around.settings.limits.memory if limit is None else limit
            sink = MemorySink(self._disk, fetch.url, fetch.digests, ceiling)
        else:
            settings = around.settings
            sink = FileSink(
                self._disk,
                flight.path,
                fetch,
                durable=settings.durable,
                absent=flight.absent,
                links=settings.hard_links,
                descriptor=-1 if begun is None else begun.descriptor,
            )
        return Transfer(fetch, sink, around, flight.rest, begun)

    def _tell(self, fetch: Fetch, outcome: Outcome) -> None:
        if isinstance(outcome, FetchError):
            outcome.fetch = fetch
        if log.isEnabledFor(logging.INFO):
            log.info("%r" if isinstance(outcome, Result) else "%s", outcome)
        if self._around.observer is not None:
            failed = isinstance(outcome, FetchError)
            self._around.observer(Failed(fetch, outcome) if failed else Finished(fetch, outcome))  # type: ignore[arg-type] # told apart


async def _landed(flight: Flight) -> None:
    if flight.outcome is None:
        if flight.done is None:
            flight.done = signal()
        await flight.done.wait()


def _same(one: Fetch, other: Fetch) -> bool:
    names = ("url", "mirrors", "digest", "size", "unless", "headers")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def destination(fetch: Fetch) -> tuple[str, bool]:
    """Decide the path of a wish that has a destination; also whether it is known that nothing is there yet.

    Raises InvalidUrl and MistakeError.
    """
    to = fetch.to
    assert to is not None
    try:
        # access first: a stat that fails costs twice as much, and most destinations are not there yet
        absent = not os.access(to, os.F_OK)
        is_directory = to.endswith(_SEPARATORS) or (not absent and os.path.isdir(to))
        if not to.isascii():
            os.fsencode(to)
    except UnicodeEncodeError as error:
        raise MistakeError(f"the destination {to!r} cannot be the name of a file here", url=fetch.url) from error
    path = os.path.abspath(to)
    if is_directory:
        return os.path.join(path, file_name(fetch.url, windows=sys.platform == "win32")), False
    return path, absent
