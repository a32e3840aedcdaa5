"""Credentials on the wire: stored, in the URL, of netrc; and httpx.Auth objects, driven to the end."""

import hashlib
import re
from importlib import import_module
from importlib.util import find_spec

import pytest

from asyncfetch import AccessDenied, Bearer, Fetch, MistakeError, ProtocolViolation
from asyncfetch.testing import HttpServer, Redirect, RequireBasic, Status

pytestmark = pytest.mark.anyio
INSTALLED = [import_module(name) for name in ("httpx", "httpx2") if find_spec(name)]  # one of them is enough
LIBRARIES = pytest.mark.parametrize("library", INSTALLED, ids=lambda library: library.__name__)
httpx = INSTALLED[0]


@pytest.fixture
def anyio_backend(loop_of_way):
    return loop_of_way


@pytest.fixture
def guarded(http_server):
    return http_server.serve("/private/a", b"hello", always=[RequireBasic("me", "p:w\u00fc")])


async def test_credentials_of_the_url(guarded, make, get):
    url = guarded.url.replace("//", "//me:p:w%C3%BC@")
    data, body = await get(make(), url)
    assert data == b"hello"
    assert "***@" in body.validator.source
    assert guarded.hits == 1  # said at once, without waiting to be asked


async def test_stored_credentials(guarded, http_server, make, get):
    auth = {http_server.url("/private"): ("me", "p:w\u00fc")}
    assert (await get(make(auth=auth), guarded.url))[0] == b"hello"
    other = http_server.serve("/public", b"hello")
    await get(make(auth=auth), other.url)
    assert other.requests[0].header("authorization") is None


