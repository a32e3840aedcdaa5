"""What an HTTP reply means for the request that was made: one of the three answers, or an error of the tree.

Rules:

* The status alone proves nothing. A 206 counts only with a Content-Range that starts where we asked, reaches as far as
  we asked, and agrees with the Content-Length; a 200 that carries a Content-Range of less than the whole is a range in
  disguise (rclone serves those). Every such doubt about a range is RangeRefused, after which the transfer starts over.
* A declared length, validator or digest is taken from the reply itself, never from what we hope it to be.
* 408, 425, 429, 500, 502, 503 and 504 are Busy: the host works, this answer is not the last word. A ``Retry-After`` is
  kept for all of them; 421 too (RFC 9110 section 15.5.20: ask again on another connection).
* 201, 202, 203, 204, 205 are successes, but not of fetching this file: their content is a status report, none, or
  altered by a proxy (RFC 9110 section 15.3). They are SourceErrors.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from .._model.errors import (
    AccessDenied,
    Busy,
    FetchError,
    NotFound,
    ProtocolViolation,
    RangeRefused,
    SourceError,
)
from .._model.exchange import Answer, Validator
from .fields import content_range, date, declared_digests, gather, is_strong_tag, length, part_digest, retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._model.digest import Digest
    from .._model.exchange import Request
    from .._model.url import Url

_BUSY = frozenset({408, 421, 425, 429, 500, 502, 503, 504})
_HINTS = {
    401: "give credentials in the URL, with auth= or in a netrc file",
    407: "give the user and password of the proxy in its URL",
}
# a coding that is the file's own format: servers with `AddEncoding x-gzip .gz` label a .tar.gz so
_OWN_CODING = {
    "gzip": (".gz", ".tgz", ".taz", ".svgz", ".bgz", ".gzip"),
    "compress": (".z", ".taz"),
    "br": (".br",),
    "zstd": (".zst", ".zstd", ".tzst"),
    "bzip2": (".bz2", ".tbz", ".tbz2"),
    "xz": (".xz", ".txz"),
}
_NO_CODING = frozenset({"", "identity", "aws-chunked"})  # the last is upload framing that S3 keeps as if it were one


class Reading(NamedTuple):
    """A usable answer: ``offset`` and ``size`` (of the whole) in bytes, the validator and digest it declares.

    ``part`` is the digest of the bytes that a PARTIAL answer carries.
    """

    answer: Answer
    offset: int
    size: int | None
    validator: Validator
    digests: tuple[Digest, ...]
    content_type: str | None
    part: tuple[Digest, ...] = ()


def read(
    request: Request,
    status: int,
    headers: Sequence[tuple[str, str]] | dict[str, str],
    *,
    now: float,
    url: Url | None = None,
) -> Reading:
    """Say what a reply means; ``now`` in seconds since 1970, ``url`` where the reply came from after redirects.

    Raises the error of the tree that the reply stands for.
    """
    fields = headers if isinstance(headers, dict) else gather(headers)
    if status == 200:
        return _full(request, fields, url or request.url)
    if status == 206:
        return _partial(request, fields, url or request.url)
    if status == 304:
        return _unchanged(request, fields)
    raise _error(request, status, fields, now)


def validator_of(source: str, fields: Mapping[str, str], size: int | None) -> Validator:
    """Take the validator from a reply's headers (RFC 9110 section 8.8).

    Strong: a strong entity tag; or no tag at all and a Last-Modified at least a second before Date (section 8.8.2.2),
    so that nothing can have changed within its granularity. A reply without Date is taken at its word.
    """
    etag, modified = fields.get("etag") or None, fields.get("last-modified") or None
    if etag is not None:
        return Validator(source, etag, modified, None, size, is_strong_tag(etag))
    strong = False
    if modified is not None:
        changed, sent = date(modified), date(fields.get("date"))
        strong = changed is not None and (sent is None or (sent - changed).total_seconds() >= 1)
    return Validator(source, None, modified, None, size, strong)


def _full(request: Request, fields: dict[str, str], url: Url) -> Reading:
    size = _length(request, fields)
    disguised = fields.get("content-range")
    if disguised is not None:
        said = content_range(disguised)
        if said is None or said.start != 0 or said.end != said.total or (size is not None and said.end != size):
            kind = RangeRefused if _is_ranged(request) else ProtocolViolation
            raise kind(f"status 200, but a Content-Range of {disguised!r}", url=request.url, status=200)
    if "content-encoding" in fields:
        _refuse_coding(request, fields, url, 200)
    validator = validator_of(str(request.url), fields, size)
    digests = declared_digests(fields, whole=True)
    return Reading(Answer.FULL, 0, size, validator, digests, fields.get("content-type"))


def _partial(request: Request, fields: dict[str, str], url: Url) -> Reading:
    if not _is_ranged(request):
        raise ProtocolViolation("a part (206), though the whole was asked for", url=request.url, status=206)
    content_type, text = fields.get("content-type"), fields.get("content-range")
    if content_type is not None and content_type.lower().startswith("multipart/byteranges"):
        _no_range(request, "several ranges, though one was asked for")
    if text is None:
        _no_range(request, "a part (206) that does not say which (no Content-Range)")
    said = content_range(text)
    if said is None:
        _no_range(request, f"a Content-Range that makes no sense: {text!r}")
    if said.start != request.offset:
        _no_range(request, f"bytes from {said.start} on, though asked for those from {request.offset}")
    total = said.total
    if total is None and request.matching is not None:
        total = request.matching.size
    if total is None and request.end is None:
        _no_range(request, f"a part that does not say how long the whole is: {text!r}")
    reach = min(end for end in (request.end, total) if end is not None)
    if said.end != reach:
        _no_range(request, f"bytes up to {said.end}, though asked for those up to {reach}")
    stated = _length(request, fields)
    if stated is not None and stated != said.end - said.start:
        _no_range(request, f"{stated} bytes, though its Content-Range is {text!r}")
    if "content-encoding" in fields:
        _refuse_coding(request, fields, url, 206)
    validator = validator_of(str(request.url), fields, total)
    digests = declared_digests(fields, whole=False)
    return Reading(Answer.PARTIAL, said.start, total, validator, digests, content_type, part_digest(fields))


def _unchanged(request: Request, fields: dict[str, str]) -> Reading:
    ours = request.unless
    if ours is None:
        raise ProtocolViolation("not modified (304), though asked without a condition", url=request.url, status=304)
    theirs = validator_of(str(request.url), fields, ours.size)
    if theirs.etag is not None and theirs.strong and ours.etag is not None and theirs.etag != _strong(ours.etag):
        # RFC 9111 section 4.3.4: such a 304 is about some other stored response
        raise ProtocolViolation(
            f"not modified (304), but with entity tag {theirs.etag}, not {ours.etag}", url=request.url, status=304
        )
    validator = Validator(
        ours.source, theirs.etag or ours.etag, theirs.modified or ours.modified, ours.version, ours.size, ours.strong
    )
    return Reading(Answer.UNCHANGED, 0, ours.size, validator, (), fields.get("content-type"))


def _error(request: Request, status: int, fields: dict[str, str], now: float) -> FetchError:
    try:
        said = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = str(status)
    url = request.url
    if status in {404, 410}:
        return NotFound(said, url=url, status=status)
    if status in {401, 403, 407, 451}:
        return AccessDenied(said, url=url, status=status, hint=_HINTS.get(status))
    if status in _BUSY:
        return Busy(said, url=url, status=status, retry_after=retry_after(fields, now))
    if _is_ranged(request) and (status == 416 or (status == 412 and request.matching is not None)):
        return RangeRefused(said, url=url, status=status)
    if status == 416:
        return ProtocolViolation(f"{said}, though the whole was asked for", url=url, status=status)
    return SourceError(said, url=url, status=status)


def _is_ranged(request: Request) -> bool:
    return request.offset != 0 or request.end is not None


def _strong(tag: str) -> str:
    return tag.removeprefix("W/")


def _no_range(request: Request, reason: str) -> NoReturn:
    raise RangeRefused(reason, url=request.url, status=206)


def _length(request: Request, fields: dict[str, str]) -> int | None:
    text = fields.get("content-length")
    if text is None or "transfer-encoding" in fields:  # RFC 9112 section 6.3: the coding overrides the length
        return None
    size = length(text)
    if size is None:
        raise ProtocolViolation(f"a Content-Length of {text!r}", url=request.url)
    return size


def _refuse_coding(request: Request, fields: dict[str, str], url: Url, status: int) -> None:
    """Refuse bytes that are not the file's: identity was asked for, and is what digests and ranges are about.

    RFC 9110 section 8.4 makes a content coding a property of what is sent, to be undone to get at the file; undoing it
    would break ranges and digests. The exception is a coding that is the format of the file itself.
    """
    text = fields["content-encoding"]
    codings = [coding for part in text.split(",") if (coding := part.strip().lower()) not in _NO_CODING]
    if not codings:
        return
    suffixes = _OWN_CODING.get(codings[0].removeprefix("x-"), ()) if len(codings) == 1 else ()
    if suffixes and any(one.path.lower().endswith(suffixes) for one in (request.url, url)):
        return
    kind: type[FetchError] = RangeRefused if status == 206 else ProtocolViolation
    raise kind(
        f"the body is coded ({text}), though it was asked for as it is",
        url=request.url,
        status=status,
        hint="the server ignores `Accept-Encoding: identity`",
    )
