"""What each reply means: the three answers, every doubt about a range, every status that there is."""

import pytest
from hypothesis import given, settings, strategies as st

from asyncfetch import (
    AccessDenied,
    Answer,
    Busy,
    FetchError,
    NotFound,
    ProtocolViolation,
    RangeRefused,
    Request,
    SourceError,
    Url,
    Validator,
    Verdict,
)
from asyncfetch._policy.answers import read

URL = Url("https://h.example/p.conda")
STRONG = Validator(str(URL), etag='"v1"', size=100, strong=True)
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
OLDER = "Sun, 06 Nov 1994 08:49:36 GMT"


def ask(status, headers=(), *, offset=0, end=None, matching=None, unless=None, url=URL):
    request = Request(url, offset, end, matching, unless)
    return read(request, status, list(dict(headers).items()), now=0)


def test_the_whole():
    headers = {"content-length": "100", "etag": '"v1"', "last-modified": OLDER, "content-type": "text/plain"}
    reading = ask(200, headers)
    assert (reading.answer, reading.offset, reading.size) == (Answer.FULL, 0, 100)
    assert reading.validator == Validator(str(URL), '"v1"', OLDER, None, 100, strong=True)
    assert reading.content_type == "text/plain"
    assert reading.digests == ()


def test_the_whole_instead_of_a_range():
    assert ask(200, {"content-length": "100"}, offset=10, matching=STRONG).answer is Answer.FULL


@pytest.mark.parametrize(
    ("headers", "strong"),
    [
        ({"etag": '"a"'}, True),
        ({"etag": 'W/"a"'}, False),
        ({"etag": "a"}, False),
        ({"etag": 'W/"a"', "last-modified": OLDER, "date": DATE}, False),
        ({"last-modified": OLDER, "date": DATE}, True),
        ({"last-modified": DATE, "date": DATE}, False),
        ({"last-modified": DATE, "date": OLDER}, False),
        ({"last-modified": DATE}, True),
        ({"last-modified": "yesterday"}, False),
        ({}, False),
    ],
)
def test_which_validators_are_strong(headers, strong):
    assert ask(200, headers).validator.strong is strong


def test_the_source_is_masked_and_the_one_asked():
    asked = Url("https://me:pw@h.example/t/tk-1/x")
    reading = read(Request(asked), 200, [], now=0, url=Url("https://cdn.example/x"))
    assert reading.validator.source == str(asked) == "https://***@h.example/t/***/x"


@pytest.mark.parametrize("text", ["12, 13", "x", "-1"])
def test_a_length_that_is_none(text):
    with pytest.raises(ProtocolViolation, match="Content-Length"):
        ask(200, {"content-length": text})


def test_chunked_overrides_the_length():
    assert ask(200, {"content-length": "5", "transfer-encoding": "chunked"}).size is None


# -- ranges


def part(text="bytes 10-99/100", **more):
    return {"content-range": text, **{name.replace("_", "-"): value for name, value in more.items()}}


def test_a_part():
    reading = ask(206, part(etag='"v1"', content_length="90"), offset=10, matching=STRONG)
    assert (reading.answer, reading.offset, reading.size) == (Answer.PARTIAL, 10, 100)
    assert reading.validator == Validator(str(URL), '"v1"', size=100, strong=True)


def test_a_part_up_to_an_end():
    reading = ask(206, part("bytes 10-19/100"), offset=10, end=20)
    assert (reading.offset, reading.size) == (10, 100)


def test_a_part_from_the_start_to_an_end():
    assert ask(206, part("bytes 0-0/100"), end=1).answer is Answer.PARTIAL


def test_an_end_beyond_the_end():
    assert ask(206, part("bytes 10-99/100"), offset=10, end=1000).size == 100


def test_an_unsaid_total_is_known_from_the_validator():
    assert ask(206, part("bytes 10-99/*"), offset=10, matching=STRONG).size == 100


def test_an_unsaid_total_does_not_matter_to_a_closed_range():
    assert ask(206, part("bytes 10-19/*"), offset=10, end=20).size is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        part("bytes 0-99/100"),  # from the start
        part("bytes 11-99/100"),  # one later: parfive's overlap, reversed
        part("bytes 9-99/100"),
        part("bytes 10-98/100"),  # not up to the end
        part("bytes 10-100/100"),  # beyond the end
        part("bytes 10-9/100"),
        part("bytes 10-99/*"),  # as far as it goes, but is that all?
        part("bytes */100"),
        part("items 10-99/100"),
        part("nonsense"),
        part(content_length="89"),
        part(content_type="multipart/byteranges; boundary=x"),
        {"content-type": "Multipart/ByteRanges; boundary=x"},
        part(content_encoding="gzip"),
    ],
)
def test_parts_that_are_not_used(headers):
    with pytest.raises(RangeRefused) as caught:
        ask(206, headers, offset=10)
    assert caught.value.status == 206
    assert str(URL) in str(caught.value)


@pytest.mark.parametrize("text", ["bytes 10-18/100", "bytes 10-20/100", "bytes 10-99/100", "bytes 11-19/100"])
def test_parts_that_are_not_the_part(text):
    with pytest.raises(RangeRefused):
        ask(206, part(text), offset=10, end=20)


def test_a_part_that_nobody_asked_for():
    with pytest.raises(ProtocolViolation) as caught:
        ask(206, part("bytes 0-99/100"))
    assert not isinstance(caught.value, RangeRefused)


def test_a_range_in_disguise():
    """Rclone answers a Range with status 200 and a Content-Range."""
    with pytest.raises(RangeRefused):
        ask(200, part(content_length="90"), offset=10)
    with pytest.raises(ProtocolViolation):
        ask(200, part(content_length="90"))


