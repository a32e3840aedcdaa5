"""The ways to an origin: straight, or through a proxy; in the clear, or under TLS, or under TLS in TLS."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, cast

from ..._model.errors import TimedOut
from ..distrust import Party
from .connection import Connection
from .dial import connect
from .outbox import Outbox
from .resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

    from ..._model.url import Url
    from .route import Route
    from .tls import Tls


class Ways:
    """Makes connections on one loop, each within ``patience`` seconds."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: Callable[[], Awaitable[SSLContext]], patience: float | None
    ) -> None:
        self._loop = loop
        self._context = context
        self._patience = patience
        self._resolver = Resolver(loop)
        self._outbox = Outbox(loop)
        self._encrypted: memoryview | None = None

    async def dial(self, route: Route, url: Url) -> Connection:
        """Make a connection along a route.

        Raises ConnectFailed, TimedOut, Untrusted, AccessDenied, Busy, Interrupted and ProtocolViolation.
        """
        try:
            async with asyncio.timeout(self._patience) as scope:
                return await self._dial(route, url)
        except TimeoutError as error:
            if not scope.expired():
                raise
            where = f"the proxy `{route.proxy}`" if route.proxy else f"`{route.host}` port {route.port}"
            raise TimedOut(f"no connection to {where} in {self._patience:g} s", url=url) from error

    async def _dial(self, route: Route, url: Url) -> Connection:
        began = perf_counter()
        proxy = route.proxy
        host, port = (route.host, route.port) if proxy is None else (proxy.host, cast("int", proxy.origin[2]))
        # the ends of TLS come first: what can go wrong in making them goes wrong before there is a socket
        near, far = Party(host, proxy, is_proxy=proxy is not None), Party(route.host, proxy)
        first = await self._end_of_tls(near, url) if (proxy.scheme == "https" if proxy else route.secure) else None
        second = await self._end_of_tls(far, url) if proxy and route.secure else None
        sock = await connect(self._resolver, host, port, url, proxy=proxy)
        connected = perf_counter()
        connection = Connection(self._loop, self._outbox)
        if first is None:
            await self._loop.create_connection(lambda: connection, sock=sock)
        else:
            await self._loop.create_connection(lambda: first, sock=sock)
            await self._secure(first, connection, near, url)
        if second is not None:
            from .tunnel import open_tunnel

            through = await open_tunnel(connection, route, url)
            connection = Connection(self._loop, self._outbox)
            through.set_protocol(second)
            second.connection_made(through)
            await self._secure(second, connection, far, url)
        connection.connect = connected - began
        if first or second:
            connection.tls = perf_counter() - connected
        return connection

    async def _end_of_tls(self, party: Party, url: Url) -> Tls:
        from . import handshake
        from .tls import ENCRYPTED

        if self._encrypted is None:
            self._encrypted = memoryview(bytearray(ENCRYPTED))
        return handshake.begin(self._loop, await self._context(), party, self._encrypted, url)

    async def _secure(self, tls: Tls, connection: Connection, party: Party, url: Url) -> None:
        from .handshake import finish

        await finish(tls, party, url)
        tls.carry(connection)
