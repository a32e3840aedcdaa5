"""Which proxy leads where: settings, environment, exceptions."""

import pytest

from asyncfetch import MistakeError, Settings, Url
from asyncfetch._model.settings import Proxies
from asyncfetch._transports.proxies import ProxyRoutes, bypasses, proxy_for

P = "http://proxy.example:3128"
Q = "http://other.example:3128"


def way(url, env=None, **proxies):
    proxy = proxy_for(Url(url), Proxies(**proxies), env or {})
    return None if proxy is None else proxy.reveal()


def test_none():
    assert way("http://h.example/") is None


@pytest.mark.parametrize("scheme", ["http", "https", "ftp"])
def test_environment(scheme):
    for name in (f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"):
        assert way(f"{scheme}://h.example/", {name: P}) == P + "/"
    for other in ("http", "https", "ftp"):
        if other != scheme:
            assert way(f"{scheme}://h.example/", {f"{other}_proxy": P}) is None


def test_ftps_uses_that_of_ftp():
    assert way("ftps://h.example/", {"ftp_proxy": P}) == P + "/"


def test_the_scheme_beats_all():
    assert way("http://h.example/", {"all_proxy": Q, "http_proxy": P}) == P + "/"
    assert way("http://h.example/", http=P, all=Q) == P + "/"


def test_lower_case_beats_upper_case():
    assert way("https://h.example/", {"HTTPS_PROXY": Q, "https_proxy": P}) == P + "/"
    assert way("https://h.example/", {"HTTPS_PROXY": Q, "https_proxy": ""}) is None
    assert way("https://h.example/", {"HTTPS_PROXY": "", "ALL_PROXY": P}) == P + "/"


def test_in_cgi_the_client_does_not_choose():
    env = {"REQUEST_METHOD": "GET", "HTTP_PROXY": Q}
    assert way("http://h.example/", env) is None
    assert way("http://h.example/", {**env, "http_proxy": P}) == P + "/"
    assert way("https://h.example/", {"REQUEST_METHOD": "GET", "HTTPS_PROXY": P}) == P + "/"


def test_settings_beat_the_environment_field_by_field():
    env = {"http_proxy": Q, "https_proxy": Q, "all_proxy": Q}
    assert way("http://h.example/", env, http=P) == P + "/"
    assert way("https://h.example/", env, http=P) == Q + "/"
    assert way("http://h.example/", env, all=P) == P + "/"
    assert way("http://h.example/", env, http="") is None
    assert way("https://h.example/", env, http="") == Q + "/"
    assert way("https://h.example/", env, all="") is None


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("proxy.example:3128", "http://proxy.example:3128/"),
        (" http://proxy.example ", "http://proxy.example/"),
        ("me:p%40ss@proxy.example:1", "http://me:p%40ss@proxy.example:1/"),
        ("https://proxy.example", "https://proxy.example/"),
        ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080"),
        ("socks5h://me:pw@localhost:1080", "socks5h://me:pw@localhost:1080"),
        ("http://[::1]:3128", "http://[::1]:3128/"),
    ],
)
def test_ways_to_write_a_proxy(text, proxy):
    assert way("http://h.example/", {"http_proxy": text}) == proxy


@pytest.mark.parametrize(
    "text", ["ftp://me:secret@proxy.example", "http://me:secret@", "me:secret@h:port", "socks4://me:secret@h"]
)
def test_what_is_no_proxy_is_said_without_the_password(text):
    with pytest.raises(MistakeError) as caught:
        way("http://h.example/", {"HTTP_PROXY": text})
    assert "HTTP_PROXY" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_is_bypassed_needs_no_proxy_that_makes_sense():
    assert way("http://h.example/", {"HTTP_PROXY": "nonsense://", "no_proxy": "h.example"}) is None


