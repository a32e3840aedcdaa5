"""Which lane carries an exchange: our own wire where it can, httpx for HTTP/2, SOCKS proxies and trio.

HTTP/2 is negotiated under TLS only, so plain http stays on the wire also when HTTP/2 is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._model.errors import MistakeError
from ..._signal import on_asyncio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from ssl import SSLContext

    from ..._model.ports import Exchanger
    from ..._model.settings import Settings
    from ..._model.url import Url

_REMEMBERED = 1024  # origins
WIRE, HTTPX = "wire", "httpx"


def pick(url: Url, proxy: Url | None, *, http2: bool, library: str) -> str:
    """Say which lane carries exchanges with a URL; ``library`` is the event loop's name."""
    if library != "asyncio" or (http2 and url.scheme == "https"):
        return HTTPX
    if proxy is not None and proxy.scheme.startswith("socks"):
        return HTTPX
    return WIRE


class Lanes:
    """The lanes of one client, each made when it is first needed. ``only`` names one that carries everything."""

    def __init__(
        self,
        settings: Settings,
        context: Callable[[], Awaitable[SSLContext]],
        proxy_for: Callable[[Url], Url | None],
        *,
        only: str | None = None,
    ) -> None:
        if only not in {None, WIRE, HTTPX}:
            raise MistakeError(f"there is the {WIRE} lane and the {HTTPX} lane, no {only!r}")
        self._settings = settings
        self._context = context
        self._proxy_for = proxy_for
        self._only = only
        self._library = ""
        self._made: dict[str, Exchanger] = {}
        self._known: dict[tuple[str, str, int | None], Exchanger] = {}

    def lane(self, url: Url) -> Exchanger:
        """Give the lane for a URL; call it on the event loop."""
        lane = self._known.get(url.origin)
        return self._find(url) if lane is None else lane

    def _find(self, url: Url) -> Exchanger:
        name = self._only
        if name is None:
            self._library = self._library or ("asyncio" if on_asyncio() else "trio")
            name = pick(url, self._proxy_for(url), http2=self._settings.http2, library=self._library)
        if name not in self._made:
            self._made[name] = self._make(name)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[url.origin] = self._made[name]
        return self._made[name]

    async def aclose(self) -> None:
        """Close every connection of every lane."""
        made, self._made, self._known = list(self._made.values()), {}, {}
        for lane in made:
            await lane.aclose()

    def _make(self, name: str) -> Exchanger:
        if name == HTTPX:
            from .httpx_lane import HttpxLane

            return HttpxLane(self._settings, self._context, self._proxy_for)
        from .wire import WireLane

        return WireLane(self._settings, self._context)
