"""Our wire as a transport of httpx: ``httpx.AsyncClient(transport=Transport())``, and nothing else changes.

>>> import httpx
>>> from asyncfetch.integrations.httpx import Transport
>>> async def main():
...     async with httpx.AsyncClient(transport=Transport(), follow_redirects=True) as client:
...         response = await client.get("https://h.example/")

Redirects, authentication, cookies and decoding stay httpx's, and so do its exceptions. Rules:

* Requests without a body go over the wire lane, on asyncio and uvloop. What it does not do goes through httpx's own
  transport, which is made when it is first needed: request bodies, HTTP/2, SOCKS proxies, trio, a Host that is not the
  URL's, upgrades, and the extensions ``trace``, ``sni_hostname`` and ``target``.
* TLS, proxies and the environment are as ``settings`` say (`Settings.trust`, `Settings.proxies`, `trust_env`): httpx
  applies its own ``verify`` and ``proxy`` only to transports that it makes. Time limits are those of each request.
* It takes the requests of httpx and of httpx2, and answers each in its own classes.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from .._model.errors import FetchError, InvalidUrl, MistakeError, TimedOut
from .._model.exchange import CHUNK
from .._model.settings import Settings, Timeouts
from .._model.url import Url
from .._prompt import fill_promptly
from .._signal import on_asyncio
from .._transports.http.lanes import WIRE, pick
from .._transports.http.wire import Exchange, WireLane
from .._transports.proxies import ProxyRoutes
from ._httpx_errors import DIALING, READING, as_httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ssl import SSLContext
    from types import ModuleType

    from httpx import AsyncBaseTransport

    from .._model.exchange import Reply
    from .._transports.http.connection import Connection
    from .._transports.http.route import Route
else:
    # the class of httpx where there is one; httpx2, which is its continuation, does not look at it
    AsyncBaseTransport = import_module("httpx" if find_spec("httpx") else "httpx2").AsyncBaseTransport

__all__ = ["Transport"]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})
# headers that say what the wire does not do
_ELSEWHERE = ("content-length", "transfer-encoding", "upgrade", "expect", "te")
_KNOWN = frozenset({"timeout"})  # extensions of a request


class Transport(AsyncBaseTransport):
    """An ``httpx.AsyncBaseTransport`` on our own HTTP/1.1; ``settings`` as for ``asyncfetch.Client``.

    Raises httpx's exceptions: ConnectError, ConnectTimeout, ReadError, ReadTimeout, RemoteProtocolError, ProxyError...,
    each with ours as its cause. It belongs to the event loop that uses it first.
    """

    def __init__(self, settings: Settings = Settings()) -> None:
        if settings.trust.verify is False:
            warnings.warn("asyncfetch does not verify certificates (Trust.verify is False)", stacklevel=2)
        self._settings = settings
        self._proxy_for = ProxyRoutes(settings.proxies, os.environ if settings.trust_env else {})
        # the limits come with each request
        untimed = replace(settings, timeouts=Timeouts(connect=None, read=None, stall=None))
        self._lane = WireLane(untimed, self._tls)
        self._others: dict[tuple[str, Url | None], Any] = {}
        self._context: SSLContext | None = None
        self._making = anyio.Lock()

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request and give its response; see httpx."""
        family = import_module(type(request).__module__.partition(".")[0])
        try:
            url = self._url(request)
            proxy = None if url is None else self._proxy_for(url)
            if url is None or self._wants_another(request, url, proxy):
                other = await self._other(family, proxy)
                return await other.handle_async_request(request)
        except FetchError as error:
            raise as_httpx(error, family, request, during=DIALING) from error
        limits = request.extensions.get("timeout") or {}
        asking = _Asking(self._lane, limits.get("connect"), limits.get("read"))
        try:
            exchange = Exchange(asking, request.method, url, _headers(request))  # type: ignore[arg-type]  # it looks like a lane
            reply = await asking.head(exchange, url)
        except FetchError as error:
            raise as_httpx(error, family, request, during=asking.during) from error
        return family.Response(
            reply.status,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers],
            stream=_stream_class(family)(exchange, reply, request, limits.get("read")),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Close every connection."""
        others, self._others = list(self._others.values()), {}
        await self._lane.aclose()
        for other in others:
            await other.aclose()

    def __repr__(self) -> str:
        return f"<Transport {self._lane.pool!r}>"

    def _url(self, request: Any) -> Url | None:
        """Give the URL; None if we would not send the very target that httpx would."""
        theirs = request.url
        host = theirs.raw_host.decode("ascii")
        place = f"[{host}]" if ":" in host else host
        port = "" if theirs.port is None else f":{theirs.port}"
        try:
            url = Url(f"{theirs.scheme}://{place}{port}{theirs.raw_path.decode('ascii')}")
        except InvalidUrl:
            return None
        return url if url.target.encode() == theirs.raw_path else None

    def _wants_another(self, request: Any, url: Url, proxy: Url | None) -> bool:
        """Whether it takes httpx's own transport."""
        if url.scheme not in {"http", "https"} or request.method not in _BODILESS:
            return True
        headers = request.headers
        if any(name in headers for name in _ELSEWHERE) or request.extensions.keys() - _KNOWN:
            return True
        if headers.get("host", url.authority) != url.authority:
            return True
        return pick(url, proxy, http2=self._settings.http2, library="asyncio" if on_asyncio() else "trio") != WIRE

    async def _other(self, family: ModuleType, proxy: Url | None) -> Any:
        """Give httpx's own transport for a way that the wire does not go."""
        key = family.__name__, proxy
        if key not in self._others:
            context = await self._tls()
            way = None if proxy is None else family.Proxy(proxy.reveal(), ssl_context=_tls_to(proxy, context))
            try:
                self._others[key] = family.AsyncHTTPTransport(
                    verify=context, trust_env=False, http2=self._settings.http2, proxy=way
                )
            except ImportError as error:
                raise MistakeError(str(error), hint="install what httpx asks for") from error
        return self._others[key]

    async def _tls(self) -> SSLContext:
        """Give the TLS context, made in a thread when it is first needed."""
        async with self._making:
            if self._context is None:
                from .._transports.trust import tls_context

                trust, trust_env = self._settings.trust, self._settings.trust_env
                self._context = await anyio.to_thread.run_sync(lambda: tls_context(trust, trust_env=trust_env))
            return self._context


