"""Faults on cue: what a scripted far end does in place of the right thing, one value each.

A resource has a list of cues. Each request to it takes the next cue: a fault, a sequence of faults that act together,
or None for the right answer. When the list is used up, every answer is right, save for what ``always`` adds to each.

Rules: ``at`` counts bytes of the body of that one answer (of a 206, from its first byte). Pauses end when the far end
is closed. `HttpServer` knows all of these, `MemoryTransport` those that make sense without a wire; it refuses the rest.

>>> cues = [Cut(1_000), (Chunked(), Reset(at=10)), None, *[Status(503, retry_after=0)] * 3]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from .._model.errors import FetchError
    from .pattern import Pattern

AUTO = "auto"  # no entity tag and no date reads so: both are computed


# -- where the body ends, waits or goes wrong


@dataclass(frozen=True, slots=True)
class Cut:
    """End the connection in order (FIN; over TLS without a close_notify) after ``at`` bytes of the body."""

    at: int = 0


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection (RST) after ``at`` bytes of the body."""

    at: int = 0


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing more after ``at`` bytes of the body until the event is set (None: until the far end closes)."""

    at: int = 0
    until: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class Throttle:
    """Send the body at ``rate`` bytes a second, ``piece`` bytes at a time."""

    rate: float
    piece: int = 16 * 1024


@dataclass(frozen=True, slots=True)
class Corrupt:
    """Invert the byte at offset ``at`` of the whole (not of this answer)."""

    at: int = 0


# -- what is answered to a range, and under which label


@dataclass(frozen=True, slots=True)
class WrongRange:
    """Answer a range with 206 for another: from ``shift`` bytes later, and with ``total`` as the whole length."""

    shift: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class IgnoreRange:
    """Answer a range with 200 and the whole; no Accept-Ranges."""


@dataclass(frozen=True, slots=True)
class RefuseRange:
    """Answer a range with 416, whatever it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """Be another body from this request on.

    ``data`` None keeps the bytes. A validator that is AUTO becomes a new one if the resource has one, else none; None
    takes it away; a text is used as it is (the old one, to lie).
    """

    data: bytes | Pattern | None = None
    etag: str | None = AUTO
    last_modified: str | None = AUTO


@dataclass(frozen=True, slots=True)
class Relabel:
    """Label only this answer with these validators; None leaves one out. The conditions are judged by the true ones."""

    etag: str | None = None
    last_modified: str | None = None


# -- another answer altogether


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status; ``retry_after`` in seconds, or a date as text."""

    status: int
    retry_after: float | str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Answer with a redirect; ``location`` is sent as it is, whatever it holds."""

    location: str
    status: int = 302


@dataclass(frozen=True, slots=True)
class RequireBasic:
    """Answer 401 unless the request has these Basic credentials (RFC 7617)."""

    user: str
    password: str
    realm: str = "testing"


@dataclass(frozen=True, slots=True)
class Raw:
    """Send these bytes for an answer, then close the connection in order (``close`` False: leave it open)."""

    data: bytes
    close: bool = True


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the connection without an answer: in order, or with ``reset`` by RST."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class Raise:
    """Raise this error: in place of an answer, or after ``at`` bytes of the body (MemoryTransport only)."""

    error: FetchError
    at: int | None = None


# -- the same answer, in other clothes


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait before the first byte of the head until the event is set (None: until the far end closes)."""

    until: threading.Event | None = None


@dataclass(frozen=True, slots=True)
class SlowHead:
    """Send the head ``piece`` bytes at a time, with ``pause`` seconds between."""

    piece: int = 1
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Interim:
    """Send ``count`` interim responses first (RFC 9110 section 15.2)."""

    status: int = 103
    headers: tuple[tuple[str, str], ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class ExtraHeaders:
    """Add these header lines, written as they are."""

    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Chunked:
    """Frame the body in chunks of at most ``piece`` bytes, each with ``extension``; then these trailers."""

    piece: int = 16 * 1024
    extension: str = ""
    trailers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CloseDelimited:
    """Say no length; the body ends with the connection (RFC 9112 section 6.3)."""


@dataclass(frozen=True, slots=True)
class WrongLength:
    """Say a Content-Length that is ``by`` bytes more (or less) than what is sent; then close the connection."""

    by: int


@dataclass(frozen=True, slots=True)
class ConnectionClose:
    """Say ``Connection: close`` and do so."""


@dataclass(frozen=True, slots=True)
class Vanish:
    """Close the connection after a complete answer that did not say so: what makes kept connections stale."""


@dataclass(frozen=True, slots=True)
class Http10:
    """Answer as HTTP/1.0, and close."""


@dataclass(frozen=True, slots=True)
class Gzip:
    """Send the body with Content-Encoding gzip if the request accepts it, or ``always``."""

    always: bool = False


@dataclass(frozen=True, slots=True)
class ReprDigest:
    """Say ``Repr-Digest`` (RFC 9530): the right one of SHA-256, or ``text`` as it is."""

    text: str | None = None


Fault = (
    Cut | Reset | Stall | Throttle | Corrupt | WrongRange | IgnoreRange | RefuseRange | Change | Relabel | Status
    | Redirect | RequireBasic | Raw | Hangup | Raise | Hold | SlowHead | Interim | ExtraHeaders | Chunked
    | CloseDelimited | WrongLength | ConnectionClose | Vanish | Http10 | Gzip | ReprDigest
)  # fmt: skip
Cue = Fault | Sequence[Fault] | None


def together(cue: Cue, always: Sequence[Fault] = ()) -> tuple[Fault, ...]:
    """Give one cue and the faults of every request as one tuple; what the cue says comes last, and so prevails."""
    if cue is None:
        return tuple(always)
    return (*always, *cue) if isinstance(cue, Sequence) else (*always, cue)
