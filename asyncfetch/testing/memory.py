"""MemoryTransport: a far end without a wire, right by default and wrong on cue, for the scheme ``memory``.

>>> from asyncfetch.testing import Cut, MemoryTransport
>>> transport = MemoryTransport()
>>> page = transport.publish("/a", b"hello", faults=[Cut(2)])     # the first request is cut, then all goes well
>>> page.url, page.hits
('memory://far/a', 0)

Each request, ``open`` or ``stat``, takes the next cue of its resource. Cut, Reset, Stall, Corrupt, WrongRange,
IgnoreRange, RefuseRange, Change, Relabel, Hold and Raise are known; another fault is a TypeError, as it would say
nothing here. ``check_transport`` holds for it.
"""

from __future__ import annotations

import copy
from collections import deque
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, cast

import anyio
from anyio.lowlevel import checkpoint

from .._model.errors import Interrupted, MistakeError, NotFound, RangeRefused
from .._model.exchange import Answer, Body, Entry, Request, Stat, Timings, Validator
from .._model.url import Url
from . import faults as f
from ._version import Version
from .pattern import pieces_of

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from datetime import datetime

    from .pattern import Pattern

    _Wait = Callable[[threading.Event | None, Url], Awaitable[None]]

_KNOWN = (
    f.Cut, f.Reset, f.Stall, f.Corrupt, f.WrongRange, f.IgnoreRange, f.RefuseRange, f.Change, f.Relabel, f.Hold, f.Raise
)  # fmt: skip
_Break = f.Cut | f.Reset | f.Stall | f.Raise
_POLL = 0.002  # seconds between looks at a threading.Event, which knows no event loop


class MemoryResource:
    """Something published, and what was asked of it: ``requests`` in order, ``body_bytes_sent`` given out."""

    def __init__(self, url: str, version: Version, faults: Iterable[f.Cue], always: Iterable[f.Fault]) -> None:
        self.url = url
        self.always = tuple(always)
        self.requests: list[Request] = []
        self.body_bytes_sent = 0
        self._version = version
        self._cues = deque(faults)

    @property
    def hits(self) -> int:
        """Requests so far."""
        return len(self.requests)

    @property
    def version(self) -> Version:
        """The bytes and their validators as they are now."""
        return self._version

    def cue(self, *cues: f.Cue) -> None:
        """Add cues for the requests to come."""
        self._cues.extend(cues)

    def change(
        self, data: bytes | Pattern | None = None, *, etag: str | None = f.AUTO, last_modified: str | None = f.AUTO
    ) -> None:
        """Be another body from now on; the arguments are those of the fault `Change`."""
        self._version = self._version.changed(f.Change(data, etag, last_modified))

    def take(self, request: Request) -> tuple[Version, tuple[f.Fault, ...]]:
        """Note a request; give what it is answered with, and what goes wrong. For transports."""
        self.requests.append(request)
        faults = f.together(self._cues.popleft() if self._cues else None, self.always)
        for fault in faults:
            if not isinstance(fault, _KNOWN):
                raise TypeError(f"{type(fault).__name__} says nothing without a wire; use HttpServer")
            if isinstance(fault, f.Change):
                self._version = self._version.changed(fault)
        return self._version, faults


class MemoryTransport:
    """A Transport whose far end is a dictionary. ``requests`` counts, ``open_bodies`` tells what is open just now."""

    def __init__(self, *, host: str = "far") -> None:
        self.open_bodies = 0
        self.requests: list[Request] = []
        self.closed = False
        self._host = host
        self._resources: dict[str, MemoryResource] = {}

    def url(self, path: str) -> str:
        """Give the URL of a path."""
        return f"memory://{self._host}{path}"

    def publish(
        self,
        path: str,
        data: bytes | Pattern = b"",
        *,
        etag: str | None = f.AUTO,
        last_modified: datetime | str | None = f.AUTO,
        faults: Iterable[f.Cue] = (),
        always: Iterable[f.Fault] = (),
    ) -> MemoryResource:
        """Publish bytes under a path; what was there before is replaced. Validators as with `HttpServer.serve`."""
        resource = MemoryResource(self.url(path), Version.first(data, etag, last_modified), faults, always)
        self._resources[resource.url] = resource
        return resource

    def remove(self, path: str) -> None:
        """Have nothing under this path again."""
        self._resources.pop(self.url(path), None)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Body]:
        """Make one exchange."""
        resource, version, faults = await self._ask(request)
        body = _answer(request, version, faults, self._wait)
        body.resource = resource
        self.open_bodies += 1
        try:
            yield body
        finally:
            self.open_bodies -= 1
            body.closed = True

    async def stat(self, request: Request) -> Stat:
        """Tell size, time, validator and type."""
        _, version, faults = await self._ask(request)
        modified = version.last_modified
        return Stat(
            len(version.data),
            None if modified is None else parsedate_to_datetime(modified),
            _validator(request.url, version, faults),
            version.content_type,
        )

    async def list(self, url: Url) -> AsyncIterator[Entry]:
        """List what is directly below the URL; deeper paths show as directories."""
        self._refuse_when_closed(url)
        await checkpoint()
        base = url.reveal().rstrip("/") + "/"
        below = [text for text in self._resources if text.startswith(base)]
        if not below:
            raise NotFound("nothing is published there", url=url)
        for name in sorted({text[len(base) :].partition("/")[0] for text in below}):
            resource = self._resources.get(base + name)
            if resource is None:
                yield Entry(Url(f"{base}{name}/"), Url(base + name).name, "directory")
            else:
                where, modified = Url(resource.url), resource.version.last_modified
                time = None if modified is None else parsedate_to_datetime(modified)
                yield Entry(where, where.name, "file", len(resource.version.data), time)

    async def aclose(self) -> None:
        """Close; stalls end with Interrupted."""
        self.closed = True
        await checkpoint()

    def _refuse_when_closed(self, url: Url) -> None:
        if self.closed:
            raise MistakeError("the transport is closed", url=url)

    async def _ask(self, request: Request) -> tuple[MemoryResource, Version, tuple[f.Fault, ...]]:
        self._refuse_when_closed(request.url)
        await checkpoint()
        self.requests.append(request)
        resource = self._resources.get(request.url.reveal())
        if resource is None:
            raise NotFound("nothing is published there", url=request.url)
        version, faults = resource.take(request)
        for fault in faults:
            if isinstance(fault, f.Hold):
                await self._wait(fault.until, request.url)
            elif isinstance(fault, f.Raise) and fault.at is None:
                raise copy.copy(fault.error)
        return resource, version, faults

    async def _wait(self, until: threading.Event | None, url: Url) -> None:
        while until is None or not until.is_set():
            if self.closed:
                raise Interrupted("the far end was closed", url=url)
            await anyio.sleep(_POLL)


