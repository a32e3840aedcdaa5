"""Clients for an adapter of requests: one for each set of timeouts, certificates and proxies, the last few kept."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import anyio
from requests.utils import select_proxy

from .._blocking.thread import LoopThread
from .._client import Client
from .._model.errors import ConnectFailed, FetchError, Interrupted
from .._model.settings import Proxies, Settings
from .._policy.attempts import Attempts
from .._transports.http.transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import AbstractContextManager

    from .._model.exchange import Body, Reply, Stat
    from .._model.url import Url

_KEPT = 8  # clients that nobody uses just now
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # may be sent twice (RFC 9110 section 9.2.2)


@dataclass(frozen=True)
class Wanted:
    """What a request asks for beside its URL; None: nothing in particular."""

    connect: float | None
    read: float | None
    verify: bool | str
    cert: str | tuple[str, ...] | None
    proxies: Proxies | None

    @classmethod
    def of(cls, url: str, timeout: Any, verify: Any, cert: Any, proxies: Any) -> Wanted:
        """Read the arguments of ``BaseAdapter.send``."""
        connect, read = _limits(timeout)
        return cls(
            connect,
            read,
            verify if isinstance(verify, bool | str) else True if verify is None else str(verify),
            tuple(cert) if isinstance(cert, list) else cert,
            _proxies(url, proxies or {}),
        )

    def settings(self, base: Settings) -> Settings:
        """Give the settings of a client that does as wanted."""
        timeouts, trust = base.timeouts, base.trust
        if self.connect is not None:
            timeouts = replace(timeouts, connect=self.connect)
        if self.read is not None:
            timeouts = replace(timeouts, read=self.read)
        if self.verify is not True:
            trust = replace(trust, verify=self.verify)
        if self.cert is not None:
            trust = replace(trust, client_cert=self.cert)
        return replace(base, timeouts=timeouts, trust=trust, proxies=self.proxies or base.proxies)


def _limits(timeout: Any) -> tuple[float | None, float | None]:
    if isinstance(timeout, tuple):
        connect, read = timeout
        return connect, read
    if hasattr(timeout, "connect_timeout"):  # urllib3's own
        return tuple(one if isinstance(one, int | float) else None for one in (timeout.connect_timeout, timeout._read))  # type: ignore[return-value] # noqa: SLF001 - read_timeout is a property that needs a started clock
    return timeout, timeout


def _proxies(url: str, proxies: Mapping[str, str]) -> Proxies | None:
    """Give the proxies to use: for http exactly the one that requests chose, for other schemes those it was given."""
    if url.lower().startswith("http"):
        # requests has read the environment and NO_PROXY already; an empty text means straight there
        chosen = select_proxy(url, dict(proxies)) or ""
        return Proxies(http=chosen, https=chosen, all=chosen, no_proxy="")
    named = {name: proxies[name] for name in ("http", "https", "all") if proxies.get(name)}
    return Proxies(**named) if named else None


class Opened:
    """A client in use by one request."""

    def __init__(self, clients: Clients, wanted: Wanted, settings: Settings, auth: Mapping[str, Any] | None) -> None:
        self._clients = clients
        self._settings = settings
        self.wanted = wanted
        self.uses = 0
        self._http = HttpTransport(settings, auth=auth)
        self._client = Client(settings=settings, auth=auth, transports={"http": self._http, "https": self._http})
        self.thread = LoopThread(_living(self._client, self._http), "asyncfetch requests adapter")

    def give_back(self) -> None:
        """Say that the request is over."""
        self._clients.take_back(self)

    def exchange(self, method: str, url: Url, headers: list[tuple[str, str]]) -> AbstractContextManager[Reply]:
        """Make one exchange over HTTP."""
        return self.thread.entered(partial(_exchange, self._http, self._settings, method, url, headers))

    def body(self, url: Url) -> AbstractContextManager[Body]:
        """Open a body."""
        return self.thread.entered(partial(self._client.open, url))

    def stat(self, url: Url) -> Stat:
        """Ask what is known of a body."""
        return self.thread.call(self._client.stat, url)


class Clients:
    """Lends clients; what is lent is kept until it is given back."""

    def __init__(self, settings: Settings, auth: Mapping[str, Any] | None) -> None:
        self._settings = settings
        self.auth = auth
        self._lock = threading.RLock()  # a response that is collected while we hold it gives its client back
        self._open: OrderedDict[Wanted, Opened] = OrderedDict()

    def lend(self, wanted: Wanted) -> Opened:
        """Give the client that does as wanted. Raises MistakeError."""
        with self._lock:
            opened = self._open.get(wanted)
            if opened is None or opened.thread.over:
                opened = Opened(self, wanted, wanted.settings(self._settings), self.auth)
                opened.thread.start()
                self._open[wanted] = opened
            opened.uses += 1
            self._open.move_to_end(wanted)
            return opened

    def take_back(self, opened: Opened) -> None:
        """One request is over; close the client used longest ago if there are many."""
        with self._lock:
            opened.uses -= 1
            idle = [one for one in list(self._open.values()) if one.uses <= 0]
            spare = idle[: max(0, len(self._open) - _KEPT)]
            for one in spare:
                del self._open[one.wanted]
        for one in spare:
            one.thread.close()

    def close(self) -> None:
        """Close every client."""
        with self._lock:
            opened, self._open = list(self._open.values()), OrderedDict()
        for one in opened:
            one.thread.close()


@asynccontextmanager
async def _living(client: Client, http: HttpTransport) -> AsyncIterator[None]:
    """Live as long as both; the client does not close what it was given."""
    try:
        async with client:
            yield
    finally:
        with anyio.CancelScope(shield=True):
            await http.aclose()


@asynccontextmanager
async def _exchange(
    http: HttpTransport, settings: Settings, method: str, url: Url, headers: list[tuple[str, str]]
) -> AsyncIterator[Reply]:
    """Send a request, again where no answer came and it may be sent twice; a time limit that passed is final."""
    queue = Attempts(1, settings.retry, random.random)
    while True:
        exchange = http.send(method, url, headers)
        try:
            reply = await exchange.__aenter__()
            break
        except FetchError as error:
            again = method in _SAFE and isinstance(error, ConnectFailed | Interrupted)
            step = queue.failed(0, error.verdict, perf_counter()) if again else None
            if step is None:
                raise
        await anyio.sleep(step.pause)
    try:
        yield reply
    finally:
        await exchange.__aexit__(None, None, None)
