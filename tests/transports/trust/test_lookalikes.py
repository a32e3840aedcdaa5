"""Hosts that look like the right one: no kind of credential goes to them, whatever the trick, asked or redirected to.

Every name leads to one server here; what it is sent tells who was given what.
"""

import re
from contextlib import suppress
from urllib.parse import quote_plus

import pytest

from asyncfetch import Bearer, Client, FetchError, InvalidUrl, Retry, Settings
from asyncfetch._transports.http import _httpx
from asyncfetch.testing import HttpServer, Redirect, RequireBasic

from .places import keyring

pytestmark = pytest.mark.anyio
HOST = "h.example"  # whose credentials they are
SECRET = "hush-Zq7"

# how a host can look like ours: what is asked in its place, {port} is the right port and {other} another
LOOKALIKES = {
    "suffix": "http://h.example.evil.test:{port}/private/a",
    "suffix without a dot": "http://h.examplee:{port}/private/a",
    "prefix": "http://evilh.example:{port}/private/a",
    "subdomain": "http://sub.h.example:{port}/private/a",
    "parent": "http://example:{port}/private/a",
    "port": "http://h.example:{other}/private/a",
    "userinfo": "http://h.example@evil.test:{port}/private/a",
    "userinfo with a port": "http://h.example:80@evil.test:{port}/private/a",
    "userinfo, encoded": "http://h.example%2F@evil.test:{port}/private/a",
    "homograph": "http://h.ex\u0430mple:{port}/private/a",  # a Cyrillic letter
    "sharp s": "http://h.exampl\u00e9:{port}/private/a",
    "trailing dot": "http://h.example.:{port}/private/a",  # the same machine, another origin (RFC 6454 section 4)
    "fragment": "http://evil.test:{port}/private/a#@h.example/private",
    "query": "http://evil.test:{port}/?http://h.example:{port}/private/a",
    "path": "http://evil.test:{port}/http://h.example:{port}/private/a",
}
THE_SAME = {
    "case": "http://H.EXAMPLE:{port}/private/a",
    "encoded letters": "http://h.%65xample:{port}/private/a",
    "wide letters": "http://\uff48.example:{port}/private/a",
}
# what looks like the right place on the right host; only credentials with a path tell them apart
OTHER_PATHS = [
    "/privateer/a", "/Private/a", "/private/../public/a", "/private/%2e%2e/public/a", "/private/..%2fpublic/a",
    "/public/a",
]  # fmt: skip


def basic_store(folder, port):
    return {"auth": {f"http://{HOST}:{port}/private": ("me", SECRET)}}


def bearer_store(folder, port):
    return {"auth": {f"http://{HOST}:{port}/private": Bearer(SECRET)}}


def httpx_auth(folder, port):
    return {"auth": {f"http://{HOST}:{port}/private": _httpx.load().BasicAuth("me", SECRET)}}


def digest_auth(folder, port):
    return {"auth": {f"http://{HOST}:{port}/private": _httpx.load().DigestAuth("me", SECRET)}}


def ring(folder, port):
    return {"auth": {f"http://{HOST}:{port}/private": keyring("me", SECRET)}}


def netrc(folder, port):
    (folder / "netrc").write_text(f"machine {HOST} login me password {SECRET}\n")
    return {"environment": {"NETRC": str(folder / "netrc")}}


def token_store(folder, port):
    (folder / "data").mkdir()
    (folder / "data" / f"{quote_plus(f'http://{HOST}:{port}/private')}.token").write_text(SECRET)
    return {"environment": {"BINSTAR_CONFIG_DIR": str(folder)}}


KINDS = {one.__name__: one for one in (basic_store, bearer_store, httpx_auth, digest_auth, ring, netrc, token_store)}


@pytest.fixture(scope="module")
def servers():
    with HttpServer() as right, HttpServer() as other:
        yield right, other


def gave(requests):
    """Tell whether a request shows that something was given: any credential, or an answer to a challenge."""
    return [
        request
        for request in requests
        if request.header("authorization") or "/t/" in request.target or SECRET in str(request.headers)
    ]


async def asked(servers, folder, kind, url, monkeypatch):
    """Ask; gives all requests that came."""
    given = KINDS[kind](folder, servers[0].port)
    for name, value in given.get("environment", {}).items():
        monkeypatch.setenv(name, value)
    before = [len(server.requests) for server in servers]
    with suppress(FetchError):
        async with Client(settings=Settings(retry=Retry(attempts=1)), auth=given.get("auth")) as client:
            await client.read(url)
    return [request for server, count in zip(servers, before, strict=True) for request in server.requests[count:]]


