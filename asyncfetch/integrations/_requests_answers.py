"""What callers of requests expect of an answer: statuses, headers, and exceptions, whatever the scheme was.

Rules: what HTTP answered goes through as it is. Of the other schemes, "nothing there" is 404, "not for you" 403, "not
now" 503 (or what S3 said), everything else an exception of requests. A body that breaks off raises what urllib3 would,
which requests turns into its own.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from email.message import Message
from email.utils import format_datetime
from http.client import responses
from typing import TYPE_CHECKING, Any

from requests import exceptions
from urllib3.exceptions import ProtocolError
from urllib3.response import HTTPResponse

from .._blocking.reader import RawReader, buffer_size
from .._model.errors import (
    AccessDenied,
    Busy,
    ConnectFailed,
    FetchError,
    InvalidUrl,
    MistakeError,
    NotFound,
    TimedOut,
    TransientError,
    UnsupportedScheme,
    Untrusted,
)
from .._policy.fields import date

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from requests import PreparedRequest

    from .._blocking.reader import Fill
    from .._blocking.thread import LoopThread
    from .._model.exchange import Validator

_Headers = list[tuple[str, str]]


# --- errors


def status_of(error: FetchError) -> int | None:
    """Give the HTTP status that says the same; None where only an exception does."""
    own = error.status if error.url is not None and not error.url.startswith(("ftp:", "ftps:")) else None
    if isinstance(error, NotFound):
        return own or 404
    if isinstance(error, AccessDenied):
        return own or 403
    if isinstance(error, Busy):
        return own or 503
    return None


def as_requests(error: FetchError, request: PreparedRequest) -> exceptions.RequestException:
    """Give the exception of requests for an exchange that had no answer; the caller raises it from ``error``."""
    kind: type[exceptions.RequestException] = exceptions.ConnectionError
    if isinstance(error, TimedOut):
        kind = exceptions.ConnectTimeout if error.reason.startswith("no connection") else exceptions.ReadTimeout
    elif isinstance(error, Untrusted):
        kind = exceptions.SSLError
    elif isinstance(error, AccessDenied) or (isinstance(error, ConnectFailed) and "proxy" in error.reason):
        kind = exceptions.ProxyError
    elif isinstance(error, InvalidUrl):
        kind = exceptions.InvalidURL
    elif isinstance(error, UnsupportedScheme):
        kind = exceptions.InvalidSchema
    elif isinstance(error, MistakeError):
        kind = exceptions.RequestException
    return kind(str(error), request=request)


# --- headers


def entity_tag(validator: Validator | None) -> str | None:
    """Give a validator as an entity tag (RFC 9110 section 8.8.3): S3's own, or one made of what changes with a file."""
    if validator is None:
        return None
    if validator.etag is not None and validator.etag.endswith('"'):
        return validator.etag
    parts = [part for part in (validator.etag, validator.modified, validator.size) if part is not None]
    return f'"{"-".join(map(str, parts))}"' if validator.modified is not None else None


def modified(validator: Validator | None, scheme: str) -> datetime | None:
    """Read the time in a validator, which is in its source's own notation."""
    text = None if validator is None else validator.modified
    if text is None:
        return None
    if scheme == "file":
        return datetime.fromtimestamp(int(text) / 1e9, UTC)
    if scheme in {"ftp", "ftps"}:
        try:
            return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None
    return date(text)


def describe(size: int | None, moment: datetime | None, validator: Validator | None, kind: str | None) -> _Headers:
    """Give the headers of a body that did not come over HTTP."""
    headers: list[tuple[str, str | None]] = [
        ("Content-Length", None if size is None else str(size)),
        ("Content-Type", kind or "application/octet-stream"),
        ("ETag", entity_tag(validator)),
        ("Last-Modified", None if moment is None else format_datetime(moment.astimezone(UTC), usegmt=True)),
    ]
    return [(name, value) for name, value in headers if value is not None]


def unchanged(request: PreparedRequest, validator: Validator | None, moment: datetime | None) -> bool:
    """Tell whether the caller has it already (RFC 9110 section 13.1: a tag goes before a date)."""
    tag, since = request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")
    if tag is not None:
        ours = entity_tag(validator)
        return ours is not None and ours in [one.strip().removeprefix("W/") for one in tag.split(",")]
    known = date(since)
    return known is not None and moment is not None and moment.replace(microsecond=0) <= known


# --- bodies


def raw_response(
    request: PreparedRequest, status: int, headers: Iterable[tuple[str, str]], body: io.IOBase | None
) -> HTTPResponse:
    """Give what ``Response.raw`` is for every adapter: a response of urllib3."""
    pairs = list(headers)
    return HTTPResponse(
        body=body or io.BytesIO(),
        headers=pairs,  # type: ignore[arg-type]  # pairs are taken as well
        status=status,
        reason=responses.get(status),
        preload_content=False,
        decode_content=False,
        original_response=_Original(pairs),  # type: ignore[arg-type]  # what is looked at of http.client's
        request_method=request.method,
        request_url=request.url,
    )


class FarFile(RawReader):
    """A body on the loop, which is let go of at its end, as http.client does; its errors are urllib3's."""

    def __init__(self, thread: LoopThread, fill: Fill, size: int | None, leave: Callable[[], object]) -> None:
        super().__init__(thread, fill, size)
        self._leave: Callable[[], object] | None = leave

    def _fill(self, wanted: int) -> int:
        try:
            count = super()._fill(wanted)
        except TimedOut:  # a TimeoutError, which urllib3 knows
            raise
        except FetchError as error:
            what = "IncompleteRead: " if isinstance(error, TransientError) else ""
            raise ProtocolError(f"{what}{error}", error) from error
        if count == 0:
            self._let_go()
        return count

    def close(self) -> None:
        """Let go of the body."""
        if not self.closed:
            super().close()
            self._let_go()

    def _let_go(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


def far_file(thread: LoopThread, fill: Fill, size: int | None, leave: Callable[[], object]) -> io.BufferedReader:
    """Give a body on the loop as a file object that is buffered; ``size`` is its length in bytes, if known."""
    return io.BufferedReader(FarFile(thread, fill, size, leave), buffer_size(size))


class _Original:
    """What requests and urllib3 look at of the response of http.client: its headers, for the cookies."""

    def __init__(self, headers: _Headers) -> None:
        self.msg = Message()
        for name, value in headers:
            self.msg[name] = value
        self._method: Any = None

    def isclosed(self) -> bool:
        return True

    def close(self) -> None:
        """Nothing is held."""
