"""The wire lane: HTTP/1.1 at the speed of the machine, on asyncio and uvloop.

An Exchanger (`_model.ports`): one request out, one reply in, errors of the tree only. It does not retry, redirect, or
wait for a place; the one thing it does twice is to send a request again on a fresh connection when a kept one turned
out to be closed before a byte of the answer came (RFC 9112 section 9.3.1).
"""

from __future__ import annotations

import asyncio
import os
from time import perf_counter
from typing import TYPE_CHECKING

from ..._model.errors import FetchError, Interrupted, MistakeError
from ..._model.exchange import Timings
from ..proxies import ProxyRoutes
from .pool import Pool
from .reply import WireReply
from .route import Route, shelf_name
from .watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext
    from types import TracebackType

    from ..._model.settings import Settings
    from ..._model.url import Url
    from .connection import Connection
    from .ways import Ways

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # may be sent twice (RFC 9110 section 9.2.2)
_ROUTES_LIMIT = 1024  # origins remembered


class WireLane:
    """Sends requests over connections of its own. ``context`` gives the TLS context, and is asked when TLS begins.

    It belongs to the event loop that uses it first.
    """

    def __init__(self, settings: Settings, context: Callable[[], Awaitable[SSLContext]]) -> None:
        self._settings = settings
        self._context = context
        self._proxy_for = ProxyRoutes(settings.proxies, os.environ if settings.trust_env else {})
        self.pool = Pool()
        self.routes: dict[tuple[str, str, int | None], Route] = {}
        self.loop: asyncio.AbstractEventLoop
        self.watchdog: Watchdog
        self._ways: Ways | None = None

    def send(
        self, method: str, url: Url, headers: list[tuple[str, str]], ready: Callable[[Url], None] | None = None
    ) -> Exchange:
        """Send a request without a body and give the reply once its head is here."""
        return Exchange(self, method, url, headers, ready)

    async def aclose(self) -> None:
        """Close every connection, and wait until all are closed."""
        if self._ways is not None:
            self.watchdog.stop()
            await self.pool.aclose()

    def route(self, url: Url) -> Route:
        """Find the way to a URL's origin, once."""
        proxy = self._proxy_for(url)
        if proxy is not None and proxy.scheme not in ("http", "https"):
            raise MistakeError(f"the wire speaks no SOCKS, and the proxy is `{proxy}`", url=url)
        if len(self.routes) >= _ROUTES_LIMIT:
            self.routes.clear()
            self.pool.forget_empty()
        route = Route(url, proxy, self.pool.shelf(shelf_name(url, proxy)))
        self.routes[url.origin] = route
        return route

    async def dial(self, route: Route, url: Url) -> Connection:
        """Make a connection; it is busy from the start. Raises as `Exchanger.send`."""
        if self._ways is None:
            self.bind()
        assert self._ways is not None
        connection = await self._ways.dial(route, url)
        self.pool.add(route.shelf, connection)
        return connection

    def bind(self) -> None:
        """Become the running loop's; the libraries that only a connection needs are loaded now."""
        from .ways import Ways

        self.loop = asyncio.get_running_loop()
        self.watchdog = Watchdog(self.loop, self.pool, self._settings.timeouts.read)
        self._ways = Ways(self.loop, self._context, self._settings.timeouts.connect)

    def __repr__(self) -> str:
        return f"<WireLane {self.pool!r}>"


class Exchange:
    """One request and its reply, as an async context manager."""

    __slots__ = ("_first_byte", "_fresh", "_headers", "_lane", "_method", "_ready", "_reply", "_url", "connection")

    def __init__(
        self,
        lane: WireLane,
        method: str,
        url: Url,
        headers: list[tuple[str, str]],
        ready: Callable[[Url], None] | None = None,
    ) -> None:
        self._ready = ready
        self._lane = lane
        self._method = method
        self._url = url
        self._headers = headers
        self._reply: WireReply | None = None

    async def __aenter__(self) -> WireReply:
        await self.ask()
        return self.reply()

    async def ask(self) -> Connection:
        """Send the request; gives the connection, on which the head of the answer is here. To be left then."""
        lane, url, method = self._lane, self._url, self._method
        route = lane.routes.get(url.origin) or lane.route(url)
        request = route.request(method, url, self._headers)
        connection = lane.pool.take(route.shelf, lane.loop.time()) if route.shelf.idle else None
        fresh = connection is None
        while True:
            if connection is None:
                connection = await lane.dial(route, url)
            if not lane.watchdog.awake:
                lane.watchdog.wake()
            began = perf_counter()
            try:
                if self._ready is not None:
                    self._ready(url)
                if connection.usable:
                    await connection.ask(request, url, bodiless=method == "HEAD")
            except BaseException:
                connection.drop()
                lane.pool.give(connection, lane.loop.time())
                raise
            head = connection.head
            if connection.error is None and head is not None:
                break
            lane.pool.give(connection, lane.loop.time())
            if fresh or connection.answered or not (method in _SAFE or connection.silent):
                raise connection.error or Interrupted("the far end closed the connection before our request", url=url)
            fresh, connection = True, None
        self.connection = connection
        self._fresh, self._first_byte = fresh, perf_counter() - began
        if head.status == 407 and route.forward:
            self.leave()
            raise _refused_by(route, url)
        return connection

    def reply(self) -> WireReply:
        """Give the reply that was asked for."""
        connection = self.connection
        assert connection.head is not None
        self._reply = WireReply(connection, connection.head, self.timings())
        return self._reply

    def timings(self) -> Timings:
        """Tell what connecting, TLS and waiting for the head took."""
        connection = self.connection
        if self._fresh:
            return Timings(0.0, connection.connect, connection.tls, self._first_byte)
        return Timings(first_byte=self._first_byte)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Let go of the connection: it serves the next request if nothing of this one is left."""
        connection = self.connection
        if self._reply is not None:
            self._reply.close()
        if not connection.complete and not connection.skim():
            connection.drop()
        self._lane.pool.give(connection, self._lane.loop.time())


def _refused_by(route: Route, url: Url) -> FetchError:
    from .tunnel import refusal

    assert route.proxy is not None
    return refusal(407, [], route.proxy, url)
