"""The httpx lane: HTTP/2, SOCKS proxies and trio, on httpx's own transport.

Not on its AsyncClient: redirects, credentials, cookies and retries are decided elsewhere, and cost 100 us a request.
The pool never queues (an unlimited number of connections, no pool timeout), because the client's gates did already,
and a queue of httpcore's fails at 2000 waiting requests.
"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, Lock, fail_after, to_thread

from ..._model.errors import FetchError, MistakeError, TooLarge
from ..quiet import hush, quietly
from ..trust import certificate_name
from . import _httpx
from .head import HEAD_LIMIT, HEADERS_LIMIT
from .httpx_errors import translate
from .httpx_reply import HttpxReply, Trace
from .route import OF_PROXIES
from .tunnel import refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from ssl import SSLContext
    from types import TracebackType

    from ..._model.exchange import Reply
    from ..._model.settings import Settings
    from ..._model.url import Url

_FORWARDING = frozenset({"http", "https"})  # proxies that are told the URL where it is plain http
_LOGGING = ("httpcore", "httpcore2", "h2", "hpack")
_IDLE = 30.0  # seconds an unused connection is kept; many servers close theirs after 60


class HttpxLane:
    """An Exchanger on httpx. ``context`` gives the client's TLS context, ``proxy_for`` the proxy to a URL, if any."""

    def __init__(
        self,
        settings: Settings,
        context: Callable[[], Awaitable[SSLContext]],
        proxy_for: Callable[[Url], Url | None],
    ) -> None:
        self._settings = settings
        self._context = context
        self._proxy_for = proxy_for
        self._transports: dict[Url | None, Any] = {}
        self._making = Lock()
        patience = settings.timeouts
        # httpcore's own form; there is no wait for the pool
        self._timeouts = {"connect": patience.connect, "read": patience.read, "write": patience.read, "pool": None}

    def send(
        self, method: str, url: Url, headers: list[tuple[str, str]], ready: Callable[[Url], None] | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        """Send a request without a body and give the reply once its head is here."""
        return _Exchange(self, method, url, headers, ready)

    async def aclose(self) -> None:
        """Close every connection."""
        transports, self._transports = list(self._transports.values()), {}
        with CancelScope(shield=True):
            for transport in transports:
                await transport.aclose()

    async def open(self, method: str, url: Url, headers: list[tuple[str, str]], trace: Trace) -> Any:
        """Make the exchange on httpx's transport and give its response. Raises errors of the tree."""
        proxy = self._proxy_for(url)
        transport = self._transports.get(proxy) or await self._transport(proxy)
        try:
            with fail_after(self._patience), quietly():
                response = await transport.handle_async_request(self._request(method, url, headers, trace))
        except FetchError:  # of the trace: it is not to be sent now
            raise
        except Exception as error:
            raise translate(error, url, http2=trace.http2, proxy=proxy, tunnelled=trace.tunnelled) from error
        except BaseException:
            if trace.http2:
                await self.abandon(url)
            raise
        raw = response.headers.raw
        if len(raw) > HEADERS_LIMIT or sum(len(name) + len(value) + 4 for name, value in raw) > HEAD_LIMIT:
            await response.stream.aclose()
            if trace.http2:
                await self.abandon(url)
            raise TooLarge(f"the head of the answer has more than {HEADERS_LIMIT} lines or {HEAD_LIMIT} bytes", url=url)
        # beyond a tunnel it would be the host's own word
        if response.status_code == 407 and proxy is not None and url.scheme == "http" and proxy.scheme in _FORWARDING:
            await response.stream.aclose()
            raise refusal(407, [], proxy, url)
        return response

    async def abandon(self, url: Url) -> None:
        """Close the HTTP/2 connection to an origin, because an exchange on it ended before its body did.

        httpcore does not reset such a stream, whose bytes then use up the window of the whole connection: all others
        would hang (encode/httpcore issue 943). They are interrupted instead, and go on over a new connection.
        """
        pool = getattr(self._transports.get(self._proxy_for(url)), "_pool", None)
        scheme, host, port = url.origin
        ours = f"{f'{scheme}://{host}:{port}'!r}, HTTP/2"
        with CancelScope(shield=True):
            for connection in [] if pool is None else pool.connections:
                if connection.info().startswith(ours):
                    await connection.aclose()

    @property
    def _patience(self) -> float | None:
        """Bound the whole way to the end of a head: to httpcore 1.0.9 each byte that trickles is a new beginning.

        It also waits for the words of a SOCKS proxy for ever.
        """
        patience = self._settings.timeouts
        if patience.connect is None or patience.read is None:
            return None
        return patience.connect + patience.read

    def _request(self, method: str, url: Url, headers: list[tuple[str, str]], trace: Trace) -> Any:
        lines = [(b"Host", url.authority.encode("ascii"))]
        lines += [(name.encode("ascii"), _encoded(value)) for name, value in headers if name.lower() != OF_PROXIES]
        request = _httpx.load().Request(
            method,
            f"{url.scheme}://{url.authority}/",
            headers=lines,
            extensions={"timeout": self._timeouts, "trace": trace, "sni_hostname": certificate_name(url.host)},
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
            made = httpx.AsyncHTTPTransport(
                verify=context,
                trust_env=False,
                http2=self._settings.http2,
                limits=httpx.Limits(
                    max_connections=None,
                    max_keepalive_connections=self._settings.limits.total,
                    keepalive_expiry=_IDLE,
                ),
                proxy=way,
            )
            hush(*_LOGGING)
            return made
        except ImportError as error:
            needs = "asyncfetch[http2]" if self._settings.http2 and "http2" in str(error) else "asyncfetch[socks]"
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

    __slots__ = ("_asked", "_lane", "_ready", "_reply")

    def __init__(
        self,
        lane: HttpxLane,
        method: str,
        url: Url,
        headers: list[tuple[str, str]],
        ready: Callable[[Url], None] | None,
    ) -> None:
        self._ready = None if ready is None else partial(ready, url)
        self._lane = lane
        self._asked = method, url, headers
        self._reply: HttpxReply | None = None

    async def __aenter__(self) -> Reply:
        method, url, headers = self._asked
        trace, began = Trace(self._ready), perf_counter()
        response = await self._lane.open(method, url, headers, trace)
        timings = trace.timings
        timings.first_byte = max(0.0, perf_counter() - began - timings.connect - timings.tls)
        self._reply = HttpxReply(response, url, method, timings)
        return self._reply

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reply = self._reply
        if reply is None:
            return
        with CancelScope(shield=True):
            if not await reply.leave() and reply.http2:
                await self._lane.abandon(self._asked[1])
            await reply.finish()


def _encoded(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape")
