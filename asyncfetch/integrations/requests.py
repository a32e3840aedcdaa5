"""An adapter for requests: ``session.mount("s3://", Adapter())``, and a script of old reads every scheme of ours.

>>> import requests
>>> from asyncfetch.integrations.requests import Adapter
>>> def main():
...     session = requests.Session()
...     for prefix in ("http://", "https://", "s3://", "ftp://", "file://"):
...         session.mount(prefix, Adapter())
...     session.get("s3://bucket/key", stream=True).raise_for_status()

Rules:

* http and https are requests' as ever: statuses, headers, redirects, cookies and credentials are its own; the exchange
  goes over our wire. A request with a body goes through requests' own adapter.
* s3, ftp and file answer GET and HEAD with 200, 304 (to If-None-Match, If-Modified-Since), 403, 404 or 503, and
  Content-Length, Content-Type, ETag and Last-Modified. Opening is retried as the settings say.
* ``timeout``, ``verify``, ``cert`` and ``proxies`` of the session or the request count; where they say nothing, the
  settings do. Each set of them has a client of its own, the last few of which are kept.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

try:
    from requests.adapters import BaseAdapter, HTTPAdapter
except ImportError as error:
    raise ImportError("asyncfetch.integrations.requests is for programs that use requests: install it") from error

from .._model.errors import Busy, FetchError, UnsupportedScheme
from .._model.settings import Settings
from .._model.url import Url
from .._prompt import fill_promptly
from ._requests_answers import (
    as_requests,
    describe,
    far_file,
    modified,
    raw_response,
    status_of,
    unchanged,
)
from ._requests_clients import Clients, Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from requests import PreparedRequest, Response
    from urllib3.response import HTTPResponse

    from ._requests_clients import Opened

__all__ = ["Adapter"]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class Adapter(BaseAdapter):
    """A transport adapter for ``requests.Session``, for http, https, s3, ftp, ftps and file.

    ``settings`` and ``auth`` are those of ``asyncfetch.Client``. It may be mounted several times, and used by several
    threads; ``close``, which the session calls, ends its connections, and it begins anew when it is used again.
    """

    def __init__(self, *, settings: Settings = Settings(), auth: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._settings = settings
        self._clients = Clients(settings, auth)
        self._plain = HTTPAdapter()

    def send(  # noqa: PLR0917 - requests' own signature
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - requests' own signature
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002 - requests' own signature
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """Send a request; raises requests.exceptions, each with our error as its cause."""
        assert request.url is not None
        with _as_requests(request):
            url = Url(request.url)
            if url.scheme in {"http", "https"} and (request.method not in _BODILESS or request.body):
                return self._plain.send(request, stream, timeout, verify, cert, proxies)
            wanted = Wanted.of(request.url, timeout, verify, cert, proxies)
            opened, lasting = self._clients.lend(wanted), False
            try:
                raw, lasting = _answer(opened, request, url)
            finally:
                if not lasting:
                    opened.give_back()
        # the plain adapter has nothing of its own in this: it makes a Response of what urllib3 gave it
        response = self._plain.build_response(request, raw)
        response.connection = self  # type: ignore[assignment]  # typed as the plain adapter
        return response

    def close(self) -> None:
        """End every connection."""
        self._clients.close()
        self._plain.close()

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self._settings, "auth": self._clients.auth}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]  # as new: sessions are pickled with their adapters


def _answer(opened: Opened, request: PreparedRequest, url: Url) -> tuple[HTTPResponse, bool]:
    """Answer a request, and say whether its body is still to be read: then it gives the client back."""
    if url.scheme in {"http", "https"}:
        return _exchange(opened, request, url)
    ways = {"GET": _get, "HEAD": _stat}
    if request.method not in ways:
        raise UnsupportedScheme(f"{url.scheme} knows no {request.method}", url=url)
    try:
        return ways[request.method](opened, request, url)
    except FetchError as error:
        status = status_of(error)
        if status is None:
            raise
        text = f"{error}\n".encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text)))]
        if isinstance(error, Busy) and error.retry_after is not None:
            headers.append(("Retry-After", f"{error.retry_after:.0f}"))
        body = None if request.method == "HEAD" else io.BytesIO(text)
        return raw_response(request, status, headers, body), False


def _exchange(opened: Opened, request: PreparedRequest, url: Url) -> tuple[HTTPResponse, bool]:
    """Make one exchange over HTTP, and give whatever is answered."""
    headers = [(_text(name), _text(value)) for name, value in request.headers.items()]
    context = opened.exchange(str(request.method), url, headers)
    reply = context.__enter__()
    answered = [(name.title(), value) for name, value in reply.headers]
    if request.method == "HEAD":
        context.__exit__(None, None, None)
        return raw_response(request, reply.status, answered, None), False
    file = far_file(opened.thread, partial(fill_promptly, reply), reply.length, _leaving(context, opened))
    return raw_response(request, reply.status, answered, file), True


def _get(opened: Opened, request: PreparedRequest, url: Url) -> tuple[HTTPResponse, bool]:
    """Open a body that does not come over HTTP."""
    context = opened.body(url)
    body = context.__enter__()
    moment = modified(body.validator, url.scheme)
    headers = describe(body.size, moment, body.validator, body.content_type)
    if unchanged(request, body.validator, moment):
        context.__exit__(None, None, None)
        return raw_response(request, 304, headers[1:], None), False
    file = far_file(opened.thread, body.fill, body.size, _leaving(context, opened))
    return raw_response(request, 200, headers, file), True


def _stat(opened: Opened, request: PreparedRequest, url: Url) -> tuple[HTTPResponse, bool]:
    """Tell what is known of a body that would not come over HTTP."""
    about = opened.stat(url)
    status = 304 if unchanged(request, about.validator, about.modified) else 200
    headers = describe(about.size, about.modified, about.validator, about.content_type)
    return raw_response(request, status, headers, None), False


@contextmanager
def _as_requests(request: PreparedRequest) -> Iterator[None]:
    try:
        yield
    except FetchError as error:
        raise as_requests(error, request) from error


def _leaving(context: Any, opened: Opened) -> Any:
    def leave() -> None:
        try:
            context.__exit__(None, None, None)
        finally:
            opened.give_back()

    return leave


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
