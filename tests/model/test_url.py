"""Url: what is a URL (RFC 3986, 6874, 8089, IDNA 2008), what is refused, and how a reference is resolved."""

import copy
import pickle

import hypothesis
import pytest
from hypothesis import given, strategies as st

from asyncfetch import InvalidUrl, Url

from ..thorough import times


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path", "query"),
    [
        ("http://h.example", "http", "h.example", None, "/", None),
        ("HTTPS://H.Example:8443/A/b?C=d", "https", "h.example", 8443, "/A/b", "C=d"),
        ("http://h/?", "http", "h", None, "/", ""),
        ("http://h?a", "http", "h", None, "/", "a"),
        ("http://h/a?b?c/d", "http", "h", None, "/a", "b?c/d"),
        ("http://h/a#b?c", "http", "h", None, "/a", None),
        ("http://h#a", "http", "h", None, "/", None),
        ("http://h:/a", "http", "h", None, "/a", None),
        ("http://h:00080/a", "http", "h", 80, "/a", None),
        ("http://h:65535/a", "http", "h", 65535, "/a", None),
        ("http://h.example./a", "http", "h.example.", None, "/a", None),
        ("http://a_b.example/", "http", "a_b.example", None, "/", None),
        ("http://127.0.0.1:8/a", "http", "127.0.0.1", 8, "/a", None),
        ("http://h/a b|c\\d", "http", "h", None, "/a%20b%7Cc%5Cd", None),
        ("http://h/caf\u00e9?\u00e9", "http", "h", None, "/caf%C3%A9", "%C3%A9"),
        ("http://h/100%/%zz/%2f", "http", "h", None, "/100%25/%25zz/%2f", None),
        ("http://h/[a]", "http", "h", None, "/%5Ba%5D", None),
        ("http://h/\udcff", "http", "h", None, "/%FF", None),
        ("http://h//a//", "http", "h", None, "//a//", None),
        ("http://h/a/../b/./c", "http", "h", None, "/a/../b/./c", None),
        ("ftp://h", "ftp", "h", None, "", None),
        ("s3://My_Bucket.x/Key%20a", "s3", "My_Bucket.x", None, "/Key%20a", None),
        ("s3://bucket", "s3", "bucket", None, "", None),
        ("file:///a/b", "file", "", None, "/a/b", None),
        ("file:/a/b", "file", "", None, "/a/b", None),
        ("file://localhost/a", "file", "localhost", None, "/a", None),
        ("x-scheme.1+2://h/a", "x-scheme.1+2", "h", None, "/a", None),
        ("zip:///a/b?c", "zip", "", None, "/a/b", "c"),
        ("zip://", "zip", "", None, "", None),
    ],
)
def test_parts(text, scheme, host, port, path, query):
    url = Url(text)
    assert (url.scheme, url.host, url.port, url.path, url.query) == (scheme, host, port, path, query)


@pytest.mark.parametrize(
    ("host", "ascii_host"),
    [
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("B\u00dcCHER.example", "xn--bcher-kva.example"),
        ("stra\u00dfe.de", "xn--strae-oqa.de"),  # IDNA 2008 keeps the sharp s, IDNA 2003 made it ss
        ("h\u3002example", "h.example"),
        ("b%C3%BCcher.example", "xn--bcher-kva.example"),
        ("\u65e5\u672c\u8a9e.jp", "xn--wgv71a119e.jp"),
    ],
)
def test_international_hosts(host, ascii_host):
    assert Url(f"http://{host}/").host == ascii_host