CHALLENGE = [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')]


@pytest.fixture(autouse=True)
def challenging(servers):
    """Both servers want credentials for everything, so that whoever is asked for them says what it has."""
    from asyncfetch.testing import Status

    for server in servers:
        for path in ("/private/a", "/private/t/hush-Zq7/a"):
            server.serve(path, b"x", always=[RequireBasic("me", SECRET)])
        for path in OTHER_PATHS:
            server.serve(path, b"x", always=[Status(401)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", LOOKALIKES)
async def test_asked_directly(servers, tmp_path, monkeypatch, everywhere, kind, trick):
    url = LOOKALIKES[trick].format(port=servers[0].port, other=servers[1].port)
    if kind == "netrc" and trick == "port":
        pytest.skip("netrc names a host: every port of it")
    userinfo = re.search(r"//[^/]*@", url)
    requests = await asked(servers, tmp_path, kind, url, monkeypatch)
    assert requests
    if userinfo:  # what the URL says itself is sent, which is not ours
        assert not any(SECRET in str(request) for request in requests)
        import base64

        assert base64.b64encode(f"me:{SECRET}".encode()).decode() not in str(requests)
    else:
        assert not gave(requests)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", LOOKALIKES)
async def test_redirected_to(servers, tmp_path, monkeypatch, everywhere, kind, trick):
    """From the right place, where everything was given."""
    right, other = servers
    url = LOOKALIKES[trick].format(port=right.port, other=other.port)
    if kind == "netrc" and trick == "port":
        pytest.skip("netrc names a host: every port of it")
    for path in ("/private/start", f"/private/t/{SECRET}/start"):
        right.serve(path, always=[Redirect(url.encode("utf-8").decode("latin-1"), 302)])
    requests = await asked(servers, tmp_path, kind, f"http://{HOST}:{right.port}/private/start", monkeypatch)
    assert not gave(requests[1:])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "netrc"])
@pytest.mark.parametrize("path", OTHER_PATHS)
async def test_another_path(servers, tmp_path, monkeypatch, everywhere, kind, path):
    requests = await asked(servers, tmp_path, kind, f"http://{HOST}:{servers[0].port}{path}", monkeypatch)
    assert requests
    assert not gave(requests)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", THE_SAME)
async def test_the_right_host_in_other_words(servers, tmp_path, monkeypatch, everywhere, kind, form):
    """And so that the tests above prove something: the right place is given what belongs to it."""
    if kind == "digest_auth":
        servers[0].serve("/private/a", b"x", always=[challenge()])
    requests = await asked(servers, tmp_path, kind, THE_SAME[form].format(port=servers[0].port), monkeypatch)
    assert gave(requests)


def challenge():
    from asyncfetch.testing import Status

    return Status(401, headers=CHALLENGE)


async def test_a_keyring_is_not_asked_for_a_stranger(servers, tmp_path, monkeypatch, everywhere):
    """Not even run: what it is asked would tell, too."""
    import sys

    from asyncfetch import Keyring

    right, other = servers
    marker = tmp_path / "asked"
    program = Keyring(command=(sys.executable, "-c", f"open({str(marker)!r}, 'a').write('x'); print('me\\nhush')"))
    auth = {f"http://{HOST}:{right.port}/": program}
    other.serve("/away", always=[Redirect(f"http://{HOST}:{right.port}/private/a", 302)])
    async with Client(auth=auth) as client:
        with pytest.raises(FetchError):  # it began elsewhere: a stranger chose this place
            await client.read(f"http://{HOST}:{other.port}/away")
        assert not marker.exists()
        for _ in range(2):
            with pytest.raises(FetchError):
                await client.read(f"http://{HOST}:{right.port}/private/a")
    assert marker.read_text() == "x"


@pytest.mark.parametrize(
    "text", ["http://h.example\\@evil.test/", "http://h.example\\.evil.test/", "http://[h.example]/"]
)
def test_hosts_that_parsers_read_apart_are_refused(text):
    with pytest.raises(InvalidUrl):
        from asyncfetch import Url

        Url(text)


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("ftp://h.example/private/a", True),
        ("ftp://H.EXAMPLE:21/private/a", True),
        ("ftp://h.example.evil.test/private/a", False),
        ("ftp://sub.h.example/private/a", False),
        ("ftp://h.example:2121/private/a", False),
        ("ftps://h.example/private/a", False),
        ("ftp://h.ex\u0430mple/private/a", False),
        ("ftp://h.example./private/a", False),
        ("ftp://h.example/privateer/a", False),
        ("ftp://h.example/private/../a", False),
        ("ftp://h.example/private%2F..%2Fa", False),
        ("ftp://you@h.example/private/a", False),  # another user's password is not ours
    ],
)
def test_ftp(url, given):
    from asyncfetch import Url
    from asyncfetch._transports.ftp.credentials import Credentials

    login = Credentials({"ftp://h.example/private": ("me", SECRET)}, {}, "utf-8").of(Url(url))
    assert (SECRET in login) == given


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("s3://bucket/private/a", True),
        ("s3://bucket/private", True),
        ("s3://bucket.evil/private/a", False),
        ("s3://bucket-evil/private/a", False),
        ("s3://Bucket/private/a", False),
        ("s3://buckett/private/a", False),
        ("s3://bucket/privateer/a", False),
        ("s3://bucket/a", False),
        ("s3://bucket/%70rivate/a", False),  # written otherwise it fails closed
    ],
)
def test_s3(url, given):
    from asyncfetch import Url
    from asyncfetch._transports.s3.places import Places

    keys = Places(Settings(), {"s3://bucket/private": ("AK", SECRET)})._keys_for(Url(url))
    assert (keys is not None) == given
