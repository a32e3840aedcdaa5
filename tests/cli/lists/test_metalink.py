"""Metalink 4 (RFC 5854)."""

import hashlib
import io

import pytest

from asyncfetch import Fetch
from asyncfetch._model.digest import Digest
from asyncfetch.cli.lists import ListMistake, read

from .reading import entries, mistake, wishes

SHA = "ab" * 32
NS = 'xmlns="urn:ietf:params:xml:ns:metalink"'


def document(*files: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<metalink {NS}>\n' + "\n".join(files) + "\n</metalink>\n"


# the shape of the example of RFC 5854 section 1.2
EXAMPLE = document(
    "<generator>pen</generator><published>2009-05-15T12:23:23Z</published>",
    f"""<file name="example.ext">
    <size>14471447</size>
    <identity>Example</identity>
    <hash type="sha-256">{SHA}</hash>
    <hash type="sha-1">{"c" * 40}</hash>
    <pieces length="4" type="sha-256"><hash>{"d" * 64}</hash></pieces>
    <url location="de" priority="2">ftp://ftp.example.com/example.ext</url>
    <url location="fr">rsync://rsync.example.com/example.ext</url>
    <url location="it">http://last.example.com/example.ext</url>
    <url location="fr" priority="1">http://example.com/example.ext?a=1&amp;b=2</url>
    <metaurl mediatype="torrent" priority="2">http://example.com/example.ext.torrent</metaurl>
  </file>""",
    """<file name="folder/two"><url> http://h/two
  </url></file>""",
)


def test_files_with_their_urls_in_order_of_priority():
    assert wishes(EXAMPLE) == [
        Fetch(
            "http://example.com/example.ext?a=1&b=2",
            "example.ext",
            mirrors=["ftp://ftp.example.com/example.ext", "http://last.example.com/example.ext"],
            digest=f"sha256:{SHA}",
            size=14471447,
        ),
        Fetch("http://h/two", "folder/two"),
    ]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ('<file name="../x"><url>http://h/x</url></file>', "leads out"),
        ('<file name="/x"><url>http://h/x</url></file>', "leads out"),
        ('<file name="a/../../x"><url>http://h/x</url></file>', "leads out"),
        ('<file name="C:\\x"><url>http://h/x</url></file>', "leads out"),
        ("<file><url>http://h/x</url></file>", "empty"),
        ('<file name="x"></file>', "has no URL"),
        ('<file name="x"><size>many</size><url>http://h/x</url></file>', "not a number"),
        ('<file name="x"><hash type="sha-256">12</hash><url>http://h/x</url></file>', "64 hex digits"),
        ('<file name="x"><hash type="sha-384">12</hash><url>http://h/x</url></file>', "none of the digests"),
        ('<file name="x"><url>nowhere</url></file>', "scheme is missing"),
    ],
)
def test_a_wrong_file_costs_no_other(file, reason):
    found = entries(document(file, '<file name="y"><url>http://h/y</url></file>'))
    assert isinstance(found[0], ListMistake)
    assert reason in str(found[0])
    assert found[0].line == 3
    assert found[1] == Fetch("http://h/y", "y")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (f'<!DOCTYPE m [<!ENTITY a "b">]>\n<metalink {NS}/>', 1, "document type"),
        (
            f'<?xml version="1.0"?>\n<!DOCTYPE metalink SYSTEM "file:///etc/passwd">\n<metalink {NS}/>',
            2,
            "document type",
        ),
        (f"<metalink {NS}>\n<file name='x'>\n</metalink>", 3, "mismatched tag"),
        (f"<metalink {NS}>\n<file name='x'>", 2, "no element found"),
        (f"<metalink {NS}>\n&unknown;</metalink>", 2, "undefined entity"),
        ("<metalink version='3.0' xmlns='http://www.metalinker.org/'/>", 1, "the outermost element"),
        ("<!doctype html><html></html>", 1, "not Metalink 4"),
        ("<html></html>", 1, "html of no namespace"),
        (f"<metalink {NS}>" + "<a>" * 200, 1, "nested too deeply"),
        (f"<metalink {NS}><a>{'x' * 200_000}</a></metalink>", 1, "characters"),
        ('<?xml version="1.0" encoding="nonsense"?><a/>', 1, "not Metalink 4"),
    ],
)
def test_what_is_broken_as_a_whole_is_named(text, line, reason):
    found = mistake(text)
    assert reason in str(found)
    assert found.line == line


def test_files_before_the_break_are_given():
    found = entries(document('<file name="y"><url>http://h/y</url></file>', "<oops>"))
    assert found[0] == Fetch("http://h/y", "y")
    assert isinstance(found[1], ListMistake)


def test_files_are_given_as_they_are_read():
    file = '<file name="y"><url>http://h/y</url></file>\n'
    stream = io.BytesIO(document(file * 100_000).encode())
    assert next(read(stream, "long")) == Fetch("http://h/y", "y")
    assert stream.tell() < 1_000_000


def pieces(algorithm, length, *bodies, name="sha256"):
    found = "".join(f"<hash>{hashlib.new(name, body).hexdigest()}</hash>" for body in bodies)
    return f'<pieces length="{length}" type="{algorithm}">{found}</pieces>'


def digest_in(*elements):
    (wish,) = wishes(document(f'<file name="y">{"".join(elements)}<url>http://h/y</url></file>'))
    return wish.digest


def test_pieces_are_checked_and_told_apart():
    by_pieces = Digest.of_pieces("sha256", 4, [hashlib.sha256(body).hexdigest() for body in (b"abcd", b"ef")])
    told = pieces("sha-256", 4, b"abcd", b"ef")
    weak = pieces("sha-1", 4, b"abcd", b"ef", name="sha1")
    assert digest_in(told) == by_pieces
    assert digest_in("<size>6</size>", told) == by_pieces
    assert digest_in(f'<hash type="md5">{"0" * 32}</hash>', weak, told) == by_pieces
    whole = f'<hash type="sha-256">{SHA}</hash>'
    assert digest_in(whole, told) == (f"sha256:{SHA}", by_pieces)
    assert [one.pieces for one in digest_in(whole, told)] == [(), by_pieces.pieces]
    assert digest_in(whole, "<size>99</size>", told) == f"sha256:{SHA}", "the whole is proven without them"
    assert digest_in(f'<hash type="whirlpool">{SHA}</hash>', told) == by_pieces
    assert digest_in(weak).algorithm == "sha1/4"
    assert digest_in(f'<hash type="md5">{"0" * 32}</hash>', pieces("whirlpool", 4, b"abcd")) == f"md5:{'0' * 32}"
    assert digest_in('<pieces length="4" type="sha-256"></pieces>') is None


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        (pieces("whirlpool", 4, b"abcd"), "none of the digests of its pieces"),
        (pieces("sha-256", 0, b"abcd"), "number of bytes"),
        (pieces("sha-256", "four", b"abcd"), "number of bytes"),
        (pieces("sha-256", 4, b"abcd", b"ef", name="sha1"), "64 hex digits"),
        ("<size>9</size>" + pieces("sha-256", 4, b"abcd", b"ef"), "9 bytes are not 2 pieces of 4"),
    ],
)
def test_pieces_that_make_no_sense(elements, reason):
    assert reason in str(mistake(document(f'<file name="y">{elements}<url>http://h/y</url></file>')))
