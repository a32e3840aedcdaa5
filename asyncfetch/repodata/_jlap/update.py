"""Bring a repodata.json up to date from its journal: ask for what is new, prove it, patch.

Rules: the journal saves bytes, it is never the only way. Whatever the far end does ends in a Verdict, every doubt in
WHOLE; only what is wrong here is raised (a full disk, a client that is offline). The journal's own ETag is kept apart
from that of the json. The loop waits for the network; a thread does the rest, and stops when cancelled.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.from_thread
import anyio.to_thread

from ... import Answer, FetchError, LocalError, MistakeError, NotFound, RangeRefused, Url, Validator
from ..._disk.errors import local_error
from .chain import Doubt, Journal, Position, Reader, from_state, steps, to_state
from .splice import splice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ... import Body, Client

_CHUNK = 128 * 1024  # bytes read at a time
_LEAST = 64 * 1024  # bytes of journal that are always worth a try
_MOST = 32 * 1024 * 1024  # bytes of journal held in memory
_SHARE = 8  # a repodata.json compresses to about so small a part of it: a longer journal saves nothing


class Verdict(Enum):
    """What became of an update by journal.

    PATCHED: the new file is written. CURRENT: what is held is the latest. ABSENT: there is no journal. WHOLE: a doubt,
    the whole file is to be fetched.
    """

    PATCHED = "patched"
    CURRENT = "current"
    ABSENT = "absent"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Update:
    """The outcome of an update by journal.

    ``latest`` is the BLAKE2b hash (32 bytes, hex) of the file as it is now and ``size`` its bytes, when PATCHED or
    CURRENT; ``state`` then belongs under the key ``jlap`` of the state file. ``transferred`` counts bytes of journal.
    ``reason`` says why it is WHOLE, in a sentence without secrets.
    """

    verdict: Verdict
    latest: str | None = None
    size: int = 0
    state: dict[str, Any] | None = None
    transferred: int = 0
    reason: str | None = None


async def update(
    client: Client,
    url: str | Url,
    held: str,
    into: str,
    *,
    have: str,
    state: Mapping[str, Any] | None = None,
    limit: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Update:
    """Patch the file at ``held``, whose BLAKE2b hash is ``have``, into ``into`` by the journal at ``url``.

    ``state`` is what an earlier Update gave; ``limit`` the bytes of journal above which the whole file is cheaper (by
    default an eighth of the file). ``into`` is written only when PATCHED, and then its hash is the one the journal
    names: the file is, byte for byte, the one the server has. Raises MistakeError (Offline) and LocalError.
    """
    asking = _Asking(client, Url.of(url), dict(headers or {}), have)
    try:
        held_size = await anyio.to_thread.run_sync(os.path.getsize, held)
        asking.limit = min(_MOST, max(_LEAST, held_size // _SHARE) if limit is None else limit)
        journal = await asking.journal(state)
        if journal is None or journal.latest == have:
            return asking.tell(Verdict.CURRENT, latest=have, size=held_size, state=asking.known)
        size = await anyio.to_thread.run_sync(partial(_patch, journal, have, held, into))
        return asking.tell(Verdict.PATCHED, latest=journal.latest, size=size, state=asking.known)
    except NotFound:
        return asking.tell(Verdict.ABSENT)
    except (MistakeError, LocalError):
        raise
    except (Doubt, FetchError) as error:
        return asking.tell(Verdict.WHOLE, reason=str(error))
    except OSError as error:
        raise local_error(error, error.filename or into) from error


class _Asking:
    """One question for a journal, and what it cost."""

    limit = _MOST

    def __init__(self, client: Client, url: Url, headers: dict[str, str], have: str) -> None:
        self._client = client
        self._url = url
        self._headers = headers
        self._have = have
        self._transferred = 0
        self.known: dict[str, Any] = {}  # what to go on with next time

    def tell(self, verdict: Verdict, **more: Any) -> Update:
        return Update(verdict, transferred=self._transferred, **more)

    async def journal(self, state: Mapping[str, Any] | None) -> Journal | None:
        """Ask for what came behind the known position; None when nothing did. Raises Doubt and FetchError."""
        position, headers = from_state(state, self._have)
        unless = Validator(str(self._url), headers.get("etag"), headers.get("last-modified")) if headers else None
        try:
            journal = await self._read(position, unless)
        except RangeRefused:  # it was cut or made anew: its position means nothing any longer
            if position.offset == 0:
                raise
            journal = await self._read(Position(), None)
        if journal is None:
            assert state is not None  # where else would the validator come from
            self.known = dict(state)
        return journal

    async def _read(self, position: Position, unless: Validator | None) -> Journal | None:
        asked = self._client.open(self._url, headers=self._headers, unless=unless, offset=position.offset)
        async with asked as body:
            if body.answer is Answer.UNCHANGED:
                return None
            reader = Reader(position if body.answer is Answer.PARTIAL else Position())
            self._bound((body.size or 0) - body.offset)
            before = self._transferred
            view = memoryview(bytearray(_CHUNK))
            while count := await body.fill(view):
                self._transferred += count
                self._bound(self._transferred - before)
                reader.feed(bytes(view[:count]))
            journal = reader.end()
            self.known = to_state(journal, _headers(body))
            return journal

    def _bound(self, count: int) -> None:
        if count > self.limit:
            raise Doubt(f"the journal has {count} bytes or more to read, the whole file is cheaper")


def _headers(body: Body) -> dict[str, str]:
    """Give the headers of a journal that a state file holds: its validators, and what conda reads beside them."""
    told = {"cache-control": body.header("cache-control")}
    if body.validator is not None:
        told |= {"etag": body.validator.etag, "last-modified": body.validator.modified}
    return {name: value for name, value in told.items() if value}


def _patch(journal: Journal, have: str, held: str, into: str) -> int:
    """In a thread: find the patches and write the file; stops when the task that waits is cancelled."""
    return splice(held, into, steps(journal, have), journal.latest, anyio.from_thread.check_cancelled)
