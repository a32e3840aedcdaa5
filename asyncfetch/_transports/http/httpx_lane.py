"""The httpx lane: HTTP/2, SOCKS proxies and trio, on httpx's own transport.

Not on its AsyncClient: redirects, credentials, cookies and retries are decided elsewhere, and cost 100 us a request.
The pool never queues (an unlimited number of connections, no pool timeout), because the client's gates did already,
and a queue of httpcore's fails at 2000 waiting requests.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Lock, to_thread

from ..._model.errors import Interrupted, MistakeError, ProtocolViolation
from ..._model.exchange import Reply, Timings
from ..._policy.fields import length
from . import _httpx
from .httpx_errors import translate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from ssl import SSLContext
    from types import TracebackType

    from ..._model.settings import Settings
    from ..._model.url import Url

_log = logging.getLogger("asyncfetch")
_BODILESS = frozenset({204, 304})
_IDLE = 30.0  # seconds an unused connection is kept; many servers close theirs after 60


class HttpxLane:
    """An Exchanger on httpx. ``context`` gives the client's TLS context, ``proxy_for`` the proxy to a URL, if any."""

    def __init__(
        self,
        settings: Settings,
        context: Callable[[], Awaitable[SSLContext]],
        proxy_for: Callable[[Url], Url | None],
    ) -> None:
        self.http2 = settings.http2
        self._settings = settings
        self._context = context
        self._proxy_for = proxy_for
        self._transports: dict[Url | None, Any] = {}
        self._making = Lock()
        patience = settings.timeouts
        # httpcore's own form; there is no wait for the pool
        self._timeouts = {"connect": patience.connect, "read": patience.read, "write": patience.read, "pool": None}

    def send(self, method: str, url: Url, headers: list[tuple[str, str]]) -> AbstractAsyncContextManager[Reply]:
        """Send a request without a body and give the reply once its head is here."""
        return _Exchange(self, method, url, headers)

    async def aclose(self) -> None:
        """Close every connection."""
        transports, self._transports = list(self._transports.values()), {}
        with CancelScope(shield=True):
            for transport in transports:
                await transport.aclose()

    async def open(self, method: str, url: Url, headers: list[tuple[str, str]], timings: Timings) -> Any:
        """Make the exchange on httpx's transport and give its response. Raises errors of the tree."""
        proxy = self._proxy_for(url)
        transport = self._transports.get(proxy) or await self._transport(proxy)
        try:
            return await transport.handle_async_request(self._request(method, url, headers, timings))
        except Exception as error:
            raise translate(error, url, http2=self.http2) from error

    def _request(self, method: str, url: Url, headers: list[tuple[str, str]], timings: Timings) -> Any:
        lines = [(b"Host", url.authority.encode("ascii"))]
        lines += [(name.encode("ascii"), _encoded(value)) for name, value in headers]
        request = _httpx.load().Request(
            method,
            f"{url.scheme}://{url.authority}/",
            headers=lines,
            extensions={"timeout": self._timeouts, "trace": _tracer(timings)},
        )
        request.url = _ExactUrl(url)
        return request

    async def _transport(self, proxy: Url | None) -> Any:
        async with self._making:
            if proxy not in self._transports:
                context = await self._context()
                self._transports[proxy] = await to_thread.run_sync(self._make, proxy, context)
            return self._transports[proxy]

    def _make(self, proxy: Url | None, context: SSLContext) -> Any:
        httpx = _httpx.load()
        way = None
        if proxy is not None:
            tls = context if proxy.scheme == "https" else None
            way = httpx.Proxy(proxy.reveal(), ssl_context=tls)
        try:
            return httpx.AsyncHTTPTransport(
                verify=context,
                trust_env=False,
                http2=self.http2,
                limits=httpx.Limits(
                    max_connections=None,
                    max_keepalive_connections=self._settings.limits.total,
                    keepalive_expiry=_IDLE,
                ),
                proxy=way,
            )
        except ImportError as error:
            needs = "httpx[http2]" if self.http2 and "http2" in str(error) else "socksio"
            raise MistakeError(str(error), hint=f"install {needs}") from error


