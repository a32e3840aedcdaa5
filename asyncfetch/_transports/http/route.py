"""How one origin is reached, and what requests to it look like: made once, used for every request.

Rules: Host, Connection and what frames a body are ours, whatever the caller's headers say; the credentials of a proxy
go to a proxy that is told the whole URL, and never through a tunnel to the origin. A line end or NUL in target
or headers is refused before a byte is sent: it would be a second request (RFC 9112 section 11.1).
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ..._model.errors import MistakeError

if TYPE_CHECKING:
    from ..._model.url import Url
    from .pool import Shelf

_OURS = frozenset({
    "host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive",
    "proxy-connection", "expect",
})  # fmt: skip
OF_PROXIES = "proxy-authorization"  # the header that no origin may see


class Route:
    """The way to an origin. ``host`` and ``port`` are the origin's, ``secure`` says TLS; ``proxy`` is on the way.

    ``forward``: the proxy is given the whole URL (http, ftp), rather than asked for a tunnel (https).
    """

    __slots__ = (
        "_after",
        "_before",
        "_block",
        "_headers",
        "_ours",
        "forward",
        "host",
        "port",
        "proxy",
        "secure",
        "shelf",
    )

    def __init__(self, url: Url, proxy: Url | None, shelf: Shelf) -> None:
        scheme, self.host, port = url.origin
        self.port = port or 0  # of ftp, which a proxy speaks for us, it says none
        self.secure = scheme == "https"
        self.proxy = proxy
        self.forward = proxy is not None and not self.secure
        self.shelf = shelf
        authority = url.authority
        self._before = f"{scheme}://{authority}" if self.forward else ""
        self._after = f" HTTP/1.1\r\nHost: {authority}\r\n"
        if self.forward and proxy is not None:
            self._after += proxy_authorization(proxy)
        # what requests, or an httpx.Auth, says to a proxy is not for the origin; what we say to it comes first
        self._ours = _OURS if self.forward and not (proxy and proxy.userinfo) else _OURS | {OF_PROXIES}
        self._headers: list[tuple[str, str]] = []
        self._block = ""

    def request(self, method: str, url: Url, headers: list[tuple[str, str]]) -> bytes:
        """Put a request into the bytes that are sent. Raises MistakeError."""
        if headers != self._headers:  # requests to one origin mostly ask alike
            lines = [f"{name}: {value}\r\n" for name, value in headers if name.lower() not in self._ours]
            block = "".join(lines)
            if block.count("\n") != len(lines) or block.count("\r") != len(lines) or "\0" in block:
                raise MistakeError("a header holds a line end or NUL", url=url)
            self._headers, self._block = list(headers), block
        target = url.target
        if not (target.isascii() and target.isprintable() and method.isalpha()) or " " in target:
            raise MistakeError("the request line holds a character that would break it", url=url)
        text = f"{method} {self._before}{target}{self._after}{self._block}\r\n"
        try:
            return text.encode("latin-1")  # RFC 9110 section 5.5: what is not ASCII in a value is opaque
        except UnicodeEncodeError as error:
            raise MistakeError("a header holds a character that HTTP cannot carry", url=url) from error


def proxy_authorization(proxy: Url) -> str:
    """Give the header line with the credentials of a proxy's URL (RFC 7617); empty when it has none."""
    if proxy.userinfo is None:
        return ""
    user, _, password = proxy.userinfo.partition(":")
    secret = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return f"Proxy-Authorization: Basic {b64encode(secret).decode('ascii')}\r\n"


def shelf_name(url: Url, proxy: Url | None) -> str:
    """Name the way to an origin, for the pool: two URLs with the same name can share connections. No secret in it."""
    origin = f"{url.scheme}://{url.authority}"
    if proxy is None:
        return origin
    # the credentials are one client's settings: one proxy, one pair; the connection is the proxy's for plain http
    by = f"{proxy.scheme}://{proxy.authority}"
    return by if url.scheme != "https" else f"{origin} by {by}"