def test_a_content_range_of_the_whole_does_no_harm():
    assert ask(200, part("bytes 0-99/100", content_length="100")).size == 100
    with pytest.raises(ProtocolViolation):
        ask(200, part("bytes 0-99/100", content_length="90"))


def test_a_part_is_used_only_when_it_is_the_part():
    used = []
    near = st.integers(-1, 1)

    @settings(max_examples=600, derandomize=True)
    @given(offset=st.integers(1, 9), shift=near, size=st.integers(1, 5), rest=near, more=near, mark=st.booleans())
    def judge(offset, shift, size, rest, more, mark):
        end = offset + size if mark else None
        start, last = offset + shift, offset + size - 1 + rest
        total = last + 1 + more
        text = f"bytes {start}-{last}/{total}"
        try:
            reading = ask(206, part(text), offset=offset, end=end)
        except RangeRefused:
            return
        used.append(text)
        assert start == reading.offset == offset <= last < total
        # the last byte is the last one asked for, or the last one there is
        assert last + 1 == (total if end is None else min(end, total))

    judge()
    assert len(used) >= 20


# -- conditions


def test_unchanged():
    reading = ask(304, {"etag": '"v1"', "date": DATE}, unless=STRONG)
    assert reading.answer is Answer.UNCHANGED
    assert reading.validator == STRONG
    assert reading.size == 100


def test_unchanged_may_say_nothing():
    assert ask(304, unless=STRONG).validator == STRONG


def test_unchanged_keeps_the_strength_it_had():
    weak = Validator(str(URL), etag='W/"v1"', size=100)
    assert ask(304, {"etag": '"v1"'}, unless=weak).validator.strong is False


def test_unchanged_but_another():
    with pytest.raises(ProtocolViolation, match="entity tag"):
        ask(304, {"etag": '"v2"'}, unless=STRONG)


def test_unchanged_though_nobody_asked():
    with pytest.raises(ProtocolViolation, match="without a condition"):
        ask(304)


# -- everything else


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, NotFound), (410, NotFound)]
    + [(status, AccessDenied) for status in (401, 403, 407, 451)]
    + [(status, Busy) for status in (408, 421, 425, 429, 500, 502, 503, 504)]
    + [(status, SourceError) for status in (201, 202, 203, 204, 205, 207, 300, 305, 306, 400, 402, 405, 406, 409, 411)]
    + [(status, SourceError) for status in (412, 413, 414, 415, 417, 418, 422, 423, 424, 426, 428, 431, 501, 505, 507)]
    + [(status, SourceError) for status in (508, 511, 520, 599, 999)],
)
def test_statuses(status, kind):
    with pytest.raises(kind) as caught:
        ask(status)
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert str(status) in str(caught.value)


@given(st.integers(200, 599).filter(lambda status: status not in {200, 304}))
def test_every_status_ends_in_the_tree(status):
    with pytest.raises(FetchError) as caught:
        ask(status)
    assert caught.value.verdict is not Verdict.ABORT


def test_a_pause_asked_for():
    with pytest.raises(Busy) as caught:
        ask(429, {"retry-after": "12"})
    assert caught.value.retry_after == 12
    with pytest.raises(Busy) as caught:
        ask(503, {"retry-after": "Sun, 06 Nov 1994 08:50:37 GMT", "date": DATE})
    assert caught.value.retry_after == 60
    with pytest.raises(Busy) as caught:
        ask(503)
    assert caught.value.retry_after is None


def test_a_range_that_cannot_be():
    with pytest.raises(RangeRefused):
        ask(416, {"content-range": "bytes */5"}, offset=10)
    with pytest.raises(RangeRefused):
        ask(412, offset=10, matching=STRONG)
    with pytest.raises(ProtocolViolation) as caught:
        ask(416)
    assert not isinstance(caught.value, RangeRefused)


def test_denials_say_what_to_do():
    with pytest.raises(AccessDenied, match="auth="):
        ask(401)
    with pytest.raises(AccessDenied, match="proxy"):
        ask(407)


# -- content coding


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "br", "zstd", "deflate", "gzip, br", "GZIP"])
def test_a_coding_that_nobody_asked_for(coding):
    with pytest.raises(ProtocolViolation, match="coded"):
        ask(200, {"content-encoding": coding}, url=Url("https://h.example/repodata.json"))


@pytest.mark.parametrize("coding", ["", "identity", "aws-chunked", "Identity"])
def test_codings_that_are_none(coding):
    assert ask(200, {"content-encoding": coding}).answer is Answer.FULL


@pytest.mark.parametrize(
    ("name", "coding"),
    [("a.tar.gz", "x-gzip"), ("a.tgz", "gzip"), ("A.GZ", "gzip"), ("r.json.zst", "zstd"), ("a.tar.bz2", "x-bzip2")],
)
def test_a_coding_that_is_the_format_of_the_file(name, coding):
    """Apache with `AddEncoding x-gzip .gz` labels a .tar.gz so; its bytes are the file's."""
    assert ask(200, {"content-encoding": coding}, url=Url(f"https://h.example/{name}")).answer is Answer.FULL


def test_another_coding_than_that_of_the_file():
    with pytest.raises(ProtocolViolation):
        ask(200, {"content-encoding": "gzip"}, url=Url("https://h.example/r.json.zst"))
    with pytest.raises(ProtocolViolation):
        ask(200, {"content-encoding": "gzip, gzip"}, url=Url("https://h.example/a.gz"))


def test_the_format_may_show_after_a_redirect_only():
    request = Request(Url("https://h.example/latest"))
    headers = [("content-encoding", "gzip")]
    assert read(request, 200, headers, now=0, url=Url("https://h.example/v1.tar.gz")).answer is Answer.FULL
