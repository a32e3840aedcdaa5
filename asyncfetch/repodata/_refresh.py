"""One subdir brought up to date: which format to ask for at which source, and what the answer means for the cache.

Rules: only a 404 says that something is not there, and only of the channel's own source is that noted. A subdir is
absent when every source says so of every format; a channel without noarch is no channel. 401 and 403 are errors.
Whatever else fails leaves what is held as it is.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anyio import to_thread

from .._model.errors import AccessDenied, FetchError, LocalError, MistakeError, NotFound, TooLarge
from .._model.exchange import Answer
from ._landing import Landing, NotZst
from ._outcome import Status
from ._part import claimed
from ._patching import FILE as JOURNAL, by_journal, held_hash
from ._pour import pour
from ._state import EMPTY

if TYPE_CHECKING:
    from .._model.exchange import Body, Validator
    from .._model.url import Url
    from ._cache import Cached
    from ._channels import Place
    from ._landing import Landed
    from ._part import Part
    from ._patching import Change
    from ._state import Facts, State
    from ._telling import Telling
    from ._terms import Means, Terms

FILES = {"json": "repodata.json", "zst": "repodata.json.zst"}


class Refresh:
    """Asks the sources of one subdir, and puts what they say into the cache."""

    def __init__(self, place: Place, cached: Cached, terms: Terms, means: Means, telling: Telling) -> None:
        self._place = place
        self._cached = cached
        self._terms = terms
        self._client = means.client
        self._disk = means.disk
        self._telling = telling
        self._state: State
        self._facts: Facts | None = None
        self._changes: list[Change] = []  # what else there is to note when the state is written
        self.transferred = 0  # bytes of bodies

    async def run(self) -> Status:
        """Bring it up to date. Raises FetchError and OSError."""
        async with claimed(self._cached.path) as part:
            self._state, self._facts = await to_thread.run_sync(self._cached.look)
            if self._describes and self._state.checked_since(self._terms.began_ns):
                return held(self._state, self._facts)  # somebody else has just been there
            try:
                return await self._ask_all(part)
            except NotFound as error:
                if self._place.subdir == "noarch":
                    error.hint = error.hint or "every channel has noarch: there is no such channel"
                    raise
                return await self._become_empty(part)

    @property
    def _describes(self) -> bool:
        return self._state.describes(self._facts)

    # --- asking

    async def _ask_all(self, part: Part) -> Status:
        """Ask one source after the other. Raises NotFound only if all of them say so."""
        trouble: FetchError | None = None
        for number, source in enumerate(self._place.urls):
            if self._terms.offline and source.scheme != "file":
                continue
            try:
                return await self._ask_source(part, number)
            except (LocalError, MistakeError):
                raise
            except FetchError as error:
                if trouble is None or isinstance(trouble, NotFound):
                    trouble = error
        assert trouble is not None
        raise trouble

    async def _ask_source(self, part: Part, number: int) -> Status:
        """Ask for one format after the other. Raises NotFound only if none of them is there."""
        now, forms = datetime.now(UTC), self._terms.formats
        is_own = number == 0  # the state tells of the channel itself what formats it has
        trouble: FetchError | None = None
        if is_own and (status := await self._patch(now)) is not None:
            return status
        whole = [form for form in forms if form in FILES]
        for form in [form for form in whole if not self._state.lacks(form, now)] or whole:
            url = self._place.file(number, FILES[form])
            try:
                return await self._ask(part, url, form, is_own=is_own)
            except NotFound as error:
                if is_own and (error.status == 404 or url.scheme not in {"http", "https"}):
                    self._learn(form, present=False)
                trouble = trouble or error
            except AccessDenied as error:
                # S3 says 403 of what is not there to those who may not list: the json will tell
                if form == "json" or error.status != 403:
                    raise
                trouble = error
            except NotZst as error:
                trouble = error
        assert trouble is not None
        raise trouble

    async def _ask(self, part: Part, url: Url, form: str, *, is_own: bool) -> Status:
        unless = self._state.validator(str(url)) if self._describes else None
        async with self._client.open(url, unless=unless) as body:
            is_same = body.answer is Answer.UNCHANGED or _are_the_same(body.validator, unless)
            if not is_same:
                landed = await self._land(part, body, url, form)
            validator, cache_control = body.validator, body.header("cache-control")
        if is_same:
            if await self._remain():
                return Status.UNCHANGED
            self._facts = None  # what was held is gone: without it, there is no condition to ask with
            return await self._ask(part, url, form, is_own=is_own)
        if is_own:
            self._learn(form, present=True)
        await self._replace(part, landed, validator, cache_control, None if is_own else str(url))
        return Status.FETCHED

    async def _land(self, part: Part, body: Body, url: Url, form: str) -> Landed:
        limit = self._terms.limit
        if body.size is not None and body.size > limit:
            raise TooLarge(f"it has {body.size} bytes, more than {limit}", url=url)
        await to_thread.run_sync(part.rewind)
        landing = Landing(
            part.descriptor,
            url,
            is_zst=form == "zst",
            limit=limit,
            digests=body.digests,
            is_framed=body.size is not None or body.header("transfer-encoding") is not None,
        )
        self._telling.started(url, body.size)
        return await pour(body, landing, self._disk, self._advanced)

    def _advanced(self, count: int) -> None:
        self.transferred += count
        self._telling.advanced(count)

    async def _patch(self, now: datetime) -> Status | None:
        """Let a journal of patches bring it up to date; None when it is to be fetched whole."""
        asked = "jlap" in self._terms.formats and not self._state.lacks("jlap", now)
        if not asked or not self._describes or held_hash(self._state) is None:
            return None
        url = self._place.file(0, JOURNAL)
        status, transferred = await by_journal(self._client, url, self._cached, self._state, self._changes.append)
        self.transferred += transferred
        return status

    def _learn(self, form: str, *, present: bool) -> None:
        if form != "json":
            self._changes.append(lambda state: state.learn_now(form, present=present))

    # --- the cache

    async def _remain(self) -> bool:
        """Keep what is held; False when it is there no longer."""

        def change(state: State) -> None:
            self._note(state)
            state.checked(time.time_ns())

        return await to_thread.run_sync(self._cached.mark, change)

    async def _replace(
        self,
        part: Part,
        landed: Landed | None = None,
        validator: Validator | None = None,
        cache_control: str | None = None,
        mirror: str | None = None,
    ) -> None:
        """Put the part in place; nothing ``landed`` in one that stands in for a file that is not there."""
        blake2 = None if landed is None else landed.blake2

        def commit() -> None:
            facts = part.seal(durable=self._client.settings.durable)

            def change(state: State) -> None:
                state.replaced(facts, time.time_ns(), url=self._place.public, blake2=blake2)
                state.validated(validator, cache_control, mirror=mirror)
                self._note(state)

            self._cached.replace(part.path, facts, change, durable=self._client.settings.durable)

        await to_thread.run_sync(commit)

    async def _become_empty(self, part: Part) -> Status:
        """Hold what conda holds of a subdir that is not there."""
        if self._describes and self._state.stands_in(self._facts) and await self._remain():
            return Status.ABSENT

        def write() -> None:
            part.rewind()
            os.write(part.descriptor, EMPTY)

        await to_thread.run_sync(write)
        await self._replace(part)
        return Status.ABSENT

    def _note(self, state: State) -> None:
        for change in self._changes:
            change(state)


def held(state: State, facts: Facts | None) -> Status:
    """Give the status of what is held when nobody is asked."""
    return Status.ABSENT if state.stands_in(facts) else Status.FRESH


def _are_the_same(theirs: Validator | None, ours: Validator | None) -> bool:
    """Tell whether a source that does not know conditions sends what is held: by its strong entity tag."""
    return theirs is not None and ours is not None and theirs.strong and None is not theirs.etag == ours.etag
