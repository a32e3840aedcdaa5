"""From a request, a version of a resource and the faults on cue to a Reply: everything that will be sent. Pure.

The right answer is made first; each fault then changes it. A Reply says what to do, `_connection` does it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from . import faults as f
from ._semantics import Selected, select
from .pattern import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._version import Version
    from .pattern import Pattern

_Kind = TypeVar("_Kind")

_REASONS = {status.value: status.phrase for status in HTTPStatus}
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: names of headers in lower case, in order; ``connection`` counts from 1."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    connection: int

    @property
    def path(self) -> str:
        """The target's path, not decoded; of an absolute-form target too (RFC 9112 section 3.2.2)."""
        return _origin_form(self.target).partition("?")[0]

    @property
    def query(self) -> str:
        """What follows the question mark, not decoded."""
        return self.target.partition("?")[2]

    @property
    def range(self) -> str | None:
        """The Range header."""
        return self.header("range")

    def header(self, name: str) -> str | None:
        """Give one header by its name, several lines joined by a comma (RFC 9110 section 5.3)."""
        values = [value for key, value in self.headers if key == name.lower()]
        return ", ".join(values) if values else None


def _origin_form(target: str) -> str:
    if target.startswith("/"):
        return target
    _, _, rest = target.partition("://")
    return "/" + rest.partition("/")[2]


def _ignored(_count: int) -> None:
    """Count nothing."""