@pytest.mark.parametrize(
    ("text", "host", "revealed", "authority"),
    [
        ("http://[::1]:80/a", "::1", "http://[::1]:80/a", "[::1]"),
        ("http://[2001:DB8:0::1]:81/", "2001:db8::1", "http://[2001:db8::1]:81/", "[2001:db8::1]:81"),
        ("http://[fe80::1%25eth0]/", "fe80::1%eth0", "http://[fe80::1%25eth0]/", "[fe80::1]"),
        ("http://[fe80::1%eth0]/", "fe80::1%eth0", "http://[fe80::1%25eth0]/", "[fe80::1]"),
        ("http://[fe80::1%25ab]/", "fe80::1%ab", "http://[fe80::1%25ab]/", "[fe80::1]"),
    ],
)
def test_ipv6(text, host, revealed, authority):
    url = Url(text)
    assert (url.host, url.reveal(), url.authority) == (host, revealed, authority)
    assert pickle.loads(pickle.dumps(url)) == url


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "scheme is missing"),
        ("h.example/a", "scheme is missing"),
        ("/a/b", "scheme is missing"),
        ("//h/a", "scheme is missing"),
        ("1http://h/", "not of the form"),
        ("://h/", "not of the form"),
        ("http:/a", "a host are missing"),
        ("http:a", "a host are missing"),
        ("mailto:me", "a host are missing"),
        ("file:a", "a host are missing"),
        ("data:text/plain,a", "a host are missing"),
        ("http:///a", "host is missing"),
        ("http://", "host is missing"),
        ("http://:80/", "host is missing"),
        ("zip://:80/", "host is missing"),
        ("file://:80/a", "host is missing"),
        ("ftp:///a", "host is missing"),
        ("http://me@/a", "host is missing"),
        ("s3:///a", "not the name of a bucket"),
        ("s3://b\u00fccket/a", "not the name of a bucket"),
        ("http://h:0/", "port"),
        ("http://h:65536/", "port"),
        ("http://h:-1/", "port"),
        ("http://h:8a/", "port"),
        ("http://h:\u0663/", "port"),
        ("http://h:" + "9" * 5000 + "/", "port"),  # int() would not read that many digits
        ("http://::1/", "host is missing"),
        ("http://[::1/", "brackets"),
        ("http://[::1]x/", "brackets"),
        ("http://[::g]/", "not an IPv6 address"),
        ("http://[v1.a]/", "not an IPv6 address"),
        ("http://[]/", "not an IPv6 address"),
        ("http://[fe80::1%25]/", "zone"),
        ("http://[fe80::1%25%0d%0aX]/", "zone"),  # a line end in the Host header
        ("http://[fe80::1%25a b]/", "zone"),
        ("http://a b/", "neither a name nor an address"),
        ("http://a%0d%0ab/", "neither a name nor an address"),
        ("http://a%00b/", "neither a name nor an address"),
        ("http://a%2fb/", "neither a name nor an address"),
        ("http://a%40b/", "neither a name nor an address"),
        ("http://\u200d/", "neither a name nor an address"),
        ("http://" + "a" * 300 + "\u00fc/", "neither a name nor an address"),
        ("http://h\\@evil/a", "backslash"),
        ("http://h\\a", "backslash"),
        ("http://h/\ud800", "surrogate"),
        ("http://\udbff/", "surrogate"),
    ],
)
def test_refused(text, why):
    with pytest.raises(InvalidUrl, match=why) as raised:
        Url(text)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("mark", ["\r", "\n", "\0", "\t", "\x1b", "\x7f"])
@pytest.mark.parametrize(
    "text", ["{}http://h/a", "http://h{}.x/a", "http://h/a{}b", "http://h/a?b{}", "ftp://u{}:p@h/", "{}"]
)
def test_control_characters_are_refused_everywhere(text, mark):
    with pytest.raises(InvalidUrl, match="control character") as raised:
        Url(text.format(mark))
    assert mark not in str(raised.value)


_WORDS = "/ // : @ ? # [ ] [::1] % %25 %0a %zz \\ h h.example xn-- b\u00fc \u3002 \u200d 80 99999 . .. a=b & ; - _"
_STARTS = st.sampled_from(["", "http://", "http://h", "ftp://u@h/", "s3://b/", "file://", "http:"])


