"""Every exception of httpx and of httpx2 has a name in our tree."""

import ssl
from importlib import import_module
from importlib.util import find_spec

import pytest

from asyncfetch import (
    AccessDenied,
    ConnectFailed,
    FetchError,
    Interrupted,
    MistakeError,
    ProtocolViolation,
    TimedOut,
    UnsupportedScheme,
    Untrusted,
    Url,
)
from asyncfetch._transports.http.httpx_errors import kinds, translate

INSTALLED = [import_module(name) for name in ("httpx", "httpx2") if find_spec(name)]  # one of them is enough
LIBRARIES = pytest.mark.parametrize("library", INSTALLED, ids=lambda library: library.__name__)
httpx = INSTALLED[0]
URL = Url("https://me:secret@h.example/a?token=secret")


def below(kind):
    yield kind
    for sub in kind.__subclasses__():
        yield from below(sub)


@LIBRARIES
def test_every_one_is_mapped(library):
    names = {kind.__name__ for kind in below(library.TransportError)}
    assert len(names) >= 16
    assert names <= kinds()
    for kind in {*below(library.RequestError), *below(library.StreamError), library.InvalidURL}:
        error = kind.__new__(kind)
        Exception.__init__(error, "x")
        assert isinstance(translate(error, URL), FetchError)


@LIBRARIES
@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("ConnectTimeout", "", TimedOut),
        ("ReadTimeout", "", TimedOut),
        ("WriteTimeout", "", TimedOut),
        ("PoolTimeout", "", TimedOut),
        ("ConnectError", "refused", ConnectFailed),
        ("ReadError", "", Interrupted),
        ("WriteError", "", Interrupted),
        ("CloseError", "", Interrupted),
        ("ProxyError", "502 Bad Gateway", ConnectFailed),
        ("ProxyError", "407 Proxy Authentication Required", AccessDenied),
        ("UnsupportedProtocol", "", UnsupportedScheme),
        ("LocalProtocolError", "Illegal header value", MistakeError),
        ("RemoteProtocolError", "illegal status line", ProtocolViolation),
        ("RemoteProtocolError", "Server disconnected without sending a response.", Interrupted),
        ("RemoteProtocolError", "peer closed connection without sending complete message body", Interrupted),
        ("RemoteProtocolError", "<ConnectionTerminated error_code:0>", Interrupted),
    ],
)
def test_what_they_become(library, name, text, kind):
    proxy = Url("http://me:s3cret@proxy.example:3128") if name == "ProxyError" else None
    error = translate(getattr(library, name)(text), URL, proxy=proxy)
    assert type(error) is kind
    assert ("`http://***@proxy.example:3128/`" in str(error)) == (proxy is not None)
    assert error.url == str(URL)
    assert (text in str(error)) != (kind is AccessDenied)  # which says it in our words
    assert "secret" not in str(error)


def test_http2_does_not_blame_us():
    assert type(translate(httpx.LocalProtocolError("stream closed"), URL, http2=True)) is Interrupted


@pytest.mark.parametrize("error", [OSError(5, "broken"), ValueError("x"), KeyError(1), RuntimeError("pool")])
def test_even_what_nobody_foresaw(error):
    assert isinstance(translate(error, URL), FetchError)


def test_distrust_is_found_however_deep():
    failed = ssl.SSLCertVerificationError(1, "certificate verify failed")
    failed.verify_message = "certificate has expired"
    try:
        try:
            raise ExceptionGroup("several addresses", [OSError("refused"), failed])
        except ExceptionGroup as group:
            raise httpx.ConnectError("All connection attempts failed") from group
    except httpx.ConnectError as error:
        found = translate(error, URL)
    assert type(found) is Untrusted
    assert "h.example" in str(found)
    assert "certificate has expired" in str(found)


def test_the_address_s_own_reason_is_told():
    try:
        raise httpx.ConnectError("All connection attempts failed") from OSError(111, "Connection refused")
    except httpx.ConnectError as error:
        found = translate(error, URL)
    assert "Connection refused" in str(found)