@dataclass(slots=True)
class Reply:
    """Everything that will be sent, and what happens to the connection meanwhile."""

    status: int
    headers: Headers
    data: bytes | Pattern = b""
    start: int = 0
    stop: int = 0
    version: str = "HTTP/1.1"
    length: int | None = None  # what Content-Length says; None: it is not sent
    silent: bool = False  # no body follows the head: HEAD, 204, 304
    chunked: f.Chunked | None = None
    close: bool = False
    hangup: f.Hangup | None = None
    raw: f.Raw | None = None
    hold: f.Hold | None = None
    slow_head: f.SlowHead | None = None
    interim: f.Interim | None = None
    throttle: f.Throttle | None = None
    corrupt: f.Corrupt | None = None
    breaks: list[f.Cut | f.Reset | f.Stall] = field(default_factory=list)
    count: Callable[[int], None] = _ignored  # told of bytes of the body handed to the kernel

    def head(self) -> bytes:
        """Write the head."""
        lines = [f"{self.version} {self.status} {_REASONS.get(self.status, '')}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def plain(status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> Reply:
    """Make a short reply in plain text."""
    return _short(status, text.encode(), [("Content-Type", "text/plain"), *headers])


def _short(status: int, body: bytes, headers: Headers) -> Reply:
    return Reply(status, headers, body, 0, len(body), length=len(body), silent=status in (204, 304))


def answer(received: Received, version: Version, faults: tuple[f.Fault, ...]) -> Reply:
    """Make the reply that is due."""
    return dressed(_instead(received, faults) or _right(received, version, faults), received, faults)


def last_of(faults: tuple[f.Fault, ...], kind: type[_Kind]) -> _Kind | None:
    """Give the fault of one kind that prevails: the last one."""
    found = [fault for fault in faults if isinstance(fault, kind)]
    return found[-1] if found else None


def _instead(received: Received, faults: tuple[f.Fault, ...]) -> Reply | None:
    """Answer something else altogether."""
    if basic := last_of(faults, f.RequireBasic):
        wanted = base64.b64encode(f"{basic.user}:{basic.password}".encode()).decode()
        if received.header("authorization") != f"Basic {wanted}":
            challenge = ("WWW-Authenticate", f'Basic realm="{basic.realm}", charset="UTF-8"')
            return plain(401, "credentials are missing or wrong\n", [challenge])
    if status := last_of(faults, f.Status):
        headers = list(status.headers)
        if status.retry_after is not None:
            pause = status.retry_after
            headers.append(("Retry-After", pause if isinstance(pause, str) else f"{pause:g}"))
        return _short(status.status, status.body, headers)
    if redirect := last_of(faults, f.Redirect):
        return plain(redirect.status, "elsewhere\n", [("Location", redirect.location)])
    if (raw := last_of(faults, f.Raw)) or last_of(faults, f.Hangup):
        return Reply(200, [], raw=raw, close=raw.close if raw else True)
    return None


def _right(received: Received, version: Version, faults: tuple[f.Fault, ...]) -> Reply:
    """Answer as a right server does, save for faults about validators and ranges."""
    if coding := last_of(faults, f.Gzip):
        accepted = "gzip" in (received.header("accept-encoding") or "")
        version = version.gzipped() if coding.always or accepted else version
    size = len(version.data)
    selected = select(received.method, received.header, version.etag, version.last_modified, size)
    ranged = selected.status in (206, 416)
    ignored = last_of(faults, f.IgnoreRange)
    if ranged and ignored:
        selected = Selected(200, 0, size)
    elif received.range and received.method == "GET" and last_of(faults, f.RefuseRange):
        selected = Selected(416, 0, 0)
    headers = _labels(version, faults)
    if not ignored:
        headers.append(("Accept-Ranges", "bytes"))
    if selected.status == 416:
        return plain(416, "no such range\n", [("Content-Range", f"bytes */{size}"), *headers])
    if selected.status == 412:
        return plain(412, "a condition does not hold\n")
    if selected.status == 304:
        return Reply(304, headers, silent=True)
    start, stop = selected.start, selected.stop
    if selected.status == 206:
        wrong = last_of(faults, f.WrongRange) or f.WrongRange()
        start = min(max(0, start + wrong.shift), stop - 1)
        total = size if wrong.total is None else wrong.total
        headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{total}"))
    if version.content_type is not None:
        headers.append(("Content-Type", version.content_type))
    if declared := last_of(faults, f.ReprDigest):
        right = base64.b64encode(bytes.fromhex(sha256_of(version.data))).decode() if declared.text is None else ""
        headers.append(("Repr-Digest", declared.text if declared.text is not None else f"sha-256=:{right}:"))
    return Reply(selected.status, headers, version.data, start, stop, length=stop - start)


def _labels(version: Version, faults: tuple[f.Fault, ...]) -> Headers:
    etag, last_modified = version.etag, version.last_modified
    if label := last_of(faults, f.Relabel):
        etag, last_modified = label.etag, label.last_modified
    pairs = (("ETag", etag), ("Last-Modified", last_modified))
    return [(name, value) for name, value in pairs if value is not None] + list(version.headers)


def dressed(reply: Reply, received: Received, faults: tuple[f.Fault, ...] = ()) -> Reply:
    """Decide framing, version and the life of the connection, and take over what happens on the way."""
    reply.silent = reply.silent or received.method == "HEAD"
    old = received.version == "HTTP/1.0"
    if last_of(faults, f.Http10):
        reply.version = "HTTP/1.0"
    reply.chunked = None if old or reply.version == "HTTP/1.0" else last_of(faults, f.Chunked)
    asked = (received.header("connection") or "").lower()
    announced = old or "close" in asked or reply.version == "HTTP/1.0" or bool(last_of(faults, f.ConnectionClose))
    undelimited = bool(last_of(faults, f.CloseDelimited)) and not reply.silent
    if reply.chunked is not None or undelimited:
        reply.length = None
    elif (wrong := last_of(faults, f.WrongLength)) and reply.length is not None:
        reply.length = max(0, reply.length + wrong.by)
        reply.close = True
    if extra := last_of(faults, f.ExtraHeaders):
        reply.headers += extra.headers
    if reply.length is not None and reply.status not in (204, 304):
        reply.headers.append(("Content-Length", str(reply.length)))
    if reply.chunked is not None:
        reply.headers.append(("Transfer-Encoding", "chunked"))
    if announced or undelimited:
        reply.headers.append(("Connection", "close"))
    reply.headers.append(("Date", formatdate(usegmt=True)))
    reply.close = reply.close or announced or undelimited or bool(last_of(faults, f.Vanish))
    reply.hangup, reply.hold = last_of(faults, f.Hangup), last_of(faults, f.Hold)
    reply.slow_head, reply.interim = last_of(faults, f.SlowHead), last_of(faults, f.Interim)
    reply.throttle, reply.corrupt = last_of(faults, f.Throttle), last_of(faults, f.Corrupt)
    reply.breaks = [fault for fault in faults if isinstance(fault, f.Cut | f.Reset | f.Stall)]
    reply.breaks.sort(key=lambda fault: fault.at)
    return reply
