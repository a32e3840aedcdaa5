"""One run: indexes and shards arrive in any order, and whatever arrives makes more shards wanted.

Three things go on at a time: indexes are asked for, shards are fetched (one batch, which takes wishes as they come),
and a worker thread reads what arrived and looks into the store. What is held already needs neither client nor network.
"""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import TYPE_CHECKING

import anyio

from ..._disk.disk import Disk
from ..._model.errors import FetchError, Offline
from ..._model.fetch import Result
from ..._model.settings import Settings
from .._outcome import Status
from .forms import INDEX
from .inbox import Inbox, Outbox
from .index import Found, IndexFile
from .places import folder
from .records import Records
from .store import Store
from .walk import Arrived, Subdir, Walk, Wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from anyio.abc import TaskGroup

    from ..._client import Client
    from ..._model.fetch import Fetch
    from ..._transports.http.tokens import Site
    from .._channels import Place
    from .._terms import Terms

log = logging.getLogger("asyncfetch")


class Run:
    """Finds the records of some packages in some places: ``run`` once, then ``records``.

    ``unverified`` names the channels whose shards are taken as they come.
    """

    def __init__(
        self,
        names: Iterable[str],
        places: Iterable[Place],
        cache: str,
        terms: Terms,
        *,
        tokens: Sequence[Site],
        unverified: Collection[str],
    ) -> None:
        self._files = {place.key: IndexFile(place, cache, terms) for place in places}
        self._terms = terms
        self._tokens = tokens
        self._unverified = unverified
        self._found: dict[str, Found] = {}
        self._subdirs: dict[str, Subdir] = {}
        self._store = Store(cache)
        self._walk = Walk(names, self._store)
        self._to_ask: list[str] = []  # keys of indexes
        self._asked_again: set[str] = set()
        self._inbox: Inbox[Subdir | Arrived] = Inbox()
        self._wishes: Outbox[Fetch] = Outbox()
        self._under_way: dict[Fetch, list[Wanted]] = {}
        self._arrived: dict[Fetch, Result | FetchError] = {}  # what the walk does not know of yet
        self._asking = 0  # indexes
        self._broken: FetchError | None = None  # why nothing can be fetched any longer

    async def run(self, client: Client | None) -> None:
        """Find everything. What a far end does is told by the records, and not raised."""
        disk = Disk()
        try:
            for key, found in await disk.writer.run(self._look):
                if found is None:
                    self._to_ask.append(key)
                else:
                    self._receive(key, found)
            missing: list[Wanted] = []
            while not (missing or self._to_ask) and (self._inbox or self._walk.has_more):
                missing = await self._step(disk)
            if missing or self._to_ask:
                async with AsyncExitStack() as leave:
                    if client is None:
                        client = await leave.enter_async_context(_client(offline=self._terms.offline))
                    tasks = await leave.enter_async_context(anyio.create_task_group())
                    tasks.start_soon(self._fetch, client)
                    self._request(missing)
                    await self._conduct(disk, client, tasks)
            await disk.writer.run(self._walk.keep)
        finally:
            disk.writer.submit(self._store.close)
            with anyio.CancelScope(shield=True):
                await disk.aclose()

    def records(self, place: Place) -> Records:
        """Give what was found in one place."""
        found, subdir = self._found[place.key], self._subdirs.get(place.key)
        if subdir is None or found.index is None:
            return Records(place.channel, place.subdir, found.status, found.error, found.transferred)
        transferred = found.transferred + subdir.transferred
        if subdir.error is not None:
            return Records(place.channel, place.subdir, Status.FAILED, subdir.error, transferred)
        return Records(
            place.channel,
            place.subdir,
            found.status,
            found.error,
            transferred,
            found.stale,
            subdir.base_url,
            found.index.info,
            subdir.packages,
            subdir.packages_conda,
        )

    # --- indexes

    def _look(self) -> list[tuple[str, Found | None]]:
        return [(key, file.look()) for key, file in self._files.items()]

    def _receive(self, key: str, found: Found) -> None:
        """Take in what became of an index."""
        earlier = self._subdirs.pop(key, None)
        self._found[key] = found
        if found.index is None:
            return
        place = self._files[key].place
        verify = place.channel not in self._unverified
        sources = [place.file(number, INDEX) for number in range(len(place.urls))]
        try:
            shards = found.index.text("shards_base_url")
            folders = dict.fromkeys(folder(one, shards, self._tokens, insecure=verify) for one in sources)
            base_url = folder(sources[0], found.index.text("base_url"), self._tokens, insecure=True)
        except FetchError as error:
            self._found[key] = Found(Status.FAILED, error=error, transferred=found.transferred)
            return
        subdir = self._subdirs[key] = Subdir(place, found, tuple(folders), base_url, verify=verify)
        subdir.transferred = 0 if earlier is None else earlier.transferred
        self._inbox.add(subdir)

    async def _ask(self, key: str, client: Client) -> None:
        file = self._files[key]
        try:
            found = await file.ask(client)
        except Exception as error:  # a transport of somebody's: it must not take the other subdirs with it
            trouble = FetchError(f"an unexpected {type(error).__name__} ended it", url=file.place.file(0, INDEX))
            trouble.__cause__ = error
            log.exception("an unexpected error ended the asking for %s", file.place.file(0, INDEX))
            found = Found(Status.FAILED, error=trouble)
        self._asking -= 1
        self._receive(key, found)
        self._inbox.tell()

    def _look_after_outdated(self) -> None:
        """Ask for the index of a subdir whose shards are gone: the one held was young, but not young enough."""
        for key, subdir in self._subdirs.items():
            if subdir.is_outdated and key not in self._asked_again:
                self._asked_again.add(key)
                self._to_ask.append(key)

    # --- shards

    async def _conduct(self, disk: Disk, client: Client, tasks: TaskGroup) -> None:
        while True:
            for key in self._to_ask:
                self._asking += 1
                tasks.start_soon(self._ask, key, client)
            self._to_ask.clear()
            if self._inbox or self._walk.has_more:
                self._request(await self._step(disk))
                self._look_after_outdated()
            elif self._walk.has_news:
                await disk.writer.run(self._walk.keep)
            elif self._asking or self._under_way:
                await self._inbox.wait()
            else:
                self._wishes.close()
                return

    async def _step(self, disk: Disk) -> list[Wanted]:
        news = self._inbox.take()
        self._arrived.clear()
        subdirs = [one for one in news if isinstance(one, Subdir)]
        arrived = [one for one in news if isinstance(one, Arrived)]
        return await disk.writer.run(partial(self._walk.step, subdirs, arrived))

    def _request(self, missing: Iterable[Wanted]) -> None:
        for wanted in missing:
            wish = wanted.subdir.wish(wanted.digest)
            if self._broken is not None:
                self._inbox.add(Arrived(wanted, None, self._broken))
            elif self._terms.offline and all(source.scheme != "file" for source in wish.sources):
                error = Offline("this shard is not in the store, and its source is not on this machine", url=wish.url)
                self._inbox.add(Arrived(wanted, None, error))
            elif wish in self._under_way:
                self._under_way[wish].append(wanted)
            elif wish in self._arrived:
                self._hand_over(wanted, self._arrived[wish])
            else:
                self._under_way[wish] = [wanted]
                self._wishes.add(wish)

    async def _fetch(self, client: Client) -> None:
        """Fetch shards for as long as there are wishes."""
        try:
            async with aclosing(client.as_fetched(self._wishes)) as outcomes:
                async for outcome in outcomes:
                    self._arrive(outcome.fetch, outcome)
        except FetchError as error:  # the client was closed, by whoever lent it
            self._broken = error
            for wish in tuple(self._under_way):
                self._arrive(wish, error)

    def _arrive(self, wish: Fetch, outcome: Result | FetchError) -> None:
        self._arrived[wish] = outcome
        for wanted in self._under_way.pop(wish):
            if isinstance(outcome, Result):
                wanted.subdir.transferred += outcome.transferred
            self._hand_over(wanted, outcome)

    def _hand_over(self, wanted: Wanted, outcome: Result | FetchError) -> None:
        if isinstance(outcome, Result):
            self._inbox.add(Arrived(wanted, outcome.content, None))
        else:
            self._inbox.add(Arrived(wanted, None, outcome))


def _client(*, offline: bool) -> Client:
    from ..._client import Client

    return Client(settings=Settings(offline=offline))
