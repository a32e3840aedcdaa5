"""Every exception that httpx raises for an exchange, in terms of our error tree.

The table goes by class name, because httpx and httpx2 have the same names for classes that are not the same. A test
walks the subclasses of TransportError of both, so that a new one cannot go unmapped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..._model.errors import (
    ConnectFailed,
    FetchError,
    Interrupted,
    MistakeError,
    ProtocolViolation,
    TimedOut,
    UnsupportedScheme,
)
from ..distrust import Party, causes, explain, find
from .tunnel import refusal

if TYPE_CHECKING:
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
_SAYING_WHY = frozenset({"401", "403", "407", "429", "503"})  # statuses of a proxy, asked for a tunnel
_QUOTED = re.compile(r":? *(bytearray\()?b['\"]")
# what h11 and h2 say when the far end went away, which is no violation: asking again may do
_GONE = ("disconnected", "closed connection", "ConnectionTerminated", "StreamReset", "GOAWAY", "connection closed")


def kinds() -> frozenset[str]:
    """Names of the exceptions that are mapped by name."""
    return frozenset(_KINDS)


def translate(
    error: Exception, url: Url, *, http2: bool = False, proxy: Url | None = None, tunnelled: bool = False
) -> FetchError:
    """Say in our terms what went wrong on the way to ``url``; the caller raises what this gives from the error.

    ``proxy`` is on the way; ``tunnelled``: TLS with it was over, if there was any, and that with the host had begun.
    """
    _unquote(error)
    distrust = find(error)
    if distrust is not None:
        its_own = proxy is not None and proxy.scheme == "https" and not tunnelled
        return explain(distrust, Party(url.host, proxy, is_proxy=its_own), url)
    kind, reason = next((_KINDS[c.__name__] for c in type(error).__mro__ if c.__name__ in _KINDS), (None, ""))
    said = _first_words(error)
    if kind is None:
        kind, reason = (ConnectFailed if isinstance(error, OSError) else Interrupted), type(error).__name__
    if kind is ProtocolViolation and any(mark in said for mark in _GONE):
        kind, reason = Interrupted, "the connection ended early"
    elif kind is MistakeError and http2 and type(error).__name__ == "LocalProtocolError":
        # h2 blames us for using a stream that the far end has just closed
        kind, reason = Interrupted, "the connection ended early"
    elif proxy is not None and type(error).__name__ == "ProxyError" and said[:3] in _SAYING_WHY:
        return refusal(int(said[:3]), [], proxy, url)
    if proxy is not None and type(error).__name__ == "ProxyError" and _unknown_to_socks(proxy, said):
        return refusal(407, [], proxy, url)
    if proxy is not None and kind is ConnectFailed:
        return kind(f"{reason}{f': {said}' if said else ''} (by the proxy `{proxy}`)", url=url)
    return kind(f"{reason}: {said}" if said else reason, url=url)


def _unknown_to_socks(proxy: Url, said: str) -> bool:
    """Tell whether a SOCKS proxy wants to know who we are (RFC 1929), which has no number of its own."""
    return proxy.scheme.startswith("socks") and ("username" in said.lower() or said.startswith("Requested "))


def _first_words(error: BaseException) -> str:
    for cause in causes(error):
        text = str(getattr(cause, "strerror", None) or cause).strip()
        # anyio sums up several addresses; the first address's own reason says more. A cancellation speaks of scopes
        if text and text != "All connection attempts failed" and isinstance(cause, Exception):
            return text.splitlines()[0]
    return ""


def _unquote(error: BaseException) -> None:
    """Drop what h11 quotes of the far end, which may be an echo of our request: it would show in every traceback."""
    for cause in causes(error):
        if len(cause.args) == 1 and isinstance(text := cause.args[0], str) and (quoted := _QUOTED.search(text)):
            cause.args = (text[: quoted.start()],)
