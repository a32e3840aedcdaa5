"""URL to path and back, and what may not pass."""

from __future__ import annotations

import pytest

from asyncfetch import InvalidUrl, Url
from asyncfetch._transports.ftp.paths import below, file_path_of, path_of, shown

CASES = [
    ("ftp://h/a/b.txt", "a/b.txt"),  # relative to the login folder (RFC 1738 section 3.2.2)
    ("ftp://h/%2Fetc/motd", "/etc/motd"),  # absolute
    ("ftp://h/%2fetc%2fmotd", "/etc/motd"),
    ("ftp://h//etc/motd", "/etc/motd"),
    ("ftp://h/a%20b%25", "a b%"),
    ("ftp://h/f;type=i", "f"),
    ("ftp://h/f;TYPE=I", "f"),
    ("ftp://h/f%3Btype=a", "f;type=a"),
    ("ftp://h/what?now", "what?now"),  # no query in this scheme
    ("ftp://h/-rf", "-rf"),
    ("ftp://h", ""),
    ("ftp://h/", ""),
    ("ftp://h/d/", "d/"),
]


@pytest.mark.parametrize(("url", "path"), CASES)
def test_path(url, path):
    assert path_of(Url(url), "utf-8") == path


def test_names_go_out_in_the_encoding_of_the_server_and_come_back():
    for encoding, wire in (("utf-8", b"\xc3\xa9.txt"), ("latin-1", b"\xe9.txt"), ("cp437", b"\x82.txt")):
        path = path_of(Url("ftp://h/%C3%A9.txt"), encoding)
        assert path.encode("latin-1") == wire
        assert shown(path, encoding) == "é.txt"


def test_bytes_that_are_no_text_go_out_as_they_are():
    assert path_of(Url("ftp://h/%FF%FE"), "utf-8").encode("latin-1") == b"\xff\xfe"
    assert path_of(Url("ftp://h/%E2%82%AC"), "latin-1").encode("latin-1") == b"\xe2\x82\xac"  # no euro in Latin-1
    entry = below(Url("ftp://h/d"), shown("\xff", "utf-8"), is_folder=False)
    assert entry.reveal() == "ftp://h/d/%FF"
    assert path_of(entry, "utf-8").encode("latin-1") == b"d/\xff"


@pytest.mark.parametrize("mark", ["%0D", "%0A", "%00", "%0d%0aDELE%20x"])
@pytest.mark.parametrize("where", ["a{}b", "{}", "d/{}"])
def test_what_would_be_a_command_is_refused(mark, where):
    with pytest.raises(InvalidUrl, match="CR, LF or NUL in the path"):
        path_of(Url("ftp://h/" + where.format(mark)), "utf-8")


@pytest.mark.parametrize("kind", ["a", "d", "A", "x", ""])
def test_transfers_that_change_bytes_are_refused(kind):
    with pytest.raises(InvalidUrl, match="leave it out"):
        path_of(Url(f"ftp://h/f;type={kind}"), "utf-8")


@pytest.mark.parametrize("url", ["ftp://h", "ftp://h/", "ftp://h/d/"])
def test_a_folder_is_no_file(url):
    with pytest.raises(InvalidUrl, match="a folder"):
        file_path_of(Url(url), "utf-8")


def test_entries_keep_who_asks_and_lose_the_query():
    assert below(Url("ftp://me:pw@h:2121/d?x"), "a b?%", is_folder=False).reveal() == "ftp://me:pw@h:2121/d/a%20b%3F%25"
    assert below(Url("ftp://h/d/"), "sub", is_folder=True).reveal() == "ftp://h/d/sub/"
    assert below(Url("ftp://h"), "f", is_folder=False).reveal() == "ftp://h/f"
