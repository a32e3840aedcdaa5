"""What is asked of S3 for a request, and what its reply means: HTTP's own reading, and what S3 adds to it.

Rules: a part counts only when the reply itself carries the entity tag asked for; there are servers that ignore If-Match
and send a range of whatever lies there now. A Content-Encoding is metadata of the object, S3 codes nothing: the bytes
stored are the file. ``x-amz-checksum-*`` counts for the whole when it is not composed of those of parts; an ETag is
never taken for an MD5 (multipart and encrypted objects have other ones).

Of the checksums, sha256, sha1 and crc32 are checked. crc32c and crc64nvme are not: neither the standard library nor a
dependency of ours computes them, and a table in Python comes to 3 MB/s, which would hold up every other hash of the
process (measured; it keeps the interpreter's lock). Who wants certainty gives a digest with the wish.
"""

from __future__ import annotations

import binascii
from dataclasses import replace
from typing import TYPE_CHECKING

from ..._model.digest import Digest
from ..._model.errors import RangeRefused
from ..._model.exchange import Answer, Body, Stat
from ..._policy.answers import read
from ..._policy.fields import date

if TYPE_CHECKING:
    from ..._model.exchange import Reply, Request
    from ..._policy.answers import Reading
    from .signing import Headers

# ours alone: what a wish says for all its sources would break the signature, or be somebody else's secret
_OWN = frozenset({
    "authorization", "cookie", "proxy-authorization", "host", "range", "if-match", "if-none-match", "if-range",
    "if-modified-since", "if-unmodified-since", "accept", "accept-encoding", "x-amz-date", "x-amz-content-sha256",
    "x-amz-security-token", "x-amz-request-payer", "x-amz-checksum-mode", "connection", "content-length",
    "transfer-encoding",
})  # fmt: skip
_DIGESTS = {"sha256": 32, "sha1": 20, "crc32": 4}  # bytes


class S3Body(Body):
    """The body of an object, which is that of the reply."""

    def __init__(self, request: Request, reply: Reply, reading: Reading) -> None:
        self.answer, self.offset, self.size = reading.answer, reading.offset, reading.size
        self.validator, self.digests, self.content_type = reading.validator, reading.digests, reading.content_type
        self.url = request.url
        self.timings, self.abortable = reply.timings, reply.abortable
        self._reply = reply
        # the reply's own, not methods around them: another await for every buffer is what it would cost
        self.fill = reply.fill  # type: ignore[method-assign]  # see above
        self.flush = reply.flush  # type: ignore[method-assign]  # see above
        self.abort = reply.abort  # type: ignore[method-assign]  # see above

    async def fill(self, into: memoryview) -> int:  # pragma: no cover - stands for the attribute set above
        """Put the next bytes into the buffer."""
        return await self._reply.fill(into)

    @property
    def ended(self) -> bool:  # type: ignore[override]  # the reply knows
        """No byte follows, and that is known without another fill."""
        return self._reply.ended

    def header(self, name: str) -> str | None:
        """Give a header of the reply by its lower-case name."""
        return self._reply.header(name)

    @property
    def landed(self) -> int:  # type: ignore[override]  # the reply counts, this only tells
        """Bytes that a fill under way has already put into its buffer."""
        return self._reply.landed


def headers_for(request: Request, user_agent: str) -> Headers:
    """Give the headers of a GET: range, conditions, and what the wish adds."""
    headers = [(name.lower(), value.strip()) for name, value in request.headers if name.lower() not in _OWN]
    if not any(name == "user-agent" for name, _ in headers):
        headers.append(("user-agent", user_agent))
    headers += [("accept", "*/*"), ("accept-encoding", "identity")]
    if request.offset or request.end is not None:
        last = "" if request.end is None else request.end - 1
        headers.append(("range", f"bytes={request.offset}-{last}"))
    else:
        headers.append(("x-amz-checksum-mode", "ENABLED"))
    held, known = request.matching, request.unless
    if held is not None and held.etag is not None and not held.etag.startswith("W/"):
        headers.append(("if-match", held.etag))
    elif held is not None and held.modified is not None:
        headers.append(("if-unmodified-since", held.modified))
    if known is not None and known.etag is not None:
        headers.append(("if-none-match", known.etag))
    elif known is not None and known.modified is not None:
        headers.append(("if-modified-since", known.modified))
    return headers


def read_reply(request: Request, reply: Reply, now: float) -> Reading:
    """Say what a reply means. Raises RangeRefused for a part of something else."""
    reading = read(request, reply.status, [h for h in reply.headers if h[0] != "content-encoding"], now=now)
    if reading.answer is Answer.UNCHANGED:
        return reading
    theirs, held = reading.validator, request.matching
    version = reply.header("x-amz-version-id")
    version = None if version == "null" else version
    strong = not theirs.etag.startswith("W/") if theirs.etag is not None else theirs.strong
    theirs = replace(theirs, version=version, strong=strong)
    if reading.answer is Answer.PARTIAL:
        if held is not None and ((held.etag is not None and theirs.etag != held.etag) or not theirs.agrees(held)):
            raise RangeRefused(
                f"a part of another object: entity tag {theirs.etag}, not {held.etag}", url=request.url, status=206
            )
        return reading._replace(validator=theirs)
    return reading._replace(validator=theirs, digests=(*_checksum(reply), *reading.digests)[:1])


def read_stat(request: Request, reply: Reply, now: float) -> Stat:
    """Say what the reply to a HEAD, or to a GET of one byte, tells of the object."""
    reading = read_reply(request, reply, now)
    return Stat(reading.size, date(reading.validator.modified), reading.validator, reading.content_type)


def _checksum(reply: Reply) -> tuple[Digest, ...]:
    if (reply.header("x-amz-checksum-type") or "FULL_OBJECT").upper() != "FULL_OBJECT":
        return ()
    for algorithm, length in _DIGESTS.items():
        text = reply.header(f"x-amz-checksum-{algorithm}")
        if text:
            try:
                value = binascii.a2b_base64(text, strict_mode=True)
            except binascii.Error:  # "...-3" is composed of three parts
                continue
            if len(value) == length:
                return (Digest.of(algorithm, value.hex()),)
    return ()