class _Asking:
    """The lane as one request sees it: to connect and to wait for the answer are limited apart, as httpx has it."""

    def __init__(self, lane: WireLane, connect: float | None, read: float | None) -> None:
        self._lane = lane
        self._connect = connect
        self._read = read
        self._scope: asyncio.Timeout
        self.during = READING

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lane, name)

    async def dial(self, route: Route, url: Url) -> Connection:
        """Make a connection, with its own limit in place of the answer's."""
        self._scope.reschedule(None)
        self.during = DIALING
        try:
            async with asyncio.timeout(self._connect):
                connection = await self._lane.dial(route, url)
        except TimeoutError as error:
            if isinstance(error, FetchError):
                raise
            raise TimedOut(f"no connection in {self._connect:g} s", url=url) from error
        self.during = READING
        if self._read is not None:
            self._scope.reschedule(asyncio.get_running_loop().time() + self._read)
        return connection

    async def head(self, exchange: Exchange, url: Url) -> Reply:
        """Ask, and wait for the head of the answer."""
        try:
            async with asyncio.timeout(self._read) as self._scope:
                return await exchange.__aenter__()
        except TimeoutError as error:
            if isinstance(error, FetchError):
                raise
            raise TimedOut(f"no answer in {self._read:g} s", url=url) from error


class _Body:
    """The body of a response, as httpx reads it."""

    def __init__(self, exchange: Exchange, reply: Reply, request: Any, patience: float | None) -> None:
        self._exchange: Exchange | None = exchange
        self._reply = reply
        self._request = request
        self._patience = patience

    async def __aiter__(self) -> AsyncIterator[bytes]:
        view = memoryview(bytearray(min(CHUNK, self._reply.length or CHUNK)))
        while count := await self._fill(view):
            yield bytes(view[:count])

    async def _fill(self, view: memoryview) -> int:
        try:
            async with asyncio.timeout(self._patience):
                return await fill_promptly(self._reply, view)
        except (FetchError, TimeoutError) as error:
            ours = error
            if not isinstance(ours, FetchError):
                ours = TimedOut(f"not a byte more in {self._patience:g} s", url=self._request.url)
            family = import_module(type(self._request).__module__.partition(".")[0])
            raise as_httpx(ours, family, self._request, during=READING) from error

    async def aclose(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.__aexit__(None, None, None)


@cache
def _stream_class(family: ModuleType) -> Any:
    """Make our body a stream of that httpx, which looks at its class."""
    return type("Body", (_Body, family.AsyncByteStream), {})


def _headers(request: Any) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]


def _tls_to(proxy: Url, context: SSLContext) -> SSLContext | None:
    return context if proxy.scheme == "https" else None
