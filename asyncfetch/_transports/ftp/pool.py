"""Control connections, kept for the next exchange with the same server as the same user.

Rules: only a connection that rests is kept, at most so many a server, and not longer than servers let one idle. One
that has been kept may be found closed when it is taken up again: that is no failure of the exchange, the next one is
taken, and in the end a new one.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import anyio

from ..._model.errors import Busy, Interrupted
from .control import Control
from .replies import told, within

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import TypeVar

    from ..._model.exchange import Timings
    from ..._model.settings import Settings
    from ..._model.url import Url
    from .credentials import Login

    First = TypeVar("First")

IDLE = 60.0  # seconds a connection is kept; servers close one after 300 (vsftpd, proftpd 600, pure-ftpd 900)
EXPLICIT, IMPLICIT = 21, 990


class _Key(NamedTuple):
    scheme: str
    host: str
    port: int
    login: Login


class Pool:
    """The control connections of one client; ``trusting`` makes its TLS context, once."""

    def __init__(self, settings: Settings, trusting: Callable[[], Awaitable[ssl.SSLContext]]) -> None:
        self._settings = settings
        self._trusting = trusting
        self._idle: dict[_Key, list[Control]] = {}
        self._taken: set[Control] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<Pool taken={len(self._taken)} idle={sum(map(len, self._idle.values()))}>"

    @asynccontextmanager
    async def lend(
        self, url: Url, login: Login, timings: Timings, first: Callable[[Control], Awaitable[First]]
    ) -> AsyncIterator[tuple[Control, First]]:
        """Lend a connection, on which ``first`` has gone well; it comes back if it is usable then, else it is dropped.

        Raises errors of the tree.
        """
        key = self._key(url, login)
        control, found = await self._take(key, url, timings, first)
        try:
            yield control, found
        finally:
            self._give_back(key, control)

    async def aclose(self) -> None:
        """Close the connections that rest, and drop those that do not."""
        self._closed = True
        resting = [control for idle in self._idle.values() for control in idle]
        self._idle.clear()
        for control in list(self._taken):
            control.drop()
        async with anyio.create_task_group() as group:
            for control in resting:
                group.start_soon(control.aclose)

    def _key(self, url: Url, login: Login) -> _Key:
        implicit = url.scheme == "ftps" and self._settings.ftp.tls == "implicit"
        return _Key(url.scheme, url.host, url.port or (IMPLICIT if implicit else EXPLICIT), login)

    async def _take(
        self, key: _Key, url: Url, timings: Timings, first: Callable[[Control], Awaitable[First]]
    ) -> tuple[Control, First]:
        while True:
            control = self._rested(key)
            if control is None:
                control = await self._connect(key, url, timings)
            self._taken.add(control)
            try:
                with told(url):
                    return control, await first(control)
            except BaseException as error:
                self._give_back(key, control)
                if not (control.reused and _closed_meanwhile(error)):
                    raise

    def _rested(self, key: _Key) -> Control | None:
        """Take the connection that rested least, if one is still good."""
        idle = self._idle.get(key, [])
        while idle:
            control = idle.pop()
            if not control.stale() and time.monotonic() - control.idle_since < IDLE:
                return control
            control.drop()
        return None

    def _give_back(self, key: _Key, control: Control) -> None:
        self._taken.discard(control)
        idle = self._idle.setdefault(key, [])
        if control.usable and not self._closed and len(idle) < self._settings.limits.per_host:
            control.reused = True
            control.idle_since = time.monotonic()
            idle.append(control)
        else:
            control.drop()

    async def _connect(self, key: _Key, url: Url, timings: Timings) -> Control:
        timeouts = self._settings.timeouts
        context = await self._trusting() if key.scheme == "ftps" else None
        implicit = context is not None and (self._settings.ftp.tls == "implicit" or key.port == IMPLICIT)
        control = Control(key.host, patience=timeouts.read)
        begun = time.perf_counter()
        try:
            with told(url, connecting=True):
                with within(timeouts.connect, "no connection"):
                    await control.connect(key.port, context if implicit else None)
                timings.connect = time.perf_counter() - begun
                await control.greeting()
            if context is not None and not implicit:
                begun = time.perf_counter()
                with told(url, connecting=True), within(timeouts.connect, "no connection"):
                    await control.secure(context)
                timings.tls = time.perf_counter() - begun
            with told(url):
                await control.log_in(*key.login)
                if context is not None:
                    await control.protect()
        except BaseException:
            control.drop()
            raise
        return control


def _closed_meanwhile(error: BaseException) -> bool:
    """Tell whether an error is how a connection looks that the server closed while it rested."""
    if isinstance(error, Busy):
        return error.status == 421
    return isinstance(error, Interrupted) and isinstance(error.__cause__, ConnectionError)
