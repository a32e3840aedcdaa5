"""The error tree, cut by what the reader should do.

::

    FetchError
      MistakeError    ABORT        the wish is wrong (also ValueError)
        InvalidUrl  UnsupportedScheme  Offline  DestinationBusy
      TransientError  RETRY        the source may do better soon
        ConnectFailed  TimedOut (also TimeoutError)  Interrupted  Stalled  Busy
      SourceError     NEXT_SOURCE  this source will not do
        NotFound  AccessDenied  Untrusted  RedirectRefused  TooLarge
        DigestMismatch  SizeMismatch  ProtocolViolation (RangeRefused)
      LocalError      ABORT        our own disk (also OSError, with errno and filename)
        NoSpace  NotWritable

Every error reads as one sentence: what happened, to which URL, after how many tries and seconds, why, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar


class Verdict(Enum):
    """What a failure means for the wish: end it, try the source again, or try another source."""

    ABORT = "abort"
    RETRY = "retry"
    NEXT_SOURCE = "next source"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one source: begun so many seconds into the fetch, how long it took, how far it came, why it ended."""

    source: str
    started: float
    elapsed: float
    received: int
    outcome: str


class FetchError(Exception):
    """A fetch that did not succeed; the root of everything this library raises.

    ``url`` is the source, secrets masked. ``verdict`` says what the failure means. ``attempts`` lists what was tried.
    ``status`` is the protocol's own number (HTTP status, FTP reply code) where there is one. ``fetch`` is the wish.
    """

    verdict: ClassVar[Verdict] = Verdict.ABORT
    action: ClassVar[str] = "could not fetch"

    def __init__(
        self,
        reason: str,
        *,
        url: object = None,
        hint: str | None = None,
        status: int | None = None,
        chain: tuple[str, ...] = (),
    ) -> None:
        self.reason = reason
        self.url = None if url is None else str(url)
        self.hint = hint
        self.status = status
        self.chain = chain
        self.attempts: tuple[Attempt, ...] = ()
        self.elapsed: float | None = None
        self.fetch: Any = None
        super().__init__(reason)

    def tell(self, attempts: tuple[Attempt, ...], elapsed: float) -> None:
        """Add the story: what was tried, and for how many seconds in all."""
        self.attempts = attempts
        self.elapsed = elapsed

    def __str__(self) -> str:
        where = f" `{self.url}`" if self.url is not None else ""
        if self.chain:
            where += f" (redirected from {', '.join(f'`{url}`' for url in self.chain)})"
        return self._sentence(where)

    def _sentence(self, where: str) -> str:
        story = ""
        if len(self.attempts) > 1 and self.elapsed is not None:
            sources = len({attempt.source for attempt in self.attempts})
            at = f" at {sources} sources" if sources > 1 else ""
            story = f" after {len(self.attempts)} attempts{at} in {self.elapsed:.1f} s"
        if not self.hint:
            return f"{self.action}{where}{story}: {self.reason}"
        return f"{self.action}{where}{story}: {self.reason.removesuffix('.')}; {self.hint}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # a Fetch can hold secrets: it does not travel
        return _rebuild, (type(self), {**self.__dict__, "fetch": None})


class MistakeError(FetchError, ValueError):
    """The wish itself is wrong; asking again cannot help."""

    action = "cannot fetch"


class InvalidUrl(MistakeError):
    """The URL cannot be parsed, holds forbidden characters, or names nothing that can be fetched."""

    action = "cannot use the URL"


class UnsupportedScheme(MistakeError):
    """No transport serves this scheme, or the operation does not exist for it."""

    action = "cannot serve"


class Offline(MistakeError):
    """The client is offline by its settings and the answer is not on this machine."""

    action = "cannot fetch offline"


class DestinationBusy(MistakeError):
    """Another wish of the same client is being written to the same path."""

    action = "did not fetch"


class TransientError(FetchError):
    """The source may do better soon."""

    verdict = Verdict.RETRY


class ConnectFailed(TransientError):
    """No connection: name not resolved, refused, unreachable."""

    action = "could not connect to"


class TimedOut(TransientError, TimeoutError):
    """Connecting, an answer, or the whole fetch took longer than the settings allow."""

    action = "timed out on"


class Interrupted(TransientError):
    """The connection ended before the answer did."""

    action = "was cut off from"


class Stalled(TransientError):
    """Bytes came slower than ``Timeouts.stall`` allows."""

    action = "gave up waiting for"


class Busy(TransientError):
    """The source asked to be left alone: 429, 503, SlowDown, 421. ``retry_after`` is in seconds, None if not said."""

    action = "was turned away by"

    def __init__(self, reason: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(reason, **more)
        self.retry_after = retry_after


class SourceError(FetchError):
    """This source will not do; another one may."""

    verdict = Verdict.NEXT_SOURCE


class NotFound(SourceError):
    """The source says there is no such thing: 404, 410, NoSuchKey, NoSuchBucket, 550, ENOENT."""

    action = "found nothing at"


class AccessDenied(SourceError):
    """The source refuses us: 401, 403, 407, AccessDenied, 530, EACCES."""

    action = "was refused access to"


class Untrusted(SourceError):
    """TLS did not verify. Never retried."""

    action = "did not trust"


class RedirectRefused(SourceError):
    """A redirect led where policy does not follow: fewer guarantees, a loop, or too many hops."""

    action = "did not follow a redirect from"


class TooLarge(SourceError):
    """The body, its head or its decoded form is larger than allowed."""

    action = "stopped reading"


class DigestMismatch(SourceError):
    """The bytes are not the ones asked for."""

    action = "did not accept"


class SizeMismatch(SourceError):
    """The body is not as long as asked for or declared."""

    action = "did not accept"


class ProtocolViolation(SourceError):
    """The answer breaks the protocol, so that its bytes cannot be trusted."""

    action = "cannot make sense of"


class RangeRefused(ProtocolViolation):
    """The source will not continue at the offset asked for: 416, REST refused. The transfer starts over."""

    action = "cannot resume"


class LocalError(FetchError, OSError):
    """Our own disk failed: ``errno`` and ``filename`` are set, what arrived so far is kept, no source is blamed."""

    action = "could not write"

    def __init__(self, reason: str, *, errno: int | None = None, filename: str | None = None, **more: Any) -> None:
        FetchError.__init__(self, reason, **more)
        self.errno = errno
        self.strerror = reason
        self.filename = filename

    def __str__(self) -> str:
        where = f" `{self.filename}`" if self.filename is not None else ""
        return self._sentence(f"{where} (from `{self.url}`)" if self.url is not None else where)

    def __reduce__(self) -> tuple[Any, ...]:
        state = {
            **self.__dict__,
            "fetch": None,
            "errno": self.errno,
            "strerror": self.strerror,
            "filename": self.filename,
        }
        return _rebuild, (type(self), state)


class NoSpace(LocalError):
    """The disk or the quota is full."""


class NotWritable(LocalError):
    """The place does not exist, is read-only, is not ours, or is not what the wish takes it for."""


def _rebuild(kind: type[FetchError], state: dict[str, Any]) -> FetchError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["reason"])
    for name, value in state.items():
        setattr(error, name, value)
    return error
