"""Credentials go where they belong, and nowhere else."""

import base64
import logging

import pytest

from asyncfetch import Bearer, MistakeError, Url
from asyncfetch._policy.redirects import Route
from asyncfetch._transports.http.credentials import Credentials, basic


def route(url, *redirects, insecure=True):
    way = Route(Url(url), limit=20, insecure=insecure)
    for location in redirects:
        way.follow(302, [location])
    return way


def shown(url, *redirects, auth=None, env=None):
    credentials = Credentials(auth, env or {})
    credentials.load()
    found = credentials.of(route(url, *redirects))
    if isinstance(found, str) and found.startswith("Basic "):
        return tuple(base64.b64decode(found.removeprefix("Basic ")).decode().split(":", 1))
    return found


ME = ("me", "pw")


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://h.example", "https://h.example/"),
        ("https://h.example/", "https://h.example/a?b#c"),
        ("https://H.EXAMPLE:443/", "https://h.example/a"),
        ("https://h.example/", "https://h.example:443/a"),
        ("http://h.example:8080", "http://h.example:8080/a"),
        ("https://h.example/private", "https://h.example/private"),
        ("https://h.example/private", "https://h.example/private/"),
        ("https://h.example/private", "https://h.example/private/a/b"),
        ("https://h.example/private/", "https://h.example/private/a"),
        ("https://h.example/private/", "https://h.example/private?x"),
        ("https://h.example/private", "https://h.example/%70riv%61te/a"),
        ("https://h.example/a%20b/", "https://h.example/a b/c"),
        ("https://h.example/private", "https://h.example/other/../private/a"),
        ("https://h.example/private", "https://h.example/private/x%2Fy"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("https://[::1]:8443/", "https://[0:0:0:0:0:0:0:1]:8443/a"),
    ],
)
def test_places_that_are_meant(prefix, url):
    assert shown(url, auth={prefix: ME}) == ME


@pytest.mark.parametrize(
    ("prefix", "url"),
    [
        ("https://h.example/", "https://h.example.evil.test/"),  # conda matches by string prefix
        ("https://h.example", "https://h.example@evil.test/"),
        ("https://h.example", "https://h.example:443@evil.test/"),
        ("https://h.example", "https://h.example:444/"),
        ("https://h.example", "https://h.examplee/"),
        ("https://h.example", "https://sub.h.example/"),
        ("https://h.example", "https://example/"),
        ("https://h.example", "http://h.example/"),
        ("https://h.example", "http://h.example:443/"),
        ("http://h.example:8080", "http://h.example:80/"),
        ("https://h.example/private", "https://h.example/"),
        ("https://h.example/private", "https://h.example/privateer"),
        ("https://h.example/private", "https://h.example/Private"),
        ("https://h.example/private", "https://h.example//private"),
        ("https://h.example/private", "https://h.example/private/../public"),
        ("https://h.example/private", "https://h.example/private/%2e%2E/public"),
        ("https://h.example/private", "https://h.example/private/x/../../public"),
        ("https://h.example/private", "https://h.example/private/.."),
        ("https://h.example/private", "https://h.example/private/..%2fpublic"),
        ("https://h.example/private", "https://h.example/private/..%5cpublic"),
        ("https://h.example/private", "https://h.example/private%2Fa"),
        ("https://h.example/private", "https://evil.test/?https://h.example/private"),
        ("https://h.example/private", "https://evil.test/#@h.example/private"),
    ],
)
def test_places_that_are_not_meant(prefix, url):
    assert shown(url, auth={prefix: ME}) != ME


def test_the_longest_prefix_wins():
    auth = {"https://h.example/": ("a", "1"), "https://h.example/x/y": ("b", "2"), "https://h.example/x": ("c", "3")}
    assert shown("https://h.example/x/y/z", auth=auth) == ("b", "2")
    assert shown("https://h.example/x/z", auth=auth) == ("c", "3")
    assert shown("https://h.example/z", auth=auth) == ("a", "1")


def test_a_token():
    assert shown("https://h.example/a", auth={"https://h.example": Bearer("t0k")}) == "Bearer t0k"


def test_an_object_is_handed_on():
    class Auth:
        async def async_auth_flow(self, request):
            yield request

    auth = Auth()
    assert shown("https://h.example/a", auth={"https://h.example": auth}) is auth


