"""Heads and chunks: what is read, and what is refused where two readers could disagree."""

import pytest

from asyncfetch._model.errors import ProtocolViolation, TooLarge
from asyncfetch._transports.http.chunks import read_end, read_size, read_trailers
from asyncfetch._transports.http.head import find_end, read_head


def head(*lines, status="HTTP/1.1 200 OK", bodiless=False):
    return read_head("\r\n".join([status, *lines, "", ""]), bodiless=bodiless)


def test_a_head_is_read():
    read = head("Content-Length: 5", 'ETag:\t "a: b" \t', "X-Empty:", "x-Latin: \xe9")
    assert read.status == 200
    assert read.headers == [("content-length", "5"), ("etag", '"a: b"'), ("x-empty", ""), ("x-latin", "\xe9")]
    assert (read.length, read.chunked, read.lasting) == (5, False, True)


@pytest.mark.parametrize(
    "status", ["HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.1 200 All is well: \xe9", "HTTP/1.9 200 OK"]
)
def test_a_status_line_may_be_bare(status):
    assert head(status=status).status == 200


@pytest.mark.parametrize(
    ("lines", "status", "bodiless", "expected"),
    [
        (["Content-Length: 5"], "HTTP/1.1 200 OK", False, (5, False, True)),
        (["Content-Length: 0"], "HTTP/1.1 200 OK", False, (0, False, True)),
        (["Content-Length: 5, 5"], "HTTP/1.1 200 OK", False, (5, False, True)),
        (["Content-Length: 5", "content-length: 5"], "HTTP/1.1 200 OK", False, (5, False, True)),
        (["Transfer-Encoding: Chunked"], "HTTP/1.1 200 OK", False, (None, True, True)),
        ([], "HTTP/1.1 200 OK", False, (None, False, False)),
        (["Connection: keep-alive"], "HTTP/1.1 200 OK", False, (None, False, False)),
        (["Content-Length: 5", "Connection: close"], "HTTP/1.1 200 OK", False, (5, False, False)),
        (["Content-Length: 5", "Connection: x", "Connection: foo, Close"], "HTTP/1.1 200 OK", False, (5, False, False)),
        (["Content-Length: 5"], "HTTP/1.0 200 OK", False, (5, False, False)),
        (["Content-Length: 5", "Connection: Keep-Alive"], "HTTP/1.0 200 OK", False, (5, False, True)),
        (["Content-Length: 5"], "HTTP/1.1 200 OK", True, (0, False, True)),
        (["Transfer-Encoding: chunked"], "HTTP/1.1 200 OK", True, (0, False, True)),
        ([], "HTTP/1.1 200 OK", True, (0, False, True)),
        (["Content-Length: 5"], "HTTP/1.1 304 Not Modified", False, (0, False, True)),
        ([], "HTTP/1.1 204 No Content", False, (0, False, True)),
        (["Content-Length: 5"], "HTTP/1.1 404 Not Found", False, (5, False, True)),
    ],
)
def test_the_body_is_framed(lines, status, bodiless, expected):
    read = head(*lines, status=status, bodiless=bodiless)
    assert (read.length, read.chunked, read.lasting) == expected


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 5, 6"],
        ["Content-Length: 5,"],
        ["Content-Length: -5"],
        ["Content-Length: +5"],
        ["Content-Length: 5_0"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5.0"],
        ["Content-Length: "],
        ["Content-Length: \xb2"],  # a digit to str.isdigit
        ["Content-Length: 9999999999999999999"],
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: "],
        ["X: a", " folded"],
        ["X: a", "\tfolded"],
        [" X: a"],
        ["X : a"],
        ["X"],
        ["Content-Length"],  # a name that is known, without its colon
        [": a"],
        ["X\xe9: a"],
        ["X(: a"],
        ["X: a\0b"],
        ["X: a\rb"],
        ["X: a\nb"],
        ["X: a\nContent-Length: 5"],
        ["X: a\r"],
    ],
)
@pytest.mark.parametrize("bodiless", [False, True])
def test_what_is_ambiguous_is_refused(lines, bodiless):
    head("Content-Length: 5")  # so that the name is one of those remembered
    with pytest.raises(ProtocolViolation):
        head(*lines, bodiless=bodiless)


@pytest.mark.parametrize(
    "status",
    [
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1  200 OK",
        "HTTP/2 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1 200",
        "http/1.1 200 OK",
        "ICY 200 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 \xb2\xb2\xb2 OK",
        "",
    ],
)
def test_other_status_lines_are_refused(status):
    with pytest.raises(ProtocolViolation):
        head(status=status)


