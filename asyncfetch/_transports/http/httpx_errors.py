"""Every exception that httpx raises for an exchange, in terms of our error tree.

The table goes by class name, because httpx and httpx2 have the same names for classes that are not the same. A test
walks the subclasses of TransportError of both, so that a new one cannot go unmapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._model.errors import (
    AccessDenied,
    ConnectFailed,
    FetchError,
    Interrupted,
    MistakeError,
    ProtocolViolation,
    TimedOut,
    UnsupportedScheme,
    Untrusted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..._model.url import Url

# name -> what it becomes, and what to say; most specific first is not needed, the exception's own classes are walked
_KINDS: dict[str, tuple[type[FetchError], str]] = {
    "ConnectTimeout": (TimedOut, "no connection in time"),
    "ReadTimeout": (TimedOut, "no byte in time"),
    "WriteTimeout": (TimedOut, "the request could not be sent in time"),
    "PoolTimeout": (TimedOut, "no connection was free in time"),
    "TimeoutException": (TimedOut, "it took too long"),
    "TimeoutError": (TimedOut, "it took too long"),
    "ConnectError": (ConnectFailed, "no connection"),
    "ReadError": (Interrupted, "the connection broke"),
    "WriteError": (Interrupted, "the connection broke while asking"),
    "CloseError": (Interrupted, "the connection could not be closed in order"),
    "NetworkError": (Interrupted, "the connection broke"),
    "ProxyError": (ConnectFailed, "the proxy did not lead there"),
    "UnsupportedProtocol": (UnsupportedScheme, "httpx does not speak it"),
    "LocalProtocolError": (MistakeError, "the request cannot be sent as it is"),
    "RemoteProtocolError": (ProtocolViolation, "the answer is not HTTP"),
    "ProtocolError": (ProtocolViolation, "the answer is not HTTP"),
    "SSEError": (ProtocolViolation, "the answer is no event stream"),
    "DecodingError": (ProtocolViolation, "the body cannot be decoded"),
    "TooManyRedirects": (ProtocolViolation, "too many redirects"),
    "TransportError": (Interrupted, "the exchange failed"),
    "RequestError": (Interrupted, "the exchange failed"),
    "StreamError": (Interrupted, "the body was read out of turn"),
    "InvalidURL": (MistakeError, "httpx does not take the URL"),
}
# what h11 and h2 say when the far end went away, which is no violation: asking again may do
_GONE = ("disconnected", "closed connection", "ConnectionTerminated", "StreamReset", "GOAWAY", "connection closed")


def kinds() -> frozenset[str]:
    """Names of the exceptions that are mapped by name."""
    return frozenset(_KINDS)


def translate(error: Exception, url: Url, *, http2: bool = False) -> FetchError:
    """Say in our terms what went wrong on the way to ``url``; the caller raises it from ``error``."""
    distrust = _distrust(error)
    if distrust is not None:
        return Untrusted(f"the certificate of {url.host} does not verify: {distrust}", url=url)
    kind, reason = next((_KINDS[c.__name__] for c in type(error).__mro__ if c.__name__ in _KINDS), (None, ""))
    said = _first_words(error)
    if kind is None:
        kind, reason = (ConnectFailed if isinstance(error, OSError) else Interrupted), type(error).__name__
    if kind is ProtocolViolation and any(mark in said for mark in _GONE):
        kind, reason = Interrupted, "the connection ended early"
    elif kind is MistakeError and http2 and type(error).__name__ == "LocalProtocolError":
        # h2 blames us for using a stream that the far end has just closed
        kind, reason = Interrupted, "the connection ended early"
    elif type(error).__name__ == "ProxyError" and said.startswith("407"):
        return refused_by_proxy(url, said)
    return kind(f"{reason}: {said}" if said else reason, url=url)


def refused_by_proxy(url: Url, said: str) -> AccessDenied:
    """Say that the proxy wants to know who we are."""
    return AccessDenied(
        f"the proxy answered {said}", url=url, status=407, hint="give its user and password in the proxy's URL"
    )


def _distrust(error: BaseException) -> str | None:
    """Find a failed verification among the causes, and give OpenSSL's or the system's reason."""
    from ssl import SSLCertVerificationError

    for cause in _causes(error):
        if isinstance(cause, SSLCertVerificationError):
            return getattr(cause, "verify_message", None) or str(cause)
    return None


def _first_words(error: BaseException) -> str:
    for cause in _causes(error):
        text = str(getattr(cause, "strerror", None) or cause).strip()
        # anyio sums up several addresses; the first address's own reason says more
        if text and text != "All connection attempts failed":
            return text.splitlines()[0]
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk the error and what it came from, groups included; each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        waiting.extend(cause for cause in (one.__cause__, one.__context__) if cause is not None)
