"""Tokens of anaconda-client's store: found, put into paths of their site, kept out of everything else."""

import logging
from urllib.parse import quote_plus

import pytest

from asyncfetch import Client, RedirectRefused, Url
from asyncfetch._transports.http.tokens import read_sites, with_token
from asyncfetch.testing import Redirect


@pytest.fixture
def store(tmp_path):
    def put(sites, folder="data"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for url, token in sites.items():
            (tmp_path / folder / f"{quote_plus(url)}.token").write_text(token)
        return {"BINSTAR_CONFIG_DIR": str(tmp_path)} if folder == "data" else {"HOME": str(tmp_path)}

    return put


def asked(env, url):
    found = with_token(Url(url), read_sites(env))
    return None if found is None else found[0].reveal()


@pytest.mark.parametrize(
    ("site", "url", "sent"),
    [
        ("https://h.example", "https://h.example/c/noarch/a.conda", "https://h.example/t/tk-1/c/noarch/a.conda"),
        ("https://h.example/", "https://H.EXAMPLE:443/c?x=1", "https://h.example/t/tk-1/c?x=1"),
        (
            "https://h.example/api/repo",
            "https://h.example/api/repo/c/a%20b",
            "https://h.example/api/repo/t/tk-1/c/a%20b",
        ),
        ("https://api.anaconda.org", "https://conda.anaconda.org/c/a", "https://conda.anaconda.org/t/tk-1/c/a"),
        ("https://api.anaconda.org", "https://api.anaconda.org/a", "https://api.anaconda.org/t/tk-1/a"),
        ("https://h.example", "https://h.example/t/mine/c", None),  # a URL that has one keeps it
        ("https://h.example", "http://h.example/c", None),
        ("https://h.example", "https://h.example.evil.test/c", None),
        ("https://h.example/api", "https://h.example/apis/c", None),
        ("https://h.example/api", "https://h.example/api/../c", None),
        ("https://h.example/api", "https://h.example/api/%2e%2e/c", None),
        ("https://h.example/api", "https://h.example/api%2fc", None),
        ("https://h.example", "ftp://h.example/c", None),
    ],
)
def test_where_a_token_goes(store, site, url, sent):
    assert asked(store({site: "tk-1\n"}), url) == sent


def test_the_longest_site_and_the_own_token_win(store):
    env = store({"https://h.example": "one", "https://h.example/a": "two", "https://api.anaconda.org": "x"})
    store({"https://conda.anaconda.org": "own"})
    assert asked(env, "https://h.example/a/b") == "https://h.example/a/t/two/b"
    assert asked(env, "https://h.example/b") == "https://h.example/t/one/b"
    assert asked(env, "https://conda.anaconda.org/c") == "https://conda.anaconda.org/t/own/c"


@pytest.mark.parametrize("text", ["", "a b", "a/b", "..%2f", "s\u00fc", "x" * 9 + "\r\nHost: evil"])
def test_what_is_no_token_is_not_used_and_not_shown(store, caplog, text):
    env = store({"https://h.example": text})
    assert asked(env, "https://h.example/c") is None
    assert "h.example" in caplog.text
    assert not text or text not in caplog.text


def test_places_of_the_store(store, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    env = store({"https://h.example": "tk"}, ".config/binstar")
    assert asked(env, "https://h.example/c") == "https://h.example/t/tk/c"
    assert asked({"XDG_CONFIG_HOME": str(tmp_path / ".config"), "HOME": "/nowhere"}, "https://h.example/c")
    assert asked({}, "https://h.example/c") is None
    assert asked({"HOME": "/nowhere"}, "https://h.example/c") is None


def test_a_site_shows_no_token(store):
    assert "tk-1" not in repr(read_sites(store({"https://h.example": "tk-1"})))


@pytest.mark.anyio
async def test_fetched_with_a_token(store, http_server, monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    for name, value in store({http_server.url(""): "tk-s3cret"}).items():
        monkeypatch.setenv(name, value)
    http_server.serve("/t/tk-s3cret/c/a", b"hello")
    http_server.serve("/t/tk-s3cret/c/b", always=[Redirect("/c/a", 302)])
    http_server.serve(
        "/t/tk-s3cret/c/e", always=[Redirect(f"http://localhost:{http_server.port}/t/tk-s3cret/c/a", 302)]
    )
    async with Client() as client:
        result = await client.fetch(http_server.url("/c/a"), tmp_path / "a")
        assert "tk-s3cret" not in result.source.reveal()
        again = await client.fetch(http_server.url("/c/b"))
        assert again.chain == (http_server.url("/c/b"),)
        with pytest.raises(RedirectRefused, match="it takes a token to `localhost`") as caught:
            await client.read(http_server.url("/c/e"))
    assert "tk-s3cret" not in f"{caught.value} {caplog.text} {result!r}"


@pytest.mark.anyio
async def test_other_credentials_come_first(store, http_server, monkeypatch):
    for name, value in store({http_server.url(""): "tk-1"}).items():
        monkeypatch.setenv(name, value)
    plain, tokened = http_server.serve("/a", b"x"), http_server.serve("/t/tk-1/a", b"x")
    async with Client(auth={http_server.url("/"): ("me", "pw")}) as client:
        await client.read(plain.url)
    async with Client() as client:
        await client.read(plain.url, headers={"Authorization": "mine"})
        await client.read(plain.url.replace("//", "//me:pw@"))
        assert (plain.hits, tokened.hits) == (3, 0)
        await client.read(plain.url)
    assert (plain.hits, tokened.hits) == (3, 1)