def test_any_text_is_a_url_or_an_invalid_url():
    valid, refused = [], []

    @hypothesis.settings(max_examples=times(300, 3_000))
    @given(_STARTS, st.text(max_size=20) | st.lists(st.sampled_from(_WORDS.split()), max_size=8).map("".join))
    def check(start, rest):
        text = start + rest
        try:
            url = Url(text)
        except InvalidUrl as error:
            refused.append(str(error))
            return
        valid.append(text)
        again = Url(url.reveal())
        assert again == url
        assert (again.scheme, again.userinfo, again.host, again.port) == (url.scheme, url.userinfo, url.host, url.port)
        assert (again.path, again.query) == (url.path, url.query)
        for shown in (url.reveal(), str(url), url.target, url.authority):
            assert shown.isascii()
            assert shown.isprintable()
            assert " " not in shown
        assert not set("\r\n\0 /?#@\\") & set(url.host)
        assert url.without_userinfo().userinfo is None

    check()
    assert all(message.isprintable() for message in refused)
    assert len(refused) > 100
    assert len(valid) > 30
    assert sum("@" in text for text in valid) > 3


def test_structured_urls_come_back_whole():
    seen = set()
    word = st.text("abz09-._~!$&'()*+,;=:@%/ \u00e9", max_size=8)
    host = st.sampled_from(["h.example", "b\u00fccher.example", "[::1]", "[fe80::2%25eth0]", "127.0.0.1"])

    @given(
        st.sampled_from(["http", "ftp", "HTTPS"]),
        st.none() | word,
        host,
        st.none() | st.integers(1, 65535),
        word,
        st.none() | word,
    )
    def check(scheme, userinfo, host, port, path, query):
        if userinfo is not None:
            userinfo = userinfo.replace("/", "")
        who = "" if userinfo is None else f"{userinfo}@"
        text = (
            f"{scheme}://{who}{host}{'' if port is None else f':{port}'}/{path}{'' if query is None else f'?{query}'}"
        )
        url = Url(text)
        assert url.scheme == scheme.lower()
        assert url.port == port
        assert (url.userinfo is None) == (userinfo is None)
        assert "@" not in (url.userinfo or "")
        assert url.query is None if query is None else url.query is not None
        assert Url(url.reveal()) == url
        assert url.without_userinfo().reveal() == url.reveal().replace(f"{url.userinfo}@", "", 1)
        seen.update({userinfo is None, port is None, query is None, "@" in (userinfo or "")})
        seen.add(("at", "@" in (userinfo or "")))

    check()
    assert {True, False, ("at", True)} <= seen


def test_user_and_password_are_decoded():
    url = Url("ftp://me%40corp:p%3Aw%2F@h/")
    assert (url.user, url.password) == ("me@corp", "p:w/")
    assert (Url("ftp://me@h/").user, Url("ftp://me@h/").password) == ("me", None)
    assert (Url("ftp://me:@h/").user, Url("ftp://me:@h/").password) == ("me", "")
    assert (Url("ftp://h/").user, Url("ftp://h/").password) == (None, None)


def test_an_at_sign_in_the_password_stays_there():
    url = Url("https://me:p@w@h.example/a@b")
    assert (url.user, url.password, url.host) == ("me", "p@w", "h.example")
    assert url.without_userinfo().reveal() == "https://h.example/a@b"


def test_derived_parts():
    url = Url("https://me:pw@H.example:443/a%20b/c%2Fd%FF?q=1")
    assert url.origin == ("https", "h.example", 443) == Url("https://h.example/").origin
    assert Url("ftp://h:2121/").origin == ("ftp", "h", 2121)
    assert url.authority == "h.example"
    assert Url("http://h:443/").authority == "h:443"
    assert url.target == "/a%20b/c%2Fd%FF?q=1"
    assert url.decoded_path == "/a b/c/d\udcff"
    assert url.name == "c/d\udcff"
    assert Url("https://h/a/").name == ""
    assert url.without_userinfo().reveal() == "https://h.example:443/a%20b/c%2Fd%FF?q=1"
    assert Url("https://h/").without_userinfo() == Url("https://h/")


