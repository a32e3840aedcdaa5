"""Our errors in the terms of httpx, for programs that catch those: the way back of ``_transports/http/httpx_errors``.

Rules: the class is of the httpx whose request it was (httpx or httpx2). What was under way decides where our error is
wider than theirs: a connection that ends is a ConnectError while it is made, a RemoteProtocolError when the far end
closed it in an answer, a ReadError when it broke.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._model.errors import (
    AccessDenied,
    Busy,
    ConnectFailed,
    FetchError,
    Interrupted,
    MistakeError,
    ProtocolViolation,
    TimedOut,
    TooLarge,
    UnsupportedScheme,
    Untrusted,
)

if TYPE_CHECKING:
    from types import ModuleType

DIALING, READING = "dialing", "reading"

# the first that fits; TransportError is what httpx itself has for the rest
_KINDS: tuple[tuple[type[FetchError], dict[str, str]], ...] = (
    (TimedOut, {DIALING: "ConnectTimeout", READING: "ReadTimeout"}),
    (ConnectFailed, {DIALING: "ConnectError", READING: "ConnectError"}),
    (Untrusted, {DIALING: "ConnectError", READING: "ConnectError"}),
    (AccessDenied, {DIALING: "ProxyError", READING: "ProxyError"}),
    (Busy, {DIALING: "ProxyError", READING: "ProxyError"}),
    (Interrupted, {DIALING: "ConnectError", READING: "RemoteProtocolError"}),
    (ProtocolViolation, {DIALING: "RemoteProtocolError", READING: "RemoteProtocolError"}),
    (TooLarge, {DIALING: "RemoteProtocolError", READING: "RemoteProtocolError"}),
    (UnsupportedScheme, {DIALING: "UnsupportedProtocol", READING: "UnsupportedProtocol"}),
    (MistakeError, {DIALING: "LocalProtocolError", READING: "LocalProtocolError"}),
    (FetchError, {DIALING: "TransportError", READING: "TransportError"}),
)


def as_httpx(error: FetchError, family: ModuleType, request: Any, *, during: str) -> Exception:
    """Give the exception that httpx would raise; the caller raises it from ``error``."""
    name = next(names[during] for kind, names in _KINDS if isinstance(error, kind))
    if name == "RemoteProtocolError" and isinstance(error.__cause__, ConnectionError):
        name = "ReadError"
    made: Exception = getattr(family, name)(str(error), request=request)
    return made
