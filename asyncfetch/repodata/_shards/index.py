"""The index of the shards of one subdir: held in the cache folder as any file of conda's is, and asked for when due.

Rules: as for a repodata.json. A young one is taken without asking; an old one is asked for with its validators; only a
404 of every source says that there are no shards, and that is noted (``has_shards``) beside the repodata.json when the
channel's own source said it. What cannot be written is no reason to fail: the index is here all the same.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from ..._model.errors import FetchError, NotFound, Offline, TooLarge
from ..._model.exchange import Answer
from .._cache import Cached
from .._channels import key_for
from .._outcome import Status
from .._part import claimed
from .._state import State
from .forms import INDEX, INDEX_LIMIT, Index, read_index

if TYPE_CHECKING:
    from ..._client import Client
    from ..._model.exchange import Body, Validator
    from ..._model.url import Url
    from .._channels import Place
    from .._state import Facts
    from .._terms import Terms

log = logging.getLogger("asyncfetch")

_CHUNK = 256 * 1024  # bytes read at a time


@dataclass(frozen=True, slots=True)
class Found:
    """What became of the index of one subdir; ``index`` is None when it is absent or failed."""

    status: Status
    index: Index | None = None
    error: FetchError | None = None
    stale: bool = False
    transferred: int = 0


class IndexFile:
    """The index of one subdir, in the cache and at its sources."""

    def __init__(self, place: Place, folder: str, terms: Terms) -> None:
        self.place = place
        self._terms = terms
        self._cached = Cached(folder, key_for(place.own, INDEX), ending=".msgpack.zst")
        self._whole = Cached(folder, place.key)
        self._held: Index | None = None
        self._state: State
        self._was_absent = False  # it was said once, too long ago to be believed
        self._transferred = 0

    def look(self) -> Found | None:
        """Look at what is held; None when the source has to be asked. Blocking."""
        try:
            self._state, facts = self._cached.look()
            self._held = self._read(facts)
            whole = State() if self._held is not None else self._whole.look()[0]
        except OSError as error:
            log.debug("the cache of %s is of no use now: %s", self.place.public, error)
            self._state = whole = State()
        if whole.lacks("shards", datetime.now(UTC)):
            return Found(Status.ABSENT)
        self._was_absent = "has_shards" in whole.data
        if self._held is not None and self._state.is_fresh(time.time_ns(), self._terms.ttl):
            return Found(Status.FRESH, self._held)
        if not self._terms.offline or any(url.scheme == "file" for url in self.place.urls):
            return None
        if self._held is not None:
            return Found(Status.FRESH, self._held, stale=True)
        why = "it is not in the cache, and its source is not on this machine"
        return Found(Status.FAILED, error=Offline(why, url=self.place.file(0, INDEX)))

    async def ask(self, client: Client) -> Found:
        """Ask the sources, one after the other. Never raises a FetchError: it is in what was found."""
        trouble: FetchError | None = None
        for number, source in enumerate(self.place.urls):
            try:
                if self._terms.offline and source.scheme != "file":
                    raise Offline("its source is not on this machine", url=self.place.file(number, INDEX))
                status = await self._ask(client, number)
                if self._was_absent:
                    await self._learn(number, present=True)
                return Found(status, self._held, transferred=self._transferred)
            except NotFound as error:
                trouble = trouble or error
                if error.status == 404 or source.scheme not in {"http", "https"}:
                    await self._learn(number, present=False)
            except FetchError as error:
                if trouble is None or isinstance(trouble, NotFound):
                    trouble = error
        if isinstance(trouble, NotFound):
            return Found(Status.ABSENT, transferred=self._transferred)
        if self._terms.offline and self._held is not None:
            return Found(Status.FRESH, self._held, stale=True, transferred=self._transferred)
        held = self._held if self._terms.stale else None
        return Found(Status.FAILED, held, trouble, stale=held is not None, transferred=self._transferred)

    # --- below

    def _read(self, facts: Facts | None) -> Index | None:
        """Read what is held, if the state is about it."""
        if not self._state.describes(facts):
            return None
        try:
            with open(self._cached.path, "rb") as file:
                return read_index(file.read(INDEX_LIMIT), self.place.file(0, INDEX))
        except FetchError as error:
            log.info("the index that was held is of no use: %s", error)
            return None

    async def _ask(self, client: Client, number: int) -> Status:
        url = self.place.file(number, INDEX)
        unless = None if self._held is None else self._state.validator(str(url))
        async with client.open(url, unless=unless) as body:
            is_same = body.answer is Answer.UNCHANGED
            data = b"" if is_same else await self._take(body, url)
            validator, cache_control = body.validator, body.header("cache-control")
        if is_same:
            with suppress(OSError):
                await to_thread.run_sync(self._cached.mark, lambda state: state.checked(time.time_ns()))
            return Status.UNCHANGED
        self._held = await to_thread.run_sync(read_index, data, url)
        try:
            mirror = str(url) if number else None
            await self._keep(data, validator, cache_control, mirror, durable=client.settings.durable)
        except OSError as error:
            log.warning("the index of %s could not be kept: %s", url, error)
        return Status.FETCHED

    async def _take(self, body: Body, url: Url) -> bytes:
        data, view = bytearray(), memoryview(bytearray(_CHUNK))
        while count := await body.fill(view):
            self._transferred += count
            data += view[:count]
            if len(data) > INDEX_LIMIT:
                raise TooLarge(f"an index of more than {INDEX_LIMIT} bytes", url=url)
        return bytes(data)

    async def _keep(
        self,
        data: bytes,
        validator: Validator | None,
        cache_control: str | None,
        mirror: str | None,
        *,
        durable: bool,
    ) -> None:
        """Put the index into the cache folder, with its state."""
        await to_thread.run_sync(partial(os.makedirs, os.path.dirname(self._cached.path), exist_ok=True))
        async with claimed(self._cached.path) as part:

            def commit() -> None:
                part.rewind()
                view = memoryview(data)
                while view:
                    view = view[os.write(part.descriptor, view) :]
                facts = part.seal(durable=durable)

                def change(state: State) -> None:
                    blake2 = hashlib.blake2b(data, digest_size=32).hexdigest()
                    state.replaced(facts, time.time_ns(), url=f"{self.place.public}/{INDEX}", blake2=blake2)
                    state.validated(validator, cache_control, mirror=mirror)

                self._cached.replace(part.path, facts, change, durable=durable)

            await to_thread.run_sync(commit)

    async def _learn(self, number: int, *, present: bool) -> None:
        """Note beside the repodata.json, there or not, whether the channel has shards."""
        if number != 0:
            return

        def note() -> None:
            os.makedirs(os.path.dirname(self._whole.path), exist_ok=True)
            self._whole.note(lambda state: state.learn_now("shards", present=present))

        try:
            await to_thread.run_sync(note)
        except OSError as error:
            log.debug("what was learned of %s could not be noted: %s", self.place.public, error)