# RFC 3986 section 5.4; where it leaves a choice (http:g), the choice for old references
_BASE = "http://a/b/c/d;p?q"
_RESOLVED = {
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g/",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q",
    "g#s": "http://a/b/c/g",
    "g?y#s": "http://a/b/c/g?y",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "g;x?y#s": "http://a/b/c/g;x?y",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "../../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    ".g": "http://a/b/c/.g",
    "g..": "http://a/b/c/g..",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/./x": "http://a/b/c/g?y/./x",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/../x": "http://a/b/c/g",
    "http:g": "http://a/b/c/g",
    # beyond the examples
    "?": "http://a/b/c/d;p?",
    "https://h/x/../y": "https://h/y",
    "//h/x/./y?z": "http://h/x/y?z",
    "//me@h:8/x": "http://me@h:8/x",
    "g//h": "http://a/b/c/g//h",
    "a b": "http://a/b/c/a%20b",
    "s3://B/k": "s3://B/k",
    "file:/k": "file:/k",
}


@pytest.mark.parametrize("reference", _RESOLVED)
def test_join(reference):
    assert Url(_BASE).join(reference) == Url(_RESOLVED[reference])


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        ("https://me:pw@h:8443/a/b", "c", "https://h:8443/a/c"),
        ("https://h//a//b", "c", "https://h//a//c"),  # urllib.parse.urljoin would fold the slashes
        ("https://h/a/./b", "?c", "https://h/a/./b?c"),
        ("s3://Bucket", "k", "s3://Bucket/k"),
        ("s3://Bucket/a/b", "c", "s3://Bucket/a/c"),
        ("ftp://h/a/b", "/c", "ftp://h/c"),
        ("http://[fe80::1%25eth0]:8/a", "b", "http://[fe80::1%25eth0]:8/b"),
        ("file:///a/b", "c", "file:///a/c"),
    ],
)
def test_join_with_other_bases(base, reference, expected):
    assert Url(base).join(reference).reveal() == expected


@pytest.mark.parametrize("reference", ["mailto:me", "http://[::1", "//[", "\r\nX: y", "a\nb", "//h:99999/", "https:"])
def test_join_refuses(reference):
    with pytest.raises(InvalidUrl) as raised:
        Url("http://me:secret-1@h/t/secret-2/x?token=secret-3").join(reference)
    assert "secret" not in str(raised.value)


def test_equality_is_over_the_whole_text():
    one, same, other = Url("https://a:b@H.example/x"), Url("HTTPS://a:b@h.example/x"), Url("https://a:c@h.example/x")
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert str(one) == str(other)  # the difference is a secret
    assert one == "https://a:b@h.example/x"
    assert hash(one) == hash("https://a:b@h.example/x")
    assert one != 5
    assert len({one, same, other}) == 2


def test_it_cannot_be_changed():
    url = Url("https://h/a")
    for name in ("scheme", "host", "path", "_text", "new"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(url, name, "x")
    with pytest.raises(AttributeError, match="immutable"):
        del url.host
    assert url.reveal() == "https://h/a"


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda url: pickle.loads(pickle.dumps(url))])
def test_copies_are_equal(way):
    url = Url("https://me:p%40w@[fe80::1%25eth0]:8/t/k/\u00e9?token=x&y")
    again = way(url)
    assert again == url
    assert (again.password, again.host, str(again)) == (url.password, url.host, str(url))


def test_of():
    url = Url("https://h/a")
    assert Url.of(url) is url
    assert Url.of("https://h/a") == url
    for wrong in (None, 5, b"https://h/a", ["https://h/a"]):
        with pytest.raises(InvalidUrl, match="a URL is a string"):
            Url.of(wrong)