@pytest.mark.parametrize(
    "auth",
    [
        {"h.example": ME},
        {"https://me:secret@h.example/": ME},
        {"https://h.example/?token=secret": ME},
        {"https://h.example/a/..%2f": ME},
        {"https://h.example/": "secret"},
        {"https://h.example/": ("secret",)},
        {"https://h.example/": ("secret", 1)},
        {"https://h.example/": None},
        {"https://h.example/": Bearer("sec ret")},
        {"https://h.example/": ("sec:ret", "pw")},
    ],
)
def test_what_cannot_be_meant(auth):
    with pytest.raises(MistakeError) as caught:
        Credentials(auth, {})
    assert "secret" not in str(caught.value)


def test_places_of_other_transports_are_theirs():
    assert shown("https://h.example/", auth={"s3://bucket/": object(), "ftp://h.example/": ME}) is None


# -- userinfo


def test_userinfo():
    assert shown("https://me:pw@h.example/") == ME
    assert shown("https://me@h.example/") == ("me", "")
    assert shown("https://a%40b:p%3Aw%2F@h.example/") == ("a@b", "p:w/")
    assert shown("https://m\u00fcller:pw@h.example/") == ("m\u00fcller", "pw")


def test_basic_is_utf8():
    assert basic("test", "123\u00a3") == "Basic dGVzdDoxMjPCow=="  # the example of RFC 7617 section 2.1


def test_stored_credentials_beat_userinfo():
    assert shown("https://you:x@h.example/", auth={"https://h.example": ME}) == ME


def test_userinfo_goes_to_its_origin_only():
    assert shown("https://me:pw@h.example/", "/b") == ME
    assert shown("https://me:pw@h.example/", "https://other.example/") is None
    assert shown("https://me:pw@h.example/", "https://other.example/", "https://h.example/b") is None
    assert shown("https://h.example/", "https://me:pw@h.example/b") is None


def test_stored_credentials_follow_their_place():
    auth = {"https://cdn.example/": ME}
    assert shown("https://h.example/", "https://cdn.example/x", auth=auth) == ME
    assert shown("https://cdn.example/", "https://h.example/x", auth=auth) is None
    assert shown("https://cdn.example/", "http://cdn.example/x", auth=auth) is None


# -- netrc


@pytest.fixture
def netrc(tmp_path):
    def write(text, name=".netrc"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return {"HOME": str(tmp_path)}

    return write


MACHINE = "machine h.example login me password pw\n"


def test_netrc(netrc, tmp_path):
    env = netrc(MACHINE)
    assert shown("https://h.example/a", env=env) == ME
    assert shown("http://H.example:8080/a", env=env) == ME
    assert shown("https://h.example/a", env={"NETRC": str(tmp_path / ".netrc")}) == ME
    assert shown("https://you:x@h.example/a", env=env) == ("you", "x")


@pytest.mark.parametrize("host", ["sub.h.example", "h.example.evil.test", "example", "other.example"])
def test_netrc_is_exact(netrc, host):
    assert shown(f"https://{host}/", env=netrc(MACHINE)) is None


def test_the_default_of_netrc_goes_nowhere(netrc):
    assert shown("https://other.example/", env=netrc(MACHINE + "default login me password pw\n")) is None


def test_netrc_after_redirects(netrc):
    env = netrc(MACHINE)
    assert shown("https://other.example/", "https://h.example/a", env=env) == ME
    assert shown("https://h.example/", "http://h.example/a", env=env) is None
    assert shown("https://other.example/", "http://h.example/a", env=env) is None


def test_the_file_that_netrc_names_beats_the_one_at_home(netrc, tmp_path):
    env = netrc(MACHINE)
    netrc("machine h.example login you password x\n", "other")
    assert shown("https://h.example/", env={**env, "NETRC": str(tmp_path / "other")}) == ("you", "x")


@pytest.mark.parametrize(
    "text", ["machine h.example login me password s3cret\nmachine", b"\xff\xfe\0", "bogus s3cret\n"]
)
def test_a_netrc_that_cannot_be_read_is_said_and_does_no_harm(netrc, caplog, text):
    with caplog.at_level(logging.WARNING, "asyncfetch"):
        shown("https://h.example/", env=netrc(text))
    [record] = caplog.records
    assert ".netrc" in record.getMessage()
    assert "s3cret" not in record.getMessage()


def test_a_netrc_that_is_a_folder(tmp_path, caplog):
    assert shown("https://h.example/", env={"NETRC": str(tmp_path)}) is None
    assert str(tmp_path) in caplog.text


def test_a_netrc_that_is_missing(tmp_path, caplog):
    assert shown("https://h.example/", env={"HOME": str(tmp_path)}) is None
    assert not caplog.records
    assert shown("https://h.example/", env={"NETRC": str(tmp_path / "missing")}) is None
    assert "missing" in caplog.text


def test_no_environment_no_netrc():
    assert not Credentials(None, {}).needs_loading
