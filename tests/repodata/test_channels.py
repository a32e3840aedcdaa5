"""From what people write to URLs and to the names of cached files."""

import os

import pytest

from asyncfetch import InvalidUrl, MistakeError, Url
from asyncfetch.repodata import Channel
from asyncfetch.repodata._channels import key_for, place
from asyncfetch.repodata._tokens import given

ALIAS = Url("https://conda.anaconda.org")


def place_of(channel, subdir="linux-64", tokens=None, alias=ALIAS):
    channel = Channel.of(channel)
    return place(channel, subdir, channel.sources(alias), tokens or [])


@pytest.mark.parametrize(
    ("url", "file_name", "key"),
    [
        ("https://conda.anaconda.org/conda-forge/linux-64", "repodata.json", "497deca9"),
        ("https://conda.anaconda.org/conda-forge/linux-64/", "repodata.json", "497deca9"),
        ("https://conda.anaconda.org/conda-forge/noarch", "repodata.json", "09cdf8bf"),
        ("https://repo.anaconda.com/pkgs/main/linux-64", "current_repodata.json", "9e0f62c3"),
        ("s3://bucket/linux-64", "repodata.json", "fc68dc17"),
        ("http://repo.anaconda.com/pkgs/free/osx-64", "repodata.json", "1e817819"),
        ("https://repo.anaconda.com/pkgs/free/osx-64", "repodata.json", "3ce78580"),
    ],
)
def test_condas_own_keys(url, file_name, key):
    assert key_for(Url(url), file_name) == key


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        ("conda-forge", "https://conda.anaconda.org/conda-forge/linux-64"),
        ("conda-forge/label/dev/", "https://conda.anaconda.org/conda-forge/label/dev/linux-64"),
        ("https://h.example/a/b/", "https://h.example/a/b/linux-64"),
        ("http://h.example:8000", "http://h.example:8000/linux-64"),
        ("s3://Bucket", "s3://Bucket/linux-64"),
        ("ftp://h.example/pub", "ftp://h.example/pub/linux-64"),
        ("file:///srv/channel", "file:///srv/channel/linux-64"),
        ("/srv/my channel", "file:///srv/my%20channel/linux-64"),
        (Url("https://h.example/a"), "https://h.example/a/linux-64"),
        (Channel("main"), "https://conda.anaconda.org/main/linux-64"),
    ],
)
def test_what_a_channel_may_be(channel, url):
    assert place_of(channel).urls == (Url(url),)


def test_a_path_is_meant_from_here_or_from_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place_of("./a").urls[0] == (tmp_path / "a" / "linux-64").as_uri()
    assert place_of("~/a").urls[0].path == os.path.expanduser("~/a/linux-64")


@pytest.mark.parametrize("channel", ["", " ", "a b", "-x", 7, None, b"x", "a/../b\n"])
def test_what_is_no_channel(channel):
    with pytest.raises(MistakeError):
        Channel(channel)


def test_a_channel_has_no_query():
    with pytest.raises(InvalidUrl, match="no query"):
        Channel("https://h.example/a?x=1")
    with pytest.raises(InvalidUrl, match="no query"):
        Channel("a", mirrors="https://h.example/a?x=1")


@pytest.mark.parametrize("subdir", ["", "a/b", "..", ".", "a\\b", "a b", 7, "linux-64/"])
def test_what_is_no_subdir(subdir):
    with pytest.raises(MistakeError, match="not a subdir"):
        place_of("main", subdir)


def test_mirrors_come_after_the_channel_and_do_not_change_its_key():
    one = place_of(Channel("https://h.example/a", mirrors=["s3://bucket/a", "file:///srv/a/"]))
    assert one.urls == ("https://h.example/a/linux-64", "s3://bucket/a/linux-64", "file:///srv/a/linux-64")
    assert one.key == place_of("https://h.example/a").key


TOKENS = given({"https://h.example": "tk-1"})


@pytest.mark.parametrize(
    ("channel", "url"),
    [
        ("https://h.example/a", "https://h.example/t/tk-1/a/linux-64"),
        ("https://h.example:443/a", "https://h.example/t/tk-1/a/linux-64"),
        ("https://me:pw@h.example/a", "https://me:pw@h.example/t/tk-1/a/linux-64"),
        ("https://h.example/t/own/a", "https://h.example/t/own/a/linux-64"),
        ("https://h.example.evil.test/a", "https://h.example.evil.test/a/linux-64"),
        ("http://h.example/a", "http://h.example/a/linux-64"),
        ("https://h.example:8443/a", "https://h.example:8443/a/linux-64"),
        ("https://other.example/a", "https://other.example/a/linux-64"),
    ],
)
def test_a_token_goes_to_its_origin_alone(channel, url):
    assert place_of(channel, tokens=TOKENS).urls == (Url(url),)


def test_the_key_is_that_of_the_url_as_it_is_written_and_nothing_shows_its_secrets():
    """conda puts a token that is stored into the request, and keeps the file under the URL that has none."""
    one = place_of(Channel("https://me:pw@h.example/a", mirrors=["https://h.example/b"]), tokens=TOKENS)
    assert one.key == key_for(Url("https://me:pw@h.example/a/linux-64"))
    assert place_of("https://h.example/t/tk-1/a").key == key_for(Url("https://h.example/t/tk-1/a/linux-64"))
    assert one.public == place_of("https://h.example/t/tk-1/a").public == "https://h.example/a/linux-64"
    assert one.channel == "https://***@h.example/a"
    for text in (repr(one), str(one.urls), one.public, repr(Channel("https://h.example/t/tk-1/a"))):
        assert "tk-1" not in text
        assert "pw@" not in text


def test_a_token_with_a_slash_is_a_mistake_that_does_not_show_it():
    with pytest.raises(MistakeError) as caught:
        given({"https://h.example": "a/b"})
    assert "a/b" not in str(caught.value)


@pytest.mark.parametrize("site", ["s3://bucket", "https://me@h.example", "https://h.example/?x=1", "nonsense"])
def test_a_token_is_for_a_site(site):
    with pytest.raises((MistakeError, InvalidUrl)):
        given({site: "tk"})


def test_a_token_of_a_path_stays_below_it():
    """Several tenants share a host."""
    tokens = given({"https://h.example/mine/": "tk-1", "https://h.example/mine/dev": "tk-2"})
    for channel, path in (
        ("mine/a", "mine/t/tk-1/a"),
        ("mine/dev/a", "mine/dev/t/tk-2/a"),
        ("mine", "mine/t/tk-1"),
        ("minetoo/a", "minetoo/a"),
        ("a", "a"),
        ("a/mine", "a/mine"),
    ):
        one = place_of(f"https://h.example/{channel}", tokens=tokens)
        assert one.urls == (Url(f"https://h.example/{path}/linux-64"),)
        assert one.public == f"https://h.example/{channel}/linux-64"
