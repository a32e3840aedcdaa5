"""ftp, ftps: control connections by aioftp, kept; bytes from the data connection straight to the reader.

aioftp is for asyncio alone: for callers on trio, the same transport runs behind a `Portal`.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from ..portal import Portal
from .transport import AsyncioFtpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping
    from contextlib import AbstractAsyncContextManager
    from typing import Any

    from ..._model.exchange import Body, Entry, Request, Stat
    from ..._model.ports import Transport
    from ..._model.settings import Settings
    from ..._model.url import Url


class FtpTransport:
    """Serves ftp and ftps. ``auth`` maps URL prefixes to (user, password); ``lend`` is not needed here."""

    def __init__(
        self,
        settings: Settings,
        *,
        auth: Mapping[str, Any] | None = None,
        lend: object = None,  # noqa: ARG002 - every transport is made alike
    ) -> None:
        self._direct = AsyncioFtpTransport(settings, auth)
        self._portal: Portal | None = None

    def __repr__(self) -> str:
        return f"<FtpTransport {self._direct!r}{'' if self._portal is None else ' behind a portal'}>"

    def open(self, request: Request) -> AbstractAsyncContextManager[Body]:
        """Make one exchange. Raises errors of the tree."""
        return self._way().open(request)

    async def stat(self, request: Request) -> Stat:
        """Tell size, time and validator. Raises errors of the tree."""
        return await self._way().stat(request)

    async def list(self, url: Url) -> AsyncIterator[Entry]:
        """List a folder, in the order of the server. Raises errors of the tree."""
        async with aclosing(cast("AsyncGenerator[Entry]", self._way().list(url))) as entries:
            async for entry in entries:
                yield entry

    async def aclose(self) -> None:
        """Close every connection."""
        await (self._direct if self._portal is None else self._portal).aclose()

    def _way(self) -> Transport:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self._portal is None:
                self._portal = Portal(lambda: self._direct)
            return self._portal
        return self._direct