async def test_credentials_of_netrc(guarded, make, get, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password p:w\u00fc\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert (await get(make(trust_env=True), guarded.url))[0] == b"hello"
    with pytest.raises(AccessDenied):
        await get(make(), guarded.url)


async def test_an_authorization_of_the_callers_wins(http_server, make, get):
    file = http_server.serve("/a", b"hello")
    transport = make(auth={http_server.url("/"): Bearer("stored")})
    await get(transport, file.url, headers=(("authorization", "mine"),))
    await get(transport, file.url)
    assert [asked.header("authorization") for asked in file.requests] == ["mine", "Bearer stored"]


async def test_stored_credentials_after_a_redirect(http_server, make, get):
    with HttpServer() as other:
        far = other.serve("/far", b"hello")
        near = http_server.serve("/near", always=[Redirect(far.url)])
        transport = make(auth={http_server.url("/"): Bearer("near"), other.url("/far"): Bearer("far")})
        await get(transport, near.url)
        assert near.requests[0].header("authorization") == "Bearer near"
        assert far.requests[0].header("authorization") == "Bearer far"


# -- httpx.Auth


@LIBRARIES
async def test_an_auth_that_speaks_first(http_server, make, get, library):
    file = http_server.serve("/a?b=c", b"hello", always=[RequireBasic("me", "pw")])
    transport = make(auth={http_server.url("/"): library.BasicAuth("me", "pw")})
    assert (await get(transport, file.url, offset=1))[0] == b"ello"
    [asked] = file.requests
    assert (asked.target, asked.range) == ("/a?b=c", "bytes=1-")
    assert asked.header("accept-encoding") == "identity"
    assert len(asked.headers) == len({name for name, _ in asked.headers})


@LIBRARIES
async def test_an_auth_that_answers_a_challenge(http_server, make, get, library):
    challenge = 'Digest realm="r", nonce="n0", qop="auth", algorithm=SHA-256, opaque="o"'
    file = http_server.serve(
        "/a", b"hello", faults=[Status(401, headers=(("WWW-Authenticate", challenge),), body=b"who are you?")]
    )
    transport = make(auth={http_server.url("/"): library.DigestAuth("me", "pw")})
    assert (await get(transport, file.url))[0] == b"hello"
    first, second = file.requests
    assert first.header("authorization") is None
    said = dict(re.findall(r'(\w+)="?([^",]+)"?', second.header("authorization")))

    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()

    middle = f"{said['nonce']}:{said['nc']}:{said['cnonce']}:{said['qop']}"
    assert said["response"] == digest(f"{digest('me:r:pw')}:{middle}:{digest('GET:/a')}")
    assert http_server.connections == 1


async def test_an_auth_that_gives_up(http_server, make, get):
    challenge = 'Digest realm="r", nonce="n0", qop="auth", algorithm=SHA-256'
    file = http_server.serve("/a", always=[Status(401, headers=(("WWW-Authenticate", challenge),))])
    with pytest.raises(AccessDenied):
        await get(make(auth={http_server.url("/"): httpx.DigestAuth("me", "pw")}), file.url)
    assert file.hits == 2


class Reading(httpx.Auth):
    """Reads the body of every response, as an Auth may ask to."""

    requires_response_body = True

    def __init__(self):
        self.read = []

    def auth_flow(self, request):
        response = yield request
        self.read.append((response.status_code, response.content))
        if response.status_code == 401:
            request.headers["Authorization"] = f"Token {response.json()['token']}"
            response = yield request
            self.read.append((response.status_code, response.content))


async def test_an_auth_that_reads(http_server, make, get):
    file = http_server.serve("/a", b"hello", faults=[Status(401, body=b'{"token": "t1"}')])
    auth = Reading()
    data, _ = await get(make(auth={http_server.url("/"): auth}), file.url)
    assert data == b"hello"  # the body of a success is the caller's
    assert auth.read == [(401, b'{"token": "t1"}'), (200, b"")]
    assert file.requests[1].header("authorization") == "Token t1"


class Refreshing(httpx.Auth):
    def auth_flow(self, request):
        yield httpx.Request("POST", request.url.join("/token"), content=b"grant")


async def test_an_auth_with_requests_of_its_own(http_server, make, get):
    file = http_server.serve("/a", b"hello")
    with pytest.raises(MistakeError, match="Bearer"):
        await get(make(auth={http_server.url("/"): Refreshing()}), file.url)
    assert not http_server.requests


class Endless(httpx.Auth):
    def auth_flow(self, request):
        while True:
            yield request


async def test_an_auth_that_never_ends(http_server, make, get):
    file = http_server.serve("/a", b"hello")
    with pytest.raises(ProtocolViolation, match="rounds"):
        await get(make(auth={http_server.url("/"): Endless()}), file.url)
    assert file.hits <= 8


class Failing(httpx.Auth):
    def auth_flow(self, request):
        raise LookupError("no token in the store")
        yield


async def test_an_auth_that_fails(http_server, make, get):
    with pytest.raises(MistakeError, match="no token in the store") as caught:
        await get(make(auth={http_server.url("/"): Failing()}), http_server.url("/a"))
    assert isinstance(caught.value.__cause__, LookupError)


async def test_an_auth_is_asked_where_its_place_is(http_server, make, get):
    with HttpServer() as other:
        far = other.serve("/far", b"hello")
        http_server.redirect("/near", far.url)
        transport = make(auth={http_server.url("/"): httpx.BasicAuth("me", "pw")})
        await get(transport, http_server.url("/near"))
        assert http_server.requests[0].header("authorization") is not None
        assert far.requests[0].header("authorization") is None


@pytest.mark.parametrize("challenge", ["Digest", "Digest nothing", "Digest realm=r, nonce=n, algorithm=x, qop=auth"])
async def test_a_challenge_that_makes_no_sense_is_the_sources_fault(http_server, make, get, challenge):
    """So that the next mirror is asked."""
    header = (("WWW-Authenticate", challenge),)
    file = http_server.serve("/a", always=[Status(401, headers=header)])
    with pytest.raises(AccessDenied) as caught:
        await get(make(auth={http_server.url("/"): httpx.DigestAuth("me", "pw")}), file.url)
    assert caught.value.status == 401


class Telling(httpx.Auth):
    def auth_flow(self, request):
        raise httpx.RequestError(f"cannot sign {request.url}")
        yield


async def test_an_auth_that_names_the_url(http_server, make, get):
    url = http_server.url("/t/hush-Zq7/a?sig=hush-Zq7")
    with pytest.raises(MistakeError, match="cannot sign http") as caught:
        await get(make(auth={http_server.url("/"): Telling()}), url)
    assert "hush" not in str(caught.value)


async def test_a_url_that_httpx_does_not_take(http_server, make, get):
    transport = make(auth={http_server.url("/"): httpx.DigestAuth("me", "pw")})
    with pytest.raises(MistakeError, match="httpx does not take this URL"):
        await get(transport, http_server.url("/" + "x" * 70_000))


async def test_a_user_that_basic_cannot_carry_is_named_with_the_url(http_server, make, get):
    with pytest.raises(MistakeError, match=r"colon.*; an Authorization header") as caught:
        await get(make(), http_server.url("/a").replace("//", "//me%3Ax:hush@"))
    assert caught.value.url == http_server.url("/a").replace("//", "//***@")


async def test_what_is_for_a_proxy_is_not_told_the_origin(http_server, make, get):
    """Of the caller's headers it is refused; what an httpx.Auth says is dropped, as nobody sees it on its way."""
    file = http_server.serve("/a", b"hello")
    with pytest.raises(MistakeError, match="Proxy-Authorization is for the proxy alone; give Proxies"):
        Fetch(file.url, headers={"Proxy-Authorization": "Basic aHVzaA=="})

    class ToTheProxy(httpx.Auth):
        def auth_flow(self, request):
            request.headers["Proxy-Authorization"] = "Basic aHVzaA=="
            yield request

    await get(make(auth={http_server.url("/"): ToTheProxy()}), file.url)
    assert file.requests[0].header("proxy-authorization") is None
