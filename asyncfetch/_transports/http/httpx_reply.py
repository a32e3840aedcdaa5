"""What httpx's transport gives, as a Reply: its body in whatever parts it comes, held to its length."""

from __future__ import annotations

import logging
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from anyio import CancelScope, move_on_after

from ..._model.errors import Interrupted, ProtocolViolation
from ..._model.exchange import Reply, Timings
from ..._policy.fields import length
from ..quiet import quietly
from .httpx_errors import translate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from ..._model.url import Url

_log = logging.getLogger("asyncfetch")
_BODILESS = frozenset({204, 304})
_END_TIME = 0.25  # seconds the end of an HTTP/2 stream may take once its bytes are here
_PHASES = {"connect_tcp": "connect", "setup_socks5_connection": "connect", "start_tls": "tls"}


class Trace:
    """What httpcore calls to tell how far a request is: it keeps the times, and whether it went out over HTTP/2.

    It also closes what httpcore leaves open: the stream to a SOCKS proxy that said no, or not enough, and on trio that
    of a handshake which is cancelled (1.0.9: ``except Exception``).
    """

    def __init__(self, ready: Callable[[], None] | None = None) -> None:
        self.timings = Timings()
        self.http2 = False
        self.tunnelled = False  # TLS with the host, beyond a proxy, has begun
        self._ready = ready  # asked right before the request is written
        self._began = 0.0
        self._stream: Any = None

    async def __call__(self, name: str, info: dict[str, Any]) -> None:
        """Take one event."""
        who, _, event = name.partition(".")
        what, _, when = event.rpartition(".")
        if what == "send_request_headers" and who.startswith("http"):
            self.http2 = self.http2 or who == "http2"
            if when == "started" and self._ready is not None:
                self._ready()
        self.tunnelled = self.tunnelled or (who in {"proxy", "socks"} and what == "start_tls")
        phase = _PHASES.get(what)
        if phase is None:
            return
        if when == "started":
            self._began = perf_counter()
            self._stream = None if what == "connect_tcp" else info.get("stream", self._stream)
            return
        if what == "connect_tcp":
            self._stream = info.get("return_value")
        setattr(self.timings, phase, getattr(self.timings, phase) + perf_counter() - self._began)
        if when == "failed" and self._stream is not None:
            with CancelScope(shield=True):
                await self._stream.aclose()


class HttpxReply(Reply):
    """A response of httpx's transport. A fill gives what one read of the connection brought: nothing waits to land."""

    def __init__(self, response: Any, url: Url, method: str, timings: Timings) -> None:
        self.status = response.status_code
        self.headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1").strip()) for name, value in response.headers.raw
        ]
        self.timings = timings
        self._url = url
        self.http2 = response.extensions.get("http_version") == b"HTTP/2"
        self._stream = response.stream
        self._parts: AsyncGenerator[bytes, None] = aiter(response.stream)
        self._begun = self._over = False  # the generator of parts has been started, has ended
        self._whole = False  # it has ended with the body
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
                raise translate(error, self._url, http2=self.http2) from error
            finally:
                self.timings.body += perf_counter() - began
            self._rest = memoryview(self._checked(part))
        count = min(len(into), len(self._rest))
        into[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    async def leave(self) -> bool:
        """Give the connection back if the body is over, else drop it (HTTP/1.1). Tells whether it was over."""
        try:
            if self._arrived == self.length:
                # nothing is read for it in HTTP/1.1, and without it httpcore takes the body for unfinished
                with move_on_after(_END_TIME):
                    await self._next()
            await self._stream.aclose()
        except Exception as error:  # noqa: BLE001 - a connection that cannot be closed in order is closed anyhow
            _log.debug("closing a connection to %s: %s", self._url, type(error).__name__)
        return self._whole

    async def finish(self) -> None:
        """End the generators within generators that httpx leaves behind: they do when what they read has ended."""
        with suppress(Exception):
            while self._begun and not self._over:
                await self._next()

    async def _next(self) -> bytes | None:
        """Give the next part, None at the end."""
        if self._over:
            return None
        self._begun = True
        try:
            with quietly():
                part = await anext(self._parts, None)
        except BaseException:
            self._over = True
            raise
        self._over = self._whole = part is None
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
