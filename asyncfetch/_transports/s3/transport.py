"""S3Transport: s3://bucket/key over the client's own http transport.

One request an object: signed here, sent, streamed and timed by http. Two replies are answered with a second request,
once each: that the bucket is in another region, and that temporary credentials are over. Everything else is the
caller's to decide. Errors name the s3 URL; those of the connection say the endpoint as well.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..._model.errors import (
    FetchError,
    InvalidUrl,
    NotFound,
    ProtocolViolation,
    RangeRefused,
    SourceError,
    TooLarge,
)
from ..._model.exchange import Request
from .address import canonical_query, target_of
from .answers import S3Body, headers_for, read_reply, read_stat
from .failures import error_of, read_bounded, read_failure
from .listing import LONGEST_PAGE, page_query, read_page
from .places import Places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from ..._model.exchange import Body, Entry, Reply, Stat
    from ..._model.ports import Exchanger
    from ..._model.settings import Settings
    from ..._model.url import Url
    from .failures import Failure
    from .places import Place

_ANSWERS = frozenset({200, 206, 304})
_MUTE = frozenset({301, 307, 400, 403})  # replies to HEAD whose reason would be in the body they cannot have


class S3Transport:
    """Opens the objects of s3 URLs.

    ``lend`` gives the transport of a scheme (http or https) that makes the exchanges; it is not closed here. ``auth``
    maps URL prefixes to (access key, secret key[, session token]) for those who do not want the AWS chain.
    """

    def __init__(
        self, settings: Settings, *, auth: Mapping[str, Any] | None = None, lend: Callable[[str], Awaitable[Any]]
    ) -> None:
        self._user_agent = settings.user_agent
        self._places = Places(settings, auth)
        self._lend = lend
        self._http: dict[str, Exchanger] = {}

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Body]:
        """Get an object, or the rest of it. Raises errors of the tree."""
        path, query = _object_of(request.url)
        async with self._ask("GET", request, path, query) as reply:
            yield S3Body(request, reply, read_reply(request, reply, time.time()))

    async def stat(self, request: Request) -> Stat:
        """Tell size, time, validator and type of an object."""
        path, query = _object_of(request.url)
        plain = replace(request, offset=0, end=None, matching=None, unless=None)
        try:
            async with self._ask("HEAD", plain, path, query) as reply:
                return read_stat(plain, reply, time.time())
        except SourceError as mute:
            if mute.status not in _MUTE:
                raise
            # the first byte by GET: its reply says why, or (expired keys renewed, no right to HEAD) has the facts
            first = replace(plain, end=1)
            try:
                async with self._ask("GET", first, path, query) as reply:
                    return read_stat(first, reply, time.time())
            except RangeRefused:
                raise mute from None

    async def list(self, url: Url) -> AsyncIterator[Entry]:
        """List what is directly below ``s3://bucket/prefix/``; a slash at its end is added where it is missing."""
        target = target_of(url)
        if target.version is not None:
            raise InvalidUrl("a listing has no versionId", url=url)
        prefix = url.decoded_path[1:]
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        request, token, is_there = Request(url), None, not prefix
        seen: set[str] = set()
        while True:
            async with self._ask("GET", request, None, page_query(prefix, token)) as reply:
                data = await _whole(reply, url)
            page = read_page(data, url, prefix)
            is_there = is_there or page.is_there
            for entry in page.entries:
                yield entry
            token = page.next_token
            if token is None:
                break
            if token in seen:
                raise ProtocolViolation("a listing that goes in circles", url=url)
            seen.add(token)
        if not is_there:
            raise NotFound("no key begins with this prefix", url=url)

    async def aclose(self) -> None:
        """Nothing is held open: connections are those of the http transport, which is lent."""

    @asynccontextmanager
    async def _ask(self, method: str, request: Request, key: str | None, query: str) -> AsyncIterator[Reply]:
        """Make the exchange that ends in an answer; ``key`` is None for the bucket itself."""
        has_moved = is_renewed = False
        while True:
            place = await self._place_of(request.url)
            path = place.site.base + ("" if key is None else f"/{key}")
            headers = place.dress(method, path or "/", query, headers_for(request, self._user_agent))
            wire = place.site.url(path or "/", query)
            http = self._http.get(wire.scheme) or await self._borrow(wire.scheme)
            try:
                async with http.send(method, wire, headers, _held_by(request)) as reply:
                    if reply.status in _ANSWERS:
                        yield reply
                        return
                    failure = await read_failure(reply)
            except FetchError as error:
                if error.url == str(wire):
                    error.url = str(request.url)
                    error.reason += f" (endpoint {place.site.scheme}://{place.site.authority})"
                raise
            if not has_moved and _is_elsewhere(failure, place):
                has_moved = True
                self._places.moved(request.url.host, failure.region or "")
            elif not is_renewed and failure.is_expired and place.signer is not None:
                is_renewed = True
                self._places.expired(place)
            else:
                ranged = request.offset != 0 or request.end is not None or request.matching is not None
                is_anonymous = place.signer is None
                raise error_of(failure, request.url, ranged=ranged, anonymous=is_anonymous, now=time.time())

    async def _place_of(self, url: Url) -> Place:
        try:
            return await self._places.of(url)
        except FetchError as error:
            if error.url is None:
                error.url = str(url)
            raise

    async def _borrow(self, scheme: str) -> Exchanger:
        http: Exchanger = await self._lend(scheme)
        self._http[scheme] = http
        return http


def _object_of(url: Url) -> tuple[str, str]:
    """Give key and query of the object that a URL names."""
    target = target_of(url)
    if not target.key:
        raise InvalidUrl("it names a bucket, not an object", url=url)
    return target.key, "" if target.version is None else canonical_query([("versionId", target.version)])


def _held_by(request: Request) -> Callable[[Url], None] | None:
    """Give what is asked before a request is written: about the bucket, whatever the endpoint is."""
    ready = request.ready
    return None if ready is None else lambda _: ready(request.url)


def _is_elsewhere(failure: Failure, place: Place) -> bool:
    """Tell whether the bucket is in a region that was not the one asked."""
    return failure.region is not None and failure.region != place.region and failure.status in _MUTE


async def _whole(reply: Reply, url: Url) -> bytes:
    try:
        return await read_bounded(reply, LONGEST_PAGE)
    except TooLarge as error:
        error.url = error.url or str(url)
        raise
