"""ftp through an HTTP proxy: the proxy fetches the file, and is asked for it as ``GET ftp://host/path``.

That is the absolute form of RFC 9112 section 3.2.2, as squid serves it and curl asks for it.

It takes part in no FTP conversation, so that what a proxy leaves out is not to be had: listings, ftps, and validators
where it names none. A proxy that was stated is never gone around.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..._model.errors import MistakeError, UnsupportedScheme
from .credentials import ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ..._model.exchange import Body, Request, Stat
    from ..._model.ports import Transport
    from ..._model.url import Url
    from .credentials import Login

_HINT = "NO_PROXY, or Proxies(no_proxy=...), names the hosts that are reached directly"


class Gateway:
    """Asks a proxy for what ftp URLs name, over the client's http transport, which ``lend`` gives."""

    def __init__(self, lend: Callable[[str], Awaitable[Transport]], login: Callable[[Url], Login]) -> None:
        self._lend = lend
        self._login = login

    @asynccontextmanager
    async def open(self, request: Request, proxy: Url) -> AsyncIterator[Body]:
        """Open the body that the proxy gives. Raises as the http transport does."""
        transport = await self._transport(request.url, proxy)
        async with transport.open(self._dressed(request)) as body:
            yield body

    async def stat(self, request: Request, proxy: Url) -> Stat:
        """Ask the proxy with HEAD."""
        transport = await self._transport(request.url, proxy)
        return await transport.stat(self._dressed(request))

    def refuse_listing(self, url: Url, proxy: Url) -> None:
        """Raise UnsupportedScheme: what a proxy makes of a folder is a page for people."""
        raise UnsupportedScheme(f"the proxy `{proxy}` lists no folders of ftp", url=url, hint=_HINT)

    async def _transport(self, url: Url, proxy: Url) -> Transport:
        if url.scheme != "ftp" or proxy.scheme not in {"http", "https"}:
            raise MistakeError(
                f"{url.scheme} is not spoken through a {proxy.scheme} proxy, and `{proxy}` is stated for it",
                url=url,
                hint=_HINT,
            )
        return await self._lend("http")

    def _dressed(self, request: Request) -> Request:
        """Give the request with the login as the proxy takes it; the caller's headers are for http sources."""
        login = self._login(request.url)
        if login == ANONYMOUS:
            return replace(request, headers=())
        from base64 import b64encode

        secret = b64encode(f"{login.user}:{login.password}".encode("latin-1")).decode("ascii")
        return replace(request, headers=(("Authorization", f"Basic {secret}"),))