# -- exceptions


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("*", "http://h.example/"),
        ("h.example", "http://h.example/"),
        ("H.Example", "http://h.example/"),
        ("h.example", "http://a.b.h.example/"),
        (".h.example", "http://a.h.example/"),
        (".h.example", "http://h.example/"),
        ("*.h.example", "http://a.h.example/"),
        ("h.example.", "http://h.example/"),
        ("h.example", "http://h.example./"),
        ("h.example:80", "http://h.example/"),
        ("h.example:443", "https://h.example/"),
        ("h.example:8080", "http://h.example:8080/"),
        ("*:8080", "http://anything.example:8080/"),
        ("localhost", "http://localhost:1234/"),
        ("b\u00fccher.example", "http://xn--bcher-kva.example/"),
        ("127.0.0.1", "http://127.0.0.1/"),
        ("127.0.0.1:80", "http://127.0.0.1/"),
        ("10.0.0.0/8", "http://10.1.2.3/"),
        ("10.1.2.3/8", "http://10.9.9.9/"),
        ("10.0.0.0/8:80", "http://10.1.2.3/"),
        ("::1", "http://[::1]/"),
        ("[::1]", "http://[::1]/"),
        ("[::1]:80", "http://[::1]/"),
        ("0:0:0:0:0:0:0:1", "http://[::1]/"),
        ("fd00::/8", "http://[fd12::1]/"),
        ("[fd00::]/8", "http://[fd12::1]/"),
        ("10.0.0.0/8", "http://[::ffff:10.1.2.3]/"),
        ("h.example:", "http://h.example/"),
        ("[10.1.2.3]", "http://10.1.2.3/"),
        ("fe80::/10", "http://[fe80::1%25eth0]/"),
    ],
)
def test_hosts_that_are_reached_directly(entry, url):
    assert bypasses(Url(url), [entry])
    for all_of_it in (entry, f"other.example,{entry}", f"{entry} other.example", f" other.example ,, {entry} "):
        assert way(url, {"http_proxy": P, "https_proxy": P, "no_proxy": all_of_it}) is None
        assert way(url, {"http_proxy": P, "https_proxy": P, "NO_PROXY": all_of_it}) is None
        assert way(url, {"NO_PROXY": all_of_it}, http=P, https=P) is None  # explicit proxies too (conda #11411)
        assert way(url, http=P, https=P, no_proxy=(all_of_it,)) is None


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("h.example", "http://evilh.example/"),
        ("h.example", "http://h.example.evil.test/"),
        ("h.example", "http://example/"),
        (".", "http://h.example/"),
        ("", "http://h.example/"),
        ("h.example:81", "http://h.example/"),
        ("h.example:80", "https://h.example/"),
        ("*:8080", "http://h.example/"),
        ("10.0.0.0/8", "http://11.0.0.1/"),
        ("10.0.0.0/8", "http://10.0.0.1.example/"),
        ("10.0.0.0/99", "http://10.0.0.1/"),
        ("0.1", "http://10.0.0.1/"),
        ("0.0.1", "http://127.0.0.1/"),
        ("127.0.0.1", "http://127.0.0.2/"),
        ("::1", "http://127.0.0.1/"),
        ("fd00::/8", "http://[fe80::1]/"),
        ("0.0.0.0/0", "http://[::1]/"),
        ("\u00fc" * 80, "http://h.example/"),
        # what somebody may have meant, and nobody defines: the proxy is the safe way
        ("http://h.example", "http://h.example/"),
        ("h.example/", "http://h.example/"),
        ("*h.example", "http://evilh.example/"),
        ("**", "http://h.example/"),
        (":80", "http://h.example/"),
        ("[]/8", "http://[::1]/"),
        ("::1:80", "http://[::1]/"),
        ("10.*", "http://10.1.1.1/"),
        ("127.0.0.1", "http://127.1/"),
        ("h.example\0", "http://h.example/"),
    ],
)
def test_hosts_that_are_not(entry, url):
    assert not bypasses(Url(url), [entry])
    assert way(url, {"http_proxy": P, "https_proxy": P, "no_proxy": entry}) == P + "/"


def test_no_proxy_of_settings_replaces_that_of_the_environment():
    env = {"http_proxy": P, "no_proxy": "a.example"}
    assert way("http://a.example/", env, no_proxy="b.example") == P + "/"
    assert way("http://b.example/", env, no_proxy="b.example") is None
    assert way("http://a.example/", env, no_proxy=()) == P + "/"


def test_routes_remember_by_origin():
    env = {"http_proxy": P, "no_proxy": "direct.example"}
    routes = ProxyRoutes(Settings().proxies, env)
    env.clear()  # read once
    for _ in range(2):
        assert routes(Url("http://h.example/a")) == P + "/"
        assert routes(Url("http://h.example/b")) is routes(Url("http://h.example:80/c"))
        assert routes(Url("https://h.example/")) is None
        assert routes(Url("http://direct.example/")) is None


def test_routes_are_bounded():
    routes = ProxyRoutes(Proxies(all=P), {})
    for number in range(3000):
        assert routes(Url(f"http://h{number}.example/")) is not None
    assert len(routes._known) <= 1024


@pytest.mark.parametrize(
    ("entry", "url", "direct"),
    [
        ("h.example:21", "ftp://h.example/a", True),
        ("h.example:21", "ftp://h.example:21/a", True),
        ("h.example:21", "ftp://h.example:2121/a", False),
        ("h.example:990", "ftps://h.example/a", True),
        ("h.example:990", "ftp://h.example/a", False),
        ("h.example:443", "s3://h.example/a", False),
    ],
)
def test_ports_of_ftp_are_its_own(entry, url, direct):
    assert bypasses(Url(url), [entry]) is direct


def test_credentials_that_socks_cannot_carry():
    long = "s" * 256
    assert way("http://h.example/", all=f"http://me:{long}@h:1")
    assert way("http://h.example/", all=f"socks5://me:{'%ff' * 255}@h:1")
    with pytest.raises(MistakeError, match=r"Proxies\.all have at most 255 bytes") as caught:
        way("http://h.example/", all=f"socks5://me:{long}@h:1")
    assert long not in str(caught.value)
