"""Reading HTTP fields: every form that is legal, and nothing that is not."""

import base64
import hashlib
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, strategies as st

from asyncfetch._policy import fields

WHEN = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_every_form_of_a_date(text):
    assert fields.date(text) == WHEN


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "0",
        "-1",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, again",
    ],
)
def test_what_is_no_date(text):
    assert fields.date(text) is None


@given(st.integers(31_536_000, 253_402_300_799))
def test_dates_survive(seconds):
    when = datetime.fromtimestamp(seconds, UTC)
    assert fields.date(format_datetime(when, usegmt=True)) == when


def test_a_leap_second_is_a_date():
    assert fields.date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_old_dates_of_two_digits():
    assert fields.date("Friday, 01-Jan-21 00:00:00 GMT").year == 2021
    assert fields.date("Thursday, 01-Jan-70 00:00:00 GMT").year == 1970


@pytest.mark.parametrize("tag", ['"a"', '""', '"a b"'.replace(" ", "!"), '"\xe9"'])
def test_strong_tags(tag):
    assert fields.is_strong_tag(tag)


@pytest.mark.parametrize("tag", ['W/"a"', "a", "", '"a', 'a"', '"a" ', '"a"b"', '"a", "b"', 'w/"a"'])
def test_tags_that_are_weak_or_malformed(tag):
    assert not fields.is_strong_tag(tag)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("12", 12),
        ("12, 12", 12),
        ("12,12,12", 12),
        ("12, 13", None),
        ("-1", None),
        ("+1", None),
        ("1_0", None),
        ("", None),
        (None, None),
        ("0x10", None),
        ("²", None),
        ("9" * 20, None),
        ("1.0", None),
    ],
)
def test_length(text, size):
    assert fields.length(text) == size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes 0-0/1", (0, 1, 1)),
        ("bytes 10-19/100", (10, 20, 100)),
        ("bytes 10-19/*", (10, 20, None)),
        ("Bytes  10-19/20", (10, 20, 20)),
    ],
)
def test_content_range(text, expected):
    assert fields.content_range(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "bytes 10-9/100",
        "bytes 10-100/100",
        "bytes */100",
        "items 0-1/2",
        "bytes 0-1",
        "bytes=0-1/2",
        "bytes -1-2/3",
        "0-1/2",
        "bytes 0-1/2, bytes 2-3/4",
        "bytes 0 - 1/2",
        f"bytes 0-{'9' * 20}/{'9' * 20}",
        "",
    ],
)
def test_content_ranges_that_make_no_sense(text):
    assert fields.content_range(text) is None


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "9" * 400}, 999_999_999),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, 10),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:27 GMT"}, 0),
        # the sender's clock is a year off: its own Date says how long it means
        ({"retry-after": "Mon, 06 Nov 1995 08:49:47 GMT", "date": "Mon, 06 Nov 1995 08:49:37 GMT"}, 10),
    ],
)
def test_retry_after(headers, pause):
    assert fields.retry_after(headers, WHEN.timestamp()) == pause


def encoded(algorithm, data=b"x"):
    return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


SHA256 = f"sha256:{hashlib.sha256(b'x').hexdigest()}"


@pytest.mark.parametrize(
    ("name", "text", "digest"),
    [
        ("repr-digest", f"sha-256=:{encoded('sha256')}:", SHA256),
        ("repr-digest", f"md5=:{encoded('md5')}:, sha-256=:{encoded('sha256')}:;a=1", SHA256),
        ("repr-digest", f"sha-512=:{encoded('sha512')}:", f"sha512:{hashlib.sha512(b'x').hexdigest()}"),
        ("digest", f"SHA-256={encoded('sha256')},md5={encoded('md5')}", SHA256),
        ("digest", f"SHA={encoded('sha1')}", f"sha1:{hashlib.sha1(b'x').hexdigest()}"),
        ("digest", f"MD5={encoded('md5')}", f"md5:{hashlib.md5(b'x').hexdigest()}"),
    ],
)
def test_declared_digests(name, text, digest):
    assert fields.declared_digests({name: text}, whole=False) == (digest,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha-256",
        "sha-256=abc",
        "sha-256=:abc:",
        "sha-256=:!!!!:",
        f"sha-256=:{encoded('md5')}:",
        "crc32c=:AAAAAA==:",
        f'x="a, sha-256=:{encoded("sha256")}:"',
        f"sha-256=:{encoded('sha256')[:-1]}:",
    ],
)
def test_digests_that_cannot_be_read_are_ignored(text):
    assert fields.declared_digests({"repr-digest": text}, whole=True) == ()


def test_content_digest_is_about_the_message():
    headers = {"content-digest": f"sha-256=:{encoded('sha256')}:"}
    assert fields.declared_digests(headers, whole=True) == (SHA256,)
    assert fields.declared_digests(headers, whole=False) == ()


def test_repr_digest_beats_the_others():
    headers = {"digest": f"sha-256={encoded('sha256', b'y')}", "repr-digest": f"sha-256=:{encoded('sha256')}:"}
    assert fields.declared_digests(headers, whole=True) == (SHA256,)


def test_gather_joins_lines():
    assert fields.gather([("a", "1"), ("b", "2"), ("a", "3")]) == {"a": "1, 3", "b": "2"}
