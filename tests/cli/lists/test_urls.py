"""URLs one a line, and the aria2 input form."""

import io
import logging

import pytest

from asyncfetch import Fetch
from asyncfetch.cli.lists import ListMistake, read

from .reading import entries, mistake, wishes

SHA = "ab" * 32
MD5 = "cd" * 16


def test_urls_one_a_line_with_comments_and_any_line_end():
    text = "\ufeff# pick\n\nhttp://h.example/a\r\n  \n\thttps://h.example/b?x=1\n   ftp://h.example/c"
    assert wishes(text) == [
        Fetch("http://h.example/a"),
        Fetch("https://h.example/b?x=1"),
        Fetch("ftp://h.example/c"),
    ]


def test_a_digest_in_a_fragment_is_not_lost():
    assert [one.digest for one in wishes(f"http://h/a#sha256:{SHA}\nhttp://h/b#md5={MD5}\nhttp://h/c#top")] == [
        f"sha256:{SHA}",
        f"md5:{MD5}",
        None,
    ]


def test_a_digest_in_a_fragment_that_cannot_be_one_is_a_mistake():
    assert mistake("http://h/a#sha256:abc").line == 1


def test_aria2_mirrors_and_options():
    text = (
        "http://a.example/f.iso\tftp://b.example/f.iso\n"
        "  out=g.iso\n"
        "  dir=images/cd\n"
        f"  checksum=sha-256={SHA.upper()}\n"
        "  header=X-One: 1\n"
        "  header=X-Two: a:b\n"
        "http://a.example/h\n"
        "\tdir=images\n"
    )
    assert wishes(text) == [
        Fetch(
            "http://a.example/f.iso",
            "images/cd/g.iso",
            mirrors=["ftp://b.example/f.iso"],
            digest=f"sha256:{SHA}",
            headers=[("X-One", "1"), ("X-Two", "a:b")],
        ),
        Fetch("http://a.example/h", "images/"),
    ]


def test_options_that_mean_nothing_here_are_named_and_left_out(caplog):
    with caplog.at_level(logging.WARNING, logger="asyncfetch"):
        assert wishes("http://h/a\n  split=5\n  out=b\n") == [Fetch("http://h/a", "b")]
    assert [record.getMessage() for record in caplog.records] == ["list line 2: the option split is not used here"]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("http://h/a\n\nnowhere\nhttp://h/b\n", 3, "scheme is missing"),
        ("http://h/a\n  out=../b\n  dir=c\nhttp://h/b\n", 2, "leads out"),
        ("http://h/a\n  out=/etc/passwd\nhttp://h/b\n", 2, "leads out"),
        ("http://h/a\n  out=C:b\nhttp://h/b\n", 2, "leads out"),
        ("http://h/a\n  dir=a\\..\\..\\b\nhttp://h/b\n", 2, "leads out"),
        ("http://h/a\n  dir=..\nhttp://h/b\n", 2, "leads out"),
        ("http://h/a\n  out=a/\nhttp://h/b\n", 2, "names no file"),
        ("http://h/a\n  out=\x1b[2Jb\nhttp://h/b\n", 2, "does not print"),
        ("http://h/a\n  checksum=sha-256=12\nhttp://h/b\n", 2, "64 hex digits"),
        ("http://h/a\n  checksum=adler32=12345678\nhttp://h/b\n", 2, "none of the digests can be checked: adler32"),
        ("http://h/a\n  header=nothing\nhttp://h/b\n", 2, "Name: value"),
        ("http://h/a\n  header=Range: bytes=0-\nhttp://h/b\n", 1, "set by asyncfetch itself"),
        ("# list\n  out=a\nhttp://h/b\n", 2, "before the first URL"),
        ("http://h/a\tnowhere\nhttp://h/b\n", 1, "scheme is missing"),
        (b"http://h/\xff\xfe\nhttp://h/b\n", 1, "not UTF-8"),
        ("http://h/\x00\nhttp://h/b\n", 1, "control character"),
    ],
)
def test_a_mistake_names_its_line_and_costs_no_other(text, line, reason):
    found = entries(text)
    (wrong,) = [entry for entry in found if isinstance(entry, ListMistake)]
    assert (wrong.line, wrong.name) == (line, "list")
    assert reason in str(wrong)
    assert f"`list` line {line}: " in str(wrong)
    if "UTF-8" not in reason:  # after bytes that are no text, nothing can be trusted
        assert found[-1] == Fetch("http://h/b")


def test_a_mistake_shows_no_secret():
    text = str(mistake("http://me:hunter2@h:port/t/tk-1234/x?X-Amz-Signature=5ecret"))
    assert "hunter2" not in text
    assert "tk-1234" not in text
    assert "5ecret" not in text


def test_what_is_no_list_at_all_is_given_up_soon():
    found = entries("junk\n" * 1000)
    assert len(found) == 21
    assert "too many mistakes" in str(found[-1])


def test_utf16_is_named():
    assert "UTF-16" in str(mistake("http://h/a\n".encode("utf-16")))


def test_a_line_without_end_is_not_held():
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = b"x" * len(buffer)
            Endless.given += len(buffer)
            return len(buffer)

    (found,) = read(io.BufferedReader(Endless()), "endless")
    assert "longer than" in str(found)
    assert Endless.given < 10_000_000


def test_lines_are_read_as_they_are_asked_for():
    class Watched(io.BytesIO):
        lines = 0

        def readline(self, *limit):
            Watched.lines += 1
            return super().readline(*limit)

    reading = read(Watched(b"".join(b"http://h/%d\n" % number for number in range(100_000))), "long")
    assert [next(reading).url.name for _ in range(10)] == [str(number) for number in range(10)]
    assert Watched.lines < 20


def test_an_empty_list_holds_nothing():
    assert entries("") == entries("# nothing\n\n") == []


def test_a_disk_that_fails_is_a_mistake():
    class Broken(io.BytesIO):
        def readline(self, *_):
            raise OSError(5, "Input/output error")

    (found,) = read(Broken(), "broken")
    assert str(found) == "cannot read the list `broken`: Input/output error"
