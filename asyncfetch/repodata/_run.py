"""One prefetch: what is held of every subdir is looked at first, and only for what is left anything is started."""

from __future__ import annotations

import logging
import os
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from .._disk.errors import local_error
from .._model.errors import FetchError, Offline
from .._model.settings import Settings
from ._cache import Cached
from ._outcome import Outcome, Status
from ._part import sweep
from ._refresh import Refresh, held
from ._telling import Telling
from ._terms import Means

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._client import Client
    from ._channels import Place
    from ._terms import Terms

log = logging.getLogger("asyncfetch")
_AHEAD = 2  # subdirs under way for each transfer at a time: each has a part open, and open files are few


class Run:
    """Subdirs by the key of their cached file, and what became of them: ``outcomes``."""

    def __init__(self, places: Mapping[str, Place], folder: str, terms: Terms) -> None:
        self._folder = folder
        self._terms = terms
        self._places = places
        self.outcomes: dict[str, Outcome] = {}
        self.waiting: list[tuple[Place, Cached]] = []  # those of which somebody has to be asked

    def look(self) -> None:
        """Look at what is held. Blocking: a few system calls a subdir."""
        for place in self._places.values():
            cached = Cached(self._folder, place.key)
            try:
                self._look(place, cached)
            except OSError as error:
                self.outcomes[place.key] = self._failed(place, cached, local_error(error, cached.path))

    def _look(self, place: Place, cached: Cached) -> None:
        terms = self._terms
        state, facts = cached.look()
        if state.describes(facts) and state.is_fresh(time.time_ns(), terms.ttl):
            self.outcomes[place.key] = _outcome(place, cached, held(state, facts))
            return
        if not terms.offline or any(url.scheme == "file" for url in place.urls):
            self.waiting.append((place, cached))
        elif facts is not None:
            self.outcomes[place.key] = replace(_outcome(place, cached, held(state, facts)), stale=True)
        else:
            error = Offline("it is not in the cache, and its source is not on this machine", url=place.urls[0])
            self.outcomes[place.key] = self._failed(place, cached, error)

    async def refresh(self, client: Client | None) -> None:
        """Ask for what is left, all at the same time under the limits of the client."""
        from .._client import Client
        from .._disk.disk import Disk

        if not await to_thread.run_sync(self._prepare):
            return
        async with AsyncExitStack() as leave:
            if client is None:
                client = await leave.enter_async_context(Client(settings=Settings(offline=self._terms.offline)))
            disk = Disk()
            leave.push_async_callback(disk.aclose)
            means = Means(client, disk)
            waiting = iter(self.waiting)
            async with anyio.create_task_group() as tasks:
                for _ in range(min(len(self.waiting), _AHEAD * client.settings.limits.total)):
                    tasks.start_soon(self._refresh_some, waiting, means)

    def _prepare(self) -> bool:
        """Make the folder and sweep it; False when that cannot be, and nobody need be asked."""
        try:
            os.makedirs(self._folder, exist_ok=True)
        except OSError as error:
            for place, cached in self.waiting:
                self.outcomes[place.key] = self._failed(place, cached, local_error(error, self._folder))
            return False
        sweep(self._folder)
        return True

    async def _refresh_some(self, waiting: Iterator[tuple[Place, Cached]], means: Means) -> None:
        for place, cached in waiting:
            telling = Telling(means.client._observer, place.urls[0], cached.path)  # noqa: SLF001 - ours
            await self._refresh(place, cached, means, telling)

    async def _refresh(self, place: Place, cached: Cached, means: Means, telling: Telling) -> None:
        one = Refresh(place, cached, self._terms, means, telling)
        try:
            status = await one.run()
        except FetchError as error:
            failure = error
        except OSError as error:
            failure = local_error(error, cached.path)
        except Exception as error:  # a transport of somebody's: it must not take the other subdirs with it
            failure = FetchError(f"an unexpected {type(error).__name__} ended it", url=place.urls[0])
            failure.__cause__ = error
            log.exception("an unexpected error ended the refresh of %s", place.urls[0])
        else:
            if status is not Status.ABSENT:  # there is no file to tell of
                telling.finished(one.transferred, unchanged=status is Status.UNCHANGED)
            self.outcomes[place.key] = replace(_outcome(place, cached, status), bytes_transferred=one.transferred)
            return
        telling.failed(failure)
        failed = partial(self._failed, place, cached, failure, one.transferred)
        self.outcomes[place.key] = await to_thread.run_sync(failed)

    def _failed(self, place: Place, cached: Cached, error: FetchError, transferred: int = 0) -> Outcome:
        """Give the outcome of one that failed: with what is held, if the caller takes that. Blocking."""
        path = cached.path if self._terms.stale and _is_there(cached) else None
        status = Status.FAILED
        return Outcome(place.channel, place.subdir, path, status, error, transferred, stale=path is not None)


def _is_there(cached: Cached) -> bool:
    try:
        state, facts = cached.look()
    except OSError:
        return False
    return facts is not None and not state.stands_in(facts)


def _outcome(place: Place, cached: Cached, status: Status) -> Outcome:
    return Outcome(place.channel, place.subdir, None if status is Status.ABSENT else cached.path, status)
