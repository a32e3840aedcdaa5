"""ftp, ftps: control connections by aioftp, kept; bytes from the data connection straight to the reader.

aioftp is for asyncio alone: for callers on trio, the same transport runs behind a `Portal`. Where a proxy is stated for
ftp it is asked instead (`gateway`).
"""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from ..._model.errors import MistakeError
from ..._signal import on_asyncio
from ..portal import Portal
from ..proxies import ProxyRoutes
from .gateway import Gateway
from .transport import AsyncioFtpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from ..._model.exchange import Body, Entry, Request, Stat
    from ..._model.ports import Transport
    from ..._model.settings import Settings
    from ..._model.url import Url


class FtpTransport:
    """Serves ftp and ftps. ``auth`` maps URL prefixes to (user, password); ``lend`` gives what proxies are asked by."""

    def __init__(
        self,
        settings: Settings,
        *,
        auth: Mapping[str, Any] | None = None,
        lend: Callable[[str], Awaitable[Transport]] | None = None,
    ) -> None:
        self._proxies = ProxyRoutes(settings.proxies, os.environ if settings.trust_env else {})
        self._lend = lend
        self._direct = AsyncioFtpTransport(settings, auth)
        self._portal: Portal | None = None

    def __repr__(self) -> str:
        return f"<FtpTransport {self._direct!r}{'' if self._portal is None else ' behind a portal'}>"

    def open(self, request: Request) -> AbstractAsyncContextManager[Body]:
        """Make one exchange. Raises errors of the tree."""
        proxy = self._proxies(request.url)
        return self._way().open(request) if proxy is None else self._gateway(request.url).open(request, proxy)

    async def stat(self, request: Request) -> Stat:
        """Tell size, time and validator. Raises errors of the tree."""
        proxy = self._proxies(request.url)
        return await (self._way().stat(request) if proxy is None else self._gateway(request.url).stat(request, proxy))

    async def list(self, url: Url) -> AsyncIterator[Entry]:
        """List a folder, in the order of the server. Raises errors of the tree."""
        if (proxy := self._proxies(url)) is not None:
            self._gateway(url).refuse_listing(url, proxy)
        async with aclosing(cast("AsyncGenerator[Entry]", self._way().list(url))) as entries:
            async for entry in entries:
                yield entry

    async def aclose(self) -> None:
        """Close every connection."""
        await (self._direct if self._portal is None else self._portal).aclose()

    def _gateway(self, url: Url) -> Gateway:
        if self._lend is None or not on_asyncio():
            raise MistakeError("ftp is asked of a proxy on asyncio alone, and not without a client", url=url)
        return Gateway(self._lend, self._direct.login)

    def _way(self) -> Transport:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self._portal is None:
                self._portal = Portal(lambda: self._direct)
            return self._portal
        return self._direct