def test_a_transfer_coding_needs_http_1_1():
    with pytest.raises(ProtocolViolation):
        head("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK")


def test_headers_are_bounded_in_number():
    assert len(head(*["X: y"] * 128).headers) == 128
    with pytest.raises(TooLarge):
        head(*["X: y"] * 129)


def test_the_end_of_a_head_is_found_wherever_it_was_cut():
    scratch = bytearray(b"junkHTTP/1.1 200 OK\r\nX: y\r\n\r\nbody")
    behind = scratch.index(b"body")
    for known in range(4, behind):
        for end in range(known, len(scratch)):
            assert find_end(scratch, 4, known, end) == (behind if end >= behind else 0)


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH\r\n", b"\r\nHTTP/1.1", b"\0", b"HTTP/2.0", b"<html>", b"http/1.1 200"]
)
def test_what_cannot_become_a_head_is_refused_at_once(data):
    with pytest.raises(ProtocolViolation, match="not an answer"):
        find_end(bytearray(data), 0, 0, len(data))


@pytest.mark.parametrize("data", [b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200 OK\r\nX: y\n\n", b"HTTP/1.1 200 OK\r\n\n"])
def test_bare_line_feeds_are_refused_at_once(data):
    scratch = bytearray(data)
    for known in range(len(data)):
        if b"\n" not in data[:known].replace(b"\r\n", b""):
            assert find_end(scratch, 0, 0, known) == 0
            with pytest.raises(ProtocolViolation, match="bare line feed"):
                find_end(scratch, 0, known, len(data))


def test_a_head_without_end_is_too_large():
    data = bytearray(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000)
    assert find_end(data, 0, 0, 65_535) == 0
    with pytest.raises(TooLarge):
        find_end(data, 0, 65_535, 65_536)


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (b"5\r\n", 5),
        (b"0\r\n", 0),
        (b"00000fF\r\n", 255),
        (b"5;a=b\r\n", 5),
        (b'5;a="b c"\r\n', 5),
        (b"5 \t;a\r\n", 5),
        (b"5  \r\n", 5),
        (b"fffffffffffffff\r\n", 16**15 - 1),
    ],
)
def test_the_size_of_a_chunk_is_read(line, size):
    scratch = bytearray(b"\r\n" + line + b"rest")
    assert read_size(scratch, 2, len(scratch)) == (2 + len(line), size)
    for end in range(2, 2 + len(line)):
        assert read_size(scratch, 2, end) == (-1, 0)


@pytest.mark.parametrize(
    "line",
    [b"x\r\n", b"-5\r\n", b"+5\r\n", b"0x5\r\n", b"5_0\r\n", b" 5\r\n", b"\r\n", b"5\n", b"5\r5\r\n", b"5 5\r\n",
     b"5;a\rb\r\n", b"5;a\0\r\n", b"1fffffffffffffff\r\n", b"5;" + b"a" * 5000],
)  # fmt: skip
def test_a_bad_size_is_refused(line):
    with pytest.raises(ProtocolViolation):
        read_size(bytearray(line), 0, len(line))


def test_the_end_of_a_chunk_is_exact():
    assert read_end(bytearray(b"\r\n"), 0, 2) == 2
    assert read_end(bytearray(b"\r\n"), 0, 1) == -1
    assert read_end(bytearray(b"\r\n"), 0, 0) == -1
    for wrong in (b"\n\n", b"x\n", b"\rx", b"ab", b"x"):
        with pytest.raises(ProtocolViolation):
            read_end(bytearray(wrong), 0, len(wrong))


def test_trailers_are_dropped():
    for trailers in (b"\r\n", b"A: b\r\n\r\n", b"A: b\r\nC:\r\n\r\n"):
        assert read_trailers(bytearray(trailers + b"x"), 0, len(trailers) + 1) == len(trailers)
        for end in range(len(trailers)):
            assert read_trailers(bytearray(trailers), 0, end) == -1


@pytest.mark.parametrize(
    ("trailers", "error"),
    [
        (b"A b\r\n\r\n", ProtocolViolation),
        (b" A: b\r\n\r\n", ProtocolViolation),
        (b"A: b\n\n", ProtocolViolation),
        (b"\n", ProtocolViolation),
        (b"A: " + b"b" * 17_000, TooLarge),
    ],
)
def test_bad_trailers_are_refused(trailers, error):
    scratch = bytearray(b"\r\n" + trailers)
    with pytest.raises(error):
        read_trailers(scratch, 2, len(scratch))
