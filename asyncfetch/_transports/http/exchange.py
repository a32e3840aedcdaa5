"""A request out, a Body in: the headers that put our question, and the Body made of the reply to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._model.digest import Digest, new_hash
from ..._model.errors import DigestMismatch
from ..._model.exchange import Body

if TYPE_CHECKING:
    from ..._model.exchange import Reply, Request
    from ..._policy.answers import Reading
    from ..._policy.redirects import Route


_PLAIN = (("Accept", "*/*"), ("Accept-Encoding", "identity"))  # what every request for the whole says


def plain_headers(user_agent: str) -> list[tuple[str, str]]:
    """Put the plainest question: for the whole, under no condition."""
    return [("User-Agent", user_agent), *_PLAIN]


def headers_for(request: Request, route: Route, user_agent: str) -> list[tuple[str, str]]:
    """Put the question in header fields: which bytes, under what condition, and nothing but the bytes as they are.

    If-Range takes a strong validator only (RFC 9110 section 13.1.5): with a weak one, or none, the answer to a bare
    Range is compared by who asked.
    """
    if not (request.headers or request.offset or request.end is not None or request.unless is not None):
        return plain_headers(user_agent)
    headers = [*route.travelling(request.headers)] if request.headers else []
    named = {name.lower() for name, _ in headers} if headers else ()
    if "user-agent" not in named:
        headers.append(("User-Agent", user_agent))
    if "accept" not in named:
        headers.append(("Accept", "*/*"))
    headers.append(("Accept-Encoding", "identity"))
    if request.offset or request.end is not None:
        last = "" if request.end is None else request.end - 1
        headers.append(("Range", f"bytes={request.offset}-{last}"))
        matching = request.matching
        if matching is not None and matching.strong and (holds := matching.etag or matching.modified):
            headers.append(("If-Range", holds))
    unless = request.unless
    if unless is not None:
        if unless.etag:
            headers.append(("If-None-Match", unless.etag))
        if unless.modified:  # for whoever does not know entity tags; the others ignore it (section 13.1.3)
            headers.append(("If-Modified-Since", unless.modified))
    return headers


class HttpBody(Body):
    """The body of a reply. ``fill`` is the lane's own: there is no call of ours between the reader and the socket."""

    def __init__(self, reply: Reply, reading: Reading, route: Route) -> None:
        self._reply = reply
        self.fill = reply.fill  # type: ignore[method-assign]  # bound once: each fill saves a coroutine
        self.flush = reply.flush  # type: ignore[method-assign]  # likewise
        self.abort = reply.abort  # type: ignore[method-assign]  # likewise
        self.abortable = reply.abortable
        self.timings = reply.timings
        self.answer, self.offset, self.size, self.validator, self.digests, self.content_type, _ = reading
        self.url = route.url
        self.chain = route.chain

    async def fill(self, into: memoryview) -> int:
        """Put the next bytes into the buffer; see `Stream.fill`."""
        return await self._reply.fill(into)

    def header(self, name: str) -> str | None:
        """Give a header of the reply by its lower-case name."""
        return self._reply.header(name)

    @property
    def ended(self) -> bool:  # type: ignore[override]  # the lane knows
        """No byte follows, and that is known without another fill."""
        return self._reply.ended

    @property
    def landed(self) -> int:  # type: ignore[override]  # the lane counts, in the reply
        """Bytes that a fill under way has already put into its buffer."""
        return self._reply.landed


class ProvenPart(HttpBody):
    """A part that came with a digest of its own (RFC 9530 section 2, Content-Digest), checked at its end.

    The digest of the whole says whether a file is right, this one who spoiled it. Hardly any server sends one with a
    206, so it is computed here, where it costs nobody else anything.
    """

    def __init__(self, reply: Reply, reading: Reading, route: Route) -> None:
        super().__init__(reply, reading, route)
        (self._declared,) = reading.part
        self._hash = new_hash(self._declared.algorithm)
        self._proven = False
        self.fill = self._fill_and_hash  # type: ignore[method-assign]  # in place of the lane's own

    async def _fill_and_hash(self, into: memoryview) -> int:
        count = await self._reply.fill(into)
        if count:
            self._hash.update(into[:count])
            return count
        found = Digest.of(self._declared.algorithm, self._hash.hexdigest())
        if found != self._declared:
            raise DigestMismatch(f"this part of it has {found}, it declared {self._declared}", url=self.url)
        self._proven = True
        return 0

    @property
    def ended(self) -> bool:  # type: ignore[override]  # as above
        """No byte follows, and those that came are the ones declared."""
        return self._proven
