"""One exchange with one source: what is asked (Request), and what comes back (Body, Stat, Entry)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from .digest import Digest
    from .errors import FetchError
    from .url import Url

CHUNK = 256 * 1024  # bytes a chunk of ``Body.chunks``


class Answer(Enum):
    """What a source said: everything from byte 0, the rest from the offset named, or "you already have it"."""

    FULL = "full"
    PARTIAL = "partial"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Validator:
    """What proves that a body is still the same one.

    ``etag`` is the source's opaque tag as it wrote it (an HTTP entity tag with quotes and ``W/``, an S3 ETag, a file's
    inode); ``modified`` its time in its own notation; ``version`` an S3 VersionId; ``size`` the whole length in bytes.
    ``strong`` says that equal validators mean equal bytes (RFC 9110 section 8.8.1). ``source`` is the URL, masked.
    """

    source: str
    etag: str | None = None
    modified: str | None = None
    version: str | None = None
    size: int | None = None
    strong: bool = False

    def agrees(self, other: Validator) -> bool:
        """Tell whether two validators can belong to the same body: nothing that both state differs."""
        for name in ("etag", "modified", "version", "size"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine is not None and theirs is not None and mine != theirs:
                return False
        return True

    def to_json(self) -> dict[str, Any]:
        """Give the form that a note on disk has."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: object) -> Validator | None:
        """Read the form that a note on disk has; None for anything else."""
        if not isinstance(data, dict) or not isinstance(data.get("source"), str):
            return None
        texts = {name: data.get(name) for name in ("etag", "modified", "version")}
        size, strong = data.get("size"), data.get("strong")
        if any(not isinstance(text, str | None) for text in texts.values()) or not isinstance(strong, bool):
            return None
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
            return None
        return cls(data["source"], size=size, strong=strong, **texts)


@dataclass(frozen=True, slots=True)
class Held:
    """What a sink already has of a body: so many bytes from the start, and the validator they came with.

    ``islands`` are stretches beyond, from a byte up to but not including another, that came over other connections.
    """

    length: int = 0
    validator: Validator | None = None
    islands: tuple[tuple[int, int], ...] = ()

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.length + sum(end - start for start, end in self.islands) if self.islands else self.length


NOTHING = Held()


@dataclass(slots=True)
class Request:
    """One exchange to make: the body of ``url`` from byte ``offset`` on, up to but not including ``end``.

    ``matching`` must still hold when ``offset`` is not 0 (If-Range, If-Match, SIZE and MDTM). ``unless`` asks for
    UNCHANGED when it still holds (If-None-Match, If-Modified-Since). ``ready`` is called with the URL asked, a
    redirect's target too, right before a request is written; what it raises ends the exchange.
    """

    url: Url
    offset: int = 0
    end: int | None = None
    matching: Validator | None = None
    unless: Validator | None = None
    headers: tuple[tuple[str, str], ...] = ()
    insecure_redirect: bool = False  # a digest will be checked, so https may lead to http
    ready: Callable[[Url], None] | None = None  # see above


@dataclass(slots=True)
class Timings:
    """Where the time of a fetch went, in seconds; phases that did not happen are 0.

    ``queued`` to ``commit`` follow each other, and are those of the last attempt. ``write`` and ``hash`` are what the
    disk and the hash functions took in all: they run beside the body, or within the commit of a small one.
    """

    queued: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    first_byte: float = 0.0
    body: float = 0.0
    commit: float = 0.0
    write: float = 0.0
    hash: float = 0.0


class Stream(ABC):
    """Bytes that arrive in order, into buffers of the reader's. Read it inside the ``async with`` that opened it."""

    timings: Timings
    descriptor: int | None = None  # an open file that the kernel can copy from, in place of fill
    abortable: bool = False  # ``abort`` works
    ended: bool = False  # known, without another fill, that no byte follows
    landed: int = 0  # bytes that a fill under way has already put into its buffer

    @abstractmethod
    async def fill(self, into: memoryview) -> int:
        """Put the next bytes into the buffer and give their number; 0 at the end of the body.

        It may wait until the buffer is full or ``flush`` is called. Raises a TransientError or a SourceError when the
        body cannot go on; never gives 0 for a body that was cut. Bytes that arrived before a failure are given first,
        the failure is raised by the next call. When it is cancelled, ``landed`` bytes lie in the buffer.
        """

    def passed(self, count: int) -> None:  # noqa: B027 - only a stream with a descriptor is copied from
        """Hear that the kernel copied the next bytes from ``descriptor``; raises what fill would at that point."""

    def abort(self, error: FetchError) -> bool:  # noqa: ARG002 - see the docstring
        """Make the fill under way, and every later one, raise this error; False: it cannot, its reader is cancelled."""
        return False

    def flush(self) -> None:  # noqa: B027 - a stream that never waits for more has nothing to do
        """Make a fill under way come back with the bytes it has, if any; called from the loop, now and then."""

    @property
    def chunks(self) -> AsyncIterator[bytes]:
        """The body as an iterator of bytes, at most 256 KiB each."""
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[bytes]:
        view = memoryview(bytearray(CHUNK))
        while count := await self.fill(view):
            yield bytes(view[:count])


class Body(Stream):
    """The body of one answer. A transport sets the attributes before it hands the body out.

    ``offset`` is where this body starts within the whole; ``size`` the length of the whole in bytes, None if not said;
    ``url`` where it came from in the end, ``chain`` the redirects that led there.
    """

    answer: Answer = Answer.FULL
    url: Url
    offset: int = 0
    size: int | None = None
    validator: Validator | None = None
    digests: tuple[Digest, ...] = ()
    content_type: str | None = None
    chain: tuple[str, ...] = ()

    def __repr__(self) -> str:
        whole = "unknown size" if self.size is None else f"{self.size} bytes"
        start = f" from byte {self.offset}" if self.offset else ""
        url = getattr(self, "url", "")  # a transport sets it before anybody sees the body
        return f"<{type(self).__name__} {url}: {self.answer.value}{start}, {whole}>"

    def header(self, name: str) -> str | None:  # noqa: ARG002 - see the docstring
        """Give a header of the answer by its lower-case name; None for what was not said, or in a scheme without."""
        return None


class Small(NamedTuple):
    """A small body that is all here, to be read before the event loop runs again."""

    view: memoryview
    validator: Validator
    digests: tuple[Digest, ...]
    timings: Timings


class Reply(Stream):
    """One HTTP response whose head has arrived: what a lane gives, and what a scheme over HTTP (s3) builds on.

    ``headers`` are in order, names in lower case, values stripped. ``length`` is the number of bytes of this response's
    body as framed (RFC 9112 section 6), None when only its end tells. The stream is the body with transfer coding
    undone and content coding left as it is.
    """

    status: int
    headers: list[tuple[str, str]]
    length: int | None = None

    def header(self, name: str) -> str | None:
        """Give one header by its lower-case name, several lines joined by a comma (RFC 9110 section 5.3)."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Stat:
    """What a source says about a body without sending it; None for what it does not say."""

    size: int | None = None
    modified: datetime | None = None
    validator: Validator | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing. ``kind`` is "file", "directory" or "other"; ``size`` in bytes."""

    url: Url
    name: str
    kind: str
    size: int | None = None
    modified: datetime | None = field(default=None)
