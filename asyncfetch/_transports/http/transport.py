"""http and https: opens the body of one URL through redirects, credentials and a lane.

Rules: one exchange may take several requests (redirects, a challenge), never a retry. A reply that is not the answer
is drained where little of it is left, so that its connection serves the next request, and dropped where much is.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from anyio import Lock, move_on_after, to_thread

from ..._model.errors import FetchError, RangeRefused, SourceError, TransientError, UnsupportedScheme
from ..._model.exchange import Small, Stat
from ..._policy.answers import read
from ..._policy.fields import date
from ..._policy.redirects import STATUSES, Route
from ..proxies import ProxyRoutes
from .credentials import Credentials
from .exchange import HttpBody, ProvenPart, headers_for, plain_headers
from .lanes import Lanes
from .wire import Exchange, WireLane

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from ssl import SSLContext
    from types import TracebackType

    from ..._model.exchange import Body, Entry, Reply, Request
    from ..._model.settings import Settings
    from ..._model.url import Url
    from ..registry import Lend

_REMEMBERED = 1024  # origins
_DRAINED = 16 * 1024  # bytes of an unwanted body that cost less than a new connection
_DRAIN_TIME = 0.25  # seconds
_ASK_ANEW = frozenset({403, 405, 501})  # to HEAD: unknown, or not signed for (a presigned URL is for one method)


class HttpTransport:
    """The transport of http and https (RFC 9110), and an Exchanger for schemes that build on HTTP.

    ``auth`` maps URL prefixes to credentials; ``lane`` forces "wire" or "httpx" for everything. Raises MistakeError for
    an ``auth`` that cannot be meant.
    """

    prompt = True  # its openings are `PromptOpening`s

    def __init__(
        self,
        settings: Settings,
        *,
        auth: Mapping[str, Any] | None = None,
        lend: Lend | None = None,  # noqa: ARG002 - every transport is made alike; this one needs no other
        lane: str | None = None,
    ) -> None:
        env = dict(os.environ) if settings.trust_env else {}
        self.settings = settings
        self.credentials = Credentials(auth, env)
        self._context: SSLContext | None = None
        self._making = Lock()
        self._straight: dict[tuple[str, str, int | None], WireLane] = {}
        self.plain_headers = plain_headers(settings.user_agent)
        self._lanes = Lanes(settings, self._tls, ProxyRoutes(settings.proxies, env), only=lane)

    def open(self, request: Request) -> Opening:
        """Open the body of ``request.url``. Raises what `asyncfetch._policy.answers` and the lanes say."""
        return Opening(self, request, "GET")

    def straight(self, url: Url) -> WireLane | None:
        """Give the wire where it can be asked for a URL with nothing to consider: no credentials, no other lane."""
        if url.userinfo is not None:
            return None
        lane = self._straight.get(url.origin)
        return self._find_straight(url) if lane is None else lane

    def _find_straight(self, url: Url) -> WireLane | None:
        credentials = self.credentials
        if credentials.needs_loading or not credentials.idle:
            return None
        lane = self._lanes.lane(url)
        if not isinstance(lane, WireLane):
            return None
        if len(self._straight) >= _REMEMBERED:
            self._straight.clear()
        self._straight[url.origin] = lane
        return lane

    def send(
        self, method: str, url: Url, headers: list[tuple[str, str]], ready: Callable[[Url], None] | None = None
    ) -> AbstractAsyncContextManager[Reply]:
        """Make one exchange as it is, on the lane for the URL; see `Exchanger`."""
        return self._lanes.lane(url).send(method, url, headers, ready)

    async def stat(self, request: Request) -> Stat:
        """Ask with HEAD; where that is refused, with a GET that is left as soon as its head is here."""
        whole = replace(request, offset=0, end=None, matching=None)
        try:
            async with Opening(self, whole, "HEAD") as body:
                return _stat(body)
        except FetchError as error:
            if error.status not in _ASK_ANEW:
                raise
        try:
            async with Opening(self, replace(whole, end=1), "GET") as body:
                return _stat(body)
        except RangeRefused:  # an empty file has no first byte
            async with Opening(self, whole, "GET") as body:
                return _stat(body)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._lanes.aclose()

    async def _tls(self) -> SSLContext:
        """Give the one TLS context, made in a thread when it is first needed."""
        async with self._making:
            if self._context is None:
                from ..trust import tls_context

                trust, trust_env = self.settings.trust, self.settings.trust_env
                self._context = await to_thread.run_sync(lambda: tls_context(trust, trust_env=trust_env))
            return self._context

    def list(self, url: Url) -> AsyncIterator[Entry]:
        """Raise UnsupportedScheme: HTTP has no listing."""
        raise UnsupportedScheme("http has no listing", url=url)


class Opening:
    """One body, as a context: in through redirects and challenges, out by letting go of the connection.

    ``small`` asks before it is entered; who has what it gives leaves by `close`, everybody else enters then as ever.
    """

    __slots__ = ("_chain", "_error", "_exchange", "_method", "_reply", "_request", "_transport")

    def __init__(self, transport: HttpTransport, request: Request, method: str) -> None:
        self._transport = transport
        self._request = request
        self._method = method
        self._exchange: AbstractAsyncContextManager[Reply] | None = None
        self._reply: Reply | None = None
        self._chain: tuple[str, ...] = ()
        self._error: FetchError | None = None

    async def small(self) -> Small | None:
        """Ask, and give a body that fits beside the head of its answer; None where there is more to it."""
        request = self._request
        lane = self._transport.straight(request.url)
        if lane is None or request.headers or request.offset or request.end is not None or request.unless is not None:
            return None
        exchange = Exchange(lane, self._method, request.url, self._transport.plain_headers, request.ready)
        try:
            connection = await exchange.ask()
        except FetchError as error:
            self._error = error
            return None
        self._exchange = exchange
        head, timings = connection.head, exchange.timings()
        if head is None or head.status != 200:
            return None
        if (rest := connection.gather()) is not None:
            before = perf_counter()
            try:
                await rest
            finally:
                connection.gathering = False
            timings.body = perf_counter() - before
        view = connection.whole()
        if view is None:
            return None
        try:
            reading = read(request, 200, head.fields or head.headers, now=0.0)
        except FetchError:  # found again by who enters
            return None
        return Small(view, reading.validator, reading.digests, timings)

    def close(self) -> None:
        """Leave without having entered; what `small` gave was read."""
        exchange, self._exchange = self._exchange, None
        if isinstance(exchange, Exchange):
            exchange.leave()

    async def __aenter__(self) -> Body:
        request, transport = self._request, self._transport
        route = Route(request.url, limit=transport.settings.limits.redirects, insecure=request.insecure_redirect)
        try:
            if self._error is not None:
                raise self._error
            while True:
                reply = self._asked() or await self._ask(route)
                if reply.status not in STATUSES:
                    break
                await self._leave()
                route.follow(reply.status, [value for name, value in reply.headers if name == "location"])
            self._chain = route.chain
            reading = read(self._request, reply.status, reply.headers, now=time(), url=route.url)
            return (ProvenPart if reading.part else HttpBody)(reply, reading, route)
        except FetchError as error:
            if route.chain:
                error.url, error.chain = str(route.url), route.chain
            await self._leave()
            raise
        except BaseException as error:
            await self.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exchange, self._exchange = self._exchange, None
        if isinstance(error, SourceError | TransientError) and self._chain and not error.chain:
            error.chain = self._chain  # whoever reads the body fails at the end of a chain, too
        if exchange is not None:
            await exchange.__aexit__(kind, error, trace)

    def _asked(self) -> Reply | None:
        """Give the reply that `small` came to, if it asked."""
        if self._reply is None and isinstance(self._exchange, Exchange):
            self._reply = self._exchange.reply()
            return self._reply
        return None

    async def _ask(self, route: Route) -> Reply:
        """Ask where the route is now, and answer a challenge; gives the reply that stands."""
        transport = self._transport
        headers = headers_for(self._request, route, transport.settings.user_agent)
        credentials = transport.credentials
        if credentials.needs_loading:
            await to_thread.run_sync(credentials.load)
        own = bool(self._request.headers) and _authorized(headers)
        credential = None
        if not own and not (credentials.idle and self._request.url.userinfo is None):
            credential = credentials.of(route)
        if credential is not None and not isinstance(credential, str):
            return await self._converse(route, headers, credential)
        where, asked = route.url, headers
        if credential is not None:
            asked = [*headers, ("Authorization", credential)]
        elif not own and (tokened := credentials.token_for(route)) is not None:
            where, token = tokened
            route.carry(token)
        reply = await self._send(where, asked)
        if reply.status == 401 and not own:
            credential = await credentials.after_refusal(route)
            if credential is not None:
                await self._leave()
                reply = await self._send(route.url, [*headers, ("Authorization", credential)])
        return reply

    async def _send(self, url: Url, headers: list[tuple[str, str]]) -> Reply:
        exchange = self._transport.send(self._method, url, headers, self._request.ready)
        self._reply = reply = await exchange.__aenter__()
        self._exchange = exchange
        return reply

    async def _converse(self, route: Route, headers: list[tuple[str, str]], auth: Any) -> Reply:
        """Let an httpx.Auth say what to ask, for as long as it wants to."""
        from .authentication import Dialogue

        dialogue = Dialogue(auth, self._method, route.url, headers)
        try:
            asked: list[tuple[str, str]] | None = await dialogue.begin()
            while asked is not None:
                await self._leave()
                reply = await self._send(route.url, asked)
                asked = await dialogue.hear(reply)
        finally:
            await dialogue.aclose()
        return reply

    async def _leave(self) -> None:
        """Let go of a reply that is not the answer, if there is one, after reading what little is left of it."""
        reply, self._reply = self._reply, None
        try:
            if reply is not None and (reply.length is None or reply.length <= _DRAINED):
                with move_on_after(_DRAIN_TIME):
                    await _drain(reply)
        finally:
            await self.__aexit__(None, None, None)


def _authorized(headers: list[tuple[str, str]]) -> bool:
    return any(name.lower() == "authorization" for name, _ in headers)


async def _drain(reply: Reply) -> None:
    view, left = memoryview(bytearray(_DRAINED)), _DRAINED
    with suppress(FetchError):
        while left > 0 and (count := await reply.fill(view[:left])):
            left -= count


def _stat(body: Body) -> Stat:
    validator = body.validator
    return Stat(body.size, date(validator.modified) if validator else None, validator, body.content_type)