class _ExactUrl:
    """What httpx's transport reads of a URL. httpx.URL would resolve dot segments; the target goes out as written."""

    __slots__ = ("port", "raw_host", "raw_path", "raw_scheme")

    def __init__(self, url: Url) -> None:
        self.raw_scheme = url.scheme.encode("ascii")
        self.raw_host = url.host.encode("ascii")
        self.port = url.port
        self.raw_path = url.target.encode("ascii")


class _Exchange:
    """One request and its reply, as a context."""

    __slots__ = ("_asked", "_lane", "_reply")

    def __init__(self, lane: HttpxLane, method: str, url: Url, headers: list[tuple[str, str]]) -> None:
        self._lane = lane
        self._asked = method, url, headers
        self._reply: HttpxReply | None = None

    async def __aenter__(self) -> Reply:
        method, url, headers = self._asked
        timings, began = Timings(), perf_counter()
        response = await self._lane.open(method, url, headers, timings)
        timings.first_byte = max(0.0, perf_counter() - began - timings.connect - timings.tls)
        self._reply = HttpxReply(response, url, method, timings, http2=self._lane.http2)
        return self._reply

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reply is not None:
            await self._reply.aclose()


class HttpxReply(Reply):
    """A response of httpx's transport. A fill gives what one read of the connection brought: nothing waits to land."""

    def __init__(self, response: Any, url: Url, method: str, timings: Timings, *, http2: bool) -> None:
        self.status = response.status_code
        self.headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1").strip()) for name, value in response.headers.raw
        ]
        self.timings = timings
        self._url = url
        self._http2 = http2
        self._stream = response.stream
        self._parts: AsyncGenerator[bytes, None] = aiter(response.stream)
        self._begun = self._over = False  # the generator has been started, has run to its end
        self._rest = memoryview(b"")
        self._arrived = 0
        if method == "HEAD" or self.status in _BODILESS:
            self.length = 0
        elif self.header("transfer-encoding") is None:
            self.length = length(self.header("content-length"))

    async def fill(self, into: memoryview) -> int:
        """Put the next bytes into the buffer; see `Stream.fill`."""
        while not self._rest and not self._over:
            began = perf_counter()
            try:
                part = await self._next()
            except Exception as error:
                raise translate(error, self._url, http2=self._http2) from error
            finally:
                self.timings.body += perf_counter() - began
            self._rest = memoryview(self._checked(part))
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def aclose(self) -> None:
        """Give the connection back when the body is over, else drop it; also when cancelled."""
        with CancelScope(shield=True):
            try:
                if self._arrived == self.length and not self._http2:
                    await self._next()  # nothing is read for it, and without it httpcore takes the body for unfinished
                await self._stream.aclose()
                # httpx leaves generators within generators behind, which end only when what they read has ended
                while self._begun and not self._over:
                    await self._next()
            except Exception as error:  # noqa: BLE001 - a connection that cannot be closed in order is closed anyhow
                _log.debug("closing a connection to %s: %s", self._url, type(error).__name__)

    async def _next(self) -> bytes | None:
        """Give the next part, None at the end."""
        if self._over:
            return None
        self._begun = True
        try:
            part = await anext(self._parts, None)
        except BaseException:
            self._over = True
            raise
        self._over = part is None
        return part

    def _checked(self, part: bytes | None) -> bytes:
        """Hold the body to its length, which HTTP/2 carries for our information only."""
        self._arrived += len(part or b"")
        if self.length is not None:
            if self._arrived > self.length:
                raise ProtocolViolation(f"more than the {self.length} bytes declared", url=self._url)
            if part is None and self._arrived < self.length:
                raise Interrupted(f"the body ended after {self._arrived} of {self.length} bytes", url=self._url)
        return part or b""


def _encoded(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")


def _tracer(timings: Timings) -> Callable[[str, Any], Awaitable[None]]:
    """Give the callback by which httpcore tells when it connects and starts TLS."""
    began: dict[str, float] = {}
    phases = {"connect_tcp": "connect", "connect_socks5": "connect", "start_tls": "tls"}

    async def trace(name: str, _info: object) -> None:
        _, _, event = name.partition(".")
        what, _, when = event.rpartition(".")
        phase = phases.get(what)
        if phase is None:
            return
        if when == "started":
            began[what] = perf_counter()
        else:
            setattr(timings, phase, getattr(timings, phase) + perf_counter() - began.pop(what, perf_counter()))

    return trace