class _MemoryBody(Body):
    resource: MemoryResource
    closed = False

    def __init__(self, url: Url, version: Version, wait: _Wait) -> None:
        self.url = url
        self.timings = Timings()
        self.size = len(version.data)
        self.content_type = version.content_type
        self.at = 0  # in version.data
        self.stop = 0
        self.sent = 0
        self.breaks: list[_Break] = []
        self.corrupt = -1
        self._data = version.data
        self._wait = wait

    async def fill(self, into: memoryview) -> int:
        """Put the next bytes into the buffer."""
        if self.closed:
            raise MistakeError("the body is closed", url=self.url)
        await checkpoint()
        while self.breaks and (self.breaks[0].at or 0) <= self.sent:
            await self._break(self.breaks[0])
            self.breaks.pop(0)
        count = min(len(into), self.stop - self.at)
        if self.breaks:
            count = min(count, (self.breaks[0].at or 0) - self.sent)
        done = 0
        for piece in pieces_of(self._data, self.at, self.at + count):
            into[done : done + len(piece)] = piece
            done += len(piece)
        if self.at <= self.corrupt < self.at + count:
            into[self.corrupt - self.at] ^= 0xFF
        self.at += count
        self.sent += count
        self.resource.body_bytes_sent += count
        return count

    async def _break(self, fault: _Break) -> None:
        if isinstance(fault, f.Stall):
            await self._wait(fault.until, self.url)
        elif isinstance(fault, f.Raise):
            raise copy.copy(fault.error)
        else:
            raise Interrupted(f"cut after {self.sent} bytes", url=self.url)


def _validator(url: Url, version: Version, faults: tuple[f.Fault, ...]) -> Validator:
    etag, modified = version.etag, version.last_modified
    for fault in faults:
        if isinstance(fault, f.Relabel):
            etag, modified = fault.etag, fault.last_modified
    strong = etag is not None and not etag.startswith("W/")
    return Validator(str(url), etag=etag, modified=modified, size=len(version.data), strong=strong)


def _holds(asked: Validator, version: Version) -> bool:
    """Judge as HTTP does: the entity tag if there is one, else date and size."""
    if asked.etag is not None:
        return asked.etag == version.etag
    return asked.modified is not None and (asked.modified, asked.size) == (version.last_modified, len(version.data))


def _answer(request: Request, version: Version, faults: tuple[f.Fault, ...], wait: _Wait) -> _MemoryBody:
    """Choose between FULL, PARTIAL and UNCHANGED, then let the faults have their way."""
    kinds = {type(fault): fault for fault in faults}
    body = _MemoryBody(request.url, version, wait)
    body.validator = _validator(request.url, version, faults)
    size = len(version.data)
    if request.unless is not None and _holds(request.unless, version):
        body.answer = Answer.UNCHANGED
        return body
    ranged = request.offset > 0 or request.end is not None
    if ranged and f.RefuseRange in kinds:
        raise RangeRefused("refused on cue", url=request.url)
    if request.matching is not None and not _holds(request.matching, version):
        ranged = False
    body.stop = size
    if ranged and f.IgnoreRange not in kinds:
        if request.offset >= size:
            raise RangeRefused(f"there is nothing from byte {request.offset} on", url=request.url)
        wrong = cast("f.WrongRange", kinds.get(f.WrongRange, f.WrongRange()))
        body.answer = Answer.PARTIAL
        body.stop = size if request.end is None else min(size, request.end)
        body.at = body.offset = min(max(0, request.offset + wrong.shift), body.stop - 1)
        body.size = size if wrong.total is None else wrong.total
    if corrupt := kinds.get(f.Corrupt):
        body.corrupt = cast("f.Corrupt", corrupt).at
    breaks: list[_Break] = [fault for fault in faults if isinstance(fault, f.Cut | f.Reset | f.Stall)]
    breaks += [fault for fault in faults if isinstance(fault, f.Raise) and fault.at is not None]
    body.breaks = sorted(breaks, key=lambda fault: fault.at or 0)
    return body
