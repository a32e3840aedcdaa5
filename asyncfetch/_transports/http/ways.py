"""The ways to an origin: straight, or through a proxy; in the clear, or under TLS."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..._model.errors import TimedOut
from .connection import Connection
from .dial import connect
from .resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

    from ..._model.url import Url
    from .route import Route


class Ways:
    """Makes connections on one loop, each within ``patience`` seconds."""

    __slots__ = ("_context", "_loop", "_patience", "_resolver")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, context: Callable[[], Awaitable[SSLContext]], patience: float | None
    ) -> None:
        self._loop = loop
        self._context = context
        self._patience = patience
        self._resolver = Resolver(loop)

    async def dial(self, route: Route, url: Url) -> Connection:
        """Make a connection along a route. Raises ConnectFailed, TimedOut, Untrusted, AccessDenied, Busy."""
        try:
            async with asyncio.timeout(self._patience) as scope:
                return await self._dial(route, url)
        except TimeoutError as error:
            if not scope.expired():
                raise
            where = route.proxy or f"{route.host}:{route.port}"
            raise TimedOut(f"no connection to `{where}` in {self._patience:g} s", url=url) from error

    async def _dial(self, route: Route, url: Url) -> Connection:
        began = self._loop.time()
        sock = await connect(self._resolver, route.host, route.port, url)
        connection = Connection(self._loop)
        await self._loop.create_connection(lambda: connection, sock=sock)
        connection.connect = self._loop.time() - began
        return connection
