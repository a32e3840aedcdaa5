"""Fetch: what a wish may be, and that it keeps its secrets."""

import copy
import dataclasses
import pickle
from pathlib import Path

import pytest

from asyncfetch import Digest, Fetch, InvalidUrl, MistakeError, Result, Url, Validator

_URL = "https://me:s3cr3t@h.example/p.conda?token=s3cr3t"


def test_a_wish():
    unless = Validator("x", etag='"a"', strong=True)
    wish = Fetch(_URL, "pkgs/", mirrors=["s3://b/p"], digest="SHA256", size=5, unless=unless, headers={"X-A": "b"})
    assert wish.sources == (Url(_URL), Url("s3://b/p"))
    assert (wish.to, wish.digest, wish.digests, wish.size) == ("pkgs/", Digest("sha256"), (Digest("sha256"),), 5)
    assert (wish.unless, wish.headers) == (unless, (("X-A", "b"),))


def test_the_least_wish():
    wish = Fetch("https://h/a")
    assert (wish.to, wish.mirrors, wish.digest, wish.digests, wish.size) == (None, (), None, (), None)
    assert (wish.unless, wish.headers) == (None, ())


def test_several_digests():
    assert Fetch("https://h/a", digest=["md5", "sha256"]).digest == (Digest("md5"), Digest("sha256"))
    assert Fetch("https://h/a", digest=["md5"]).digest == Digest("md5")
    assert Fetch("https://h/a", digest=[]).digest is None


@pytest.mark.parametrize("mirrors", ["s3://b/p", Url("s3://b/p"), ["s3://b/p"], iter(["s3://b/p"]), (Url("s3://b/p"),)])
def test_mirrors_in_any_form(mirrors):
    assert Fetch("https://h/a", mirrors=mirrors).mirrors == (Url("s3://b/p"),)


def test_destinations():
    assert Fetch("https://h/a", Path("x/y")).to == str(Path("x/y"))
    assert Fetch("https://h/a", "x/").to == "x/"
    assert Fetch("https://h/a", "caf\u00e9 \udcff").to == "caf\u00e9 \udcff"


class _BytesPath:
    def __fspath__(self):
        return b"x"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"to": ""}, "destination is empty"),
        ({"to": "a\0b"}, "NUL"),
        ({"to": b"x"}, "not bytes"),
        ({"to": 5}, "not int"),
        ({"to": _BytesPath()}, "not _BytesPath"),
        ({"size": -1}, "number of bytes"),
        ({"size": 1.0}, "number of bytes"),
        ({"size": True}, "number of bytes"),
        ({"size": "5"}, "number of bytes"),
        ({"size": float("nan")}, "number of bytes"),
        ({"digest": "sha3:00"}, "unknown digest"),
        ({"digest": ["sha256", "x"]}, "unknown digest"),
        ({"digest": 5}, "digest is a string"),
        ({"mirrors": ["nowhere"]}, "scheme is missing"),
        ({"mirrors": [5]}, "a URL is a string"),
        ({"mirrors": b"s3://b/k"}, "a URL is a string"),
        ({"mirrors": 5}, "iterable of URLs, not int"),
        ({"unless": '"etag"'}, "is a Validator"),
        ({"unless": {}}, "is a Validator"),
    ],
)
def test_wrong_wishes(wrong, why):
    with pytest.raises(MistakeError, match=why) as raised:
        Fetch(_URL, **wrong)
    assert "s3cr3t" not in str(raised.value)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize("url", ["", "h/a", None, 5, b"https://h/a"])
def test_wrong_urls(url):
    with pytest.raises(InvalidUrl):
        Fetch(url)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"A": "x\r\nB: y"}, "control character"),
        ({"A": "x\ny"}, "control character"),
        ({"A": "x\ry"}, "control character"),
        ({"A": "x\0y"}, "control character"),
        ({"A": "x\x1by"}, "control character"),
        ({"A": "x\x85y"}, "control character"),
        ({"A": "x\u2028y"}, "control character"),
        ({"A\r\nB": "x"}, "not the name"),
        ({"A:": "x"}, "not the name"),
        ({"A B": "x"}, "not the name"),
        ({"A\n": "x"}, "not the name"),
        ({"": "x"}, "not the name"),
        ({"\u00c4": "x"}, "not the name"),
        ({"A": 5}, "name and value as str"),
        ({"A": None}, "name and value as str"),
        ({"A": b"x"}, "name and value as str"),
        ({b"A": "x"}, "name and value as str"),
        ([("A", "x", "y")], "name and value as str"),
        ([("A",)], "name and value as str"),
        ("Accept", "name and value as str"),
        (5, "name and value as str"),
        ([5], "name and value as str"),
    ],
)
def test_wrong_headers(headers, why):
    with pytest.raises(MistakeError, match=why) as raised:
        Fetch("https://h/a", headers=headers)
    assert str(raised.value).isprintable()


_RESERVED = [
    "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "Accept-Encoding",
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "TE", "Upgrade", "Expect",
]  # fmt: skip


@pytest.mark.parametrize("name", _RESERVED)
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_reserved_headers(name, case):
    with pytest.raises(MistakeError, match="set by asyncfetch itself") as raised:
        Fetch("https://h/a", headers={case(name): "s3cr3t"})
    assert "s3cr3t" not in str(raised.value)


def test_headers_in_any_form():
    expected = (("Authorization", "Bearer x"), ("X-B", ""))
    assert Fetch("https://h/a", headers=dict(expected)).headers == expected
    assert Fetch("https://h/a", headers=expected).headers == expected
    assert Fetch("https://h/a", headers=iter(expected)).headers == expected
    assert Fetch("https://h/a", headers=[list(pair) for pair in expected]).headers == expected
    assert Fetch("https://h/a", headers={"X-Name": "caf\u00e9"}).headers == (("X-Name", "caf\u00e9"),)


def test_it_shows_no_secret():
    wish = Fetch(_URL, "x", mirrors=[_URL], headers={"Authorization": "s3cr3t"}, digest="md5", size=5)
    expected = "Fetch('https://***@h.example/p.conda?token=***', 'x', digest='md5', size=5, "
    assert repr(wish) == str(wish) == expected + "mirrors=['https://***@h.example/p.conda?token=***'])"


def test_a_value():
    one, same = (Fetch("https://h/a", "x", digest="md5", headers={"A": "b"}) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != Fetch("https://h/a", "x", digest="md5", headers={"A": "c"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.size = 5
    assert dataclasses.replace(one, size=5).size == 5
    assert dataclasses.replace(one, size=5).headers == one.headers


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda wish: pickle.loads(pickle.dumps(wish))])
def test_copies_are_equal(way):
    wish = Fetch(_URL, "x", mirrors=["s3://b/k"], digest=["md5", "sha1"], size=5, headers={"A": "b"})
    again = way(wish)
    assert again == wish
    assert again.url.reveal() == _URL


def test_a_result_shows_where_from_and_where_to():
    wish = Fetch(_URL, "x")
    assert repr(Result(wish, "x", wish.url, 5, elapsed=1.234)) == f"<Result {wish.url} -> x: 5 bytes in 1.23 s>"
    assert repr(Result(wish, None, wish.url, 5, unchanged=True)) == f"<Result {wish.url} -> memory: unchanged>"
    assert pickle.loads(pickle.dumps(Result(wish, "x", wish.url, 5))).fetch == wish
