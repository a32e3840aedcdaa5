"""Every fault does on the wire what its docstring says."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import socket
import struct
import threading
import time

import pytest

from asyncfetch.testing import (
    Change,
    Chunked,
    CloseDelimited,
    ConnectionClose,
    Corrupt,
    Cut,
    ExtraHeaders,
    Gzip,
    Hangup,
    Hold,
    Http10,
    HttpServer,
    IgnoreRange,
    Interim,
    Pattern,
    Raw,
    Redirect,
    RefuseRange,
    Relabel,
    ReprDigest,
    RequireBasic,
    Reset,
    SlowHead,
    Stall,
    Status,
    Throttle,
    Vanish,
    WrongLength,
    WrongRange,
)

from .test_http_server import get

DATA = Pattern(5_000).read()
GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
def server():
    with HttpServer() as server:
        yield server


def talk(server, request: bytes = GET):
    """Give everything the server sends, and how it ended."""
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall(request)
        parts = []
        try:
            while part := sock.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            return b"".join(parts), "reset"
        return b"".join(parts), "end"


def body_of(reply: bytes) -> bytes:
    return reply.partition(b"\r\n\r\n")[2]


def test_cues_are_taken_one_a_request_then_all_is_right(server):
    resource = server.serve("/a", DATA, faults=[Status(503), None, (Status(500),)])
    assert [get(server, "/a")[0] for _ in range(5)] == [503, 200, 500, 200, 200]
    resource.cue(Status(429))
    assert [get(server, "/a")[0] for _ in range(2)] == [429, 200]
    assert resource.hits == 7


@pytest.mark.parametrize("at", [0, 1, 4_999, 5_000])
@pytest.mark.parametrize(("fault", "ending"), [(Cut, "end"), (Reset, "reset")])
def test_cut_and_reset_after_exactly_so_many_bytes(server, at, fault, ending):
    resource = server.serve("/a", DATA, faults=[fault(at)])
    reply, end = talk(server)
    assert body_of(reply) == DATA[:at]
    assert b"Content-Length: 5000" in reply
    assert end == ending
    assert resource.body_bytes_sent == at


def test_cut_counts_from_where_the_answer_starts(server):
    server.serve("/a", DATA, faults=[Cut(10)])
    reply, _ = talk(server, GET[:-2] + b"Range: bytes=100-\r\n\r\n")
    assert body_of(reply) == DATA[100:110]


def test_a_large_body_is_cut_to_the_byte(server):
    pattern = Pattern(3_000_000)
    resource = server.serve("/a", pattern, faults=[Cut(2_500_001), Reset(2_500_001)])
    for _ in range(2):
        assert body_of(talk(server)[0]) == pattern.read(0, 2_500_001)
    assert resource.body_bytes_sent == 5_000_002


def test_stall_until_released(server):
    release = threading.Event()
    resource = server.serve("/a", DATA, faults=[Stall(100, until=release)])
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    connection.request("GET", "/a")
    response = connection.getresponse()
    assert response.read(100) == DATA[:100]
    assert resource.body_bytes_sent == 100
    release.set()
    assert response.read() == DATA[100:]
    connection.close()


def test_stall_and_hold_end_with_the_server():
    with HttpServer() as server:
        server.serve("/a", DATA, faults=[Stall(7), Hold(), Stall(0, until=threading.Event())])
        found = []
        threads = [threading.Thread(target=lambda: found.append(talk(server))) for _ in range(3)]
        for thread in threads:
            thread.start()
        server.wait_until(lambda: server.body_bytes_sent == 7 and len(server.requests) == 3)
        assert not found
    for thread in threads:
        thread.join()
    assert sorted(body_of(reply) for reply, _ in found) == [b"", b"", DATA[:7]]


def test_hold(server):
    release = threading.Event()
    resource = server.serve("/a", DATA, faults=[Hold(release)])
    with socket.create_connection((server.host, server.port)) as sock:
        sock.sendall(GET)
        server.wait_until(lambda: resource.hits == 1)
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        sock.settimeout(10)
        release.set()
        assert sock.recv(8) == b"HTTP/1.1"


def test_corrupt_is_at_an_offset_of_the_whole(server):
    resource = server.serve("/a", DATA, always=[Corrupt(200)])
    wrong = bytearray(DATA)
    wrong[200] ^= 0xFF
    assert get(server, "/a")[2] == wrong
    assert get(server, "/a", Range="bytes=150-")[2] == wrong[150:]
    assert get(server, "/a", Range="bytes=201-")[2] == DATA[201:]
    assert resource.digest == "sha256:" + hashlib.sha256(DATA).hexdigest()


def test_ranges_that_are_wrong(server):
    server.serve("/a", DATA, faults=[WrongRange(shift=-10), WrongRange(shift=3), WrongRange(total=9), RefuseRange()])
    status, headers, body = get(server, "/a", Range="bytes=100-")
    assert (status, headers["content-range"], body) == (206, "bytes 90-4999/5000", DATA[90:])
    _, headers, body = get(server, "/a", Range="bytes=100-109")
    assert (headers["content-range"], body) == ("bytes 103-109/5000", DATA[103:110])
    _, headers, body = get(server, "/a", Range="bytes=100-109")
    assert (headers["content-range"], body) == ("bytes 100-109/9", DATA[100:110])
    assert get(server, "/a", Range="bytes=100-109")[0] == 416
    server.serve("/b", DATA, always=[IgnoreRange()])
    for asked in ("bytes=100-", "bytes=9999-"):
        status, headers, body = get(server, "/b", Range=asked)
        assert (status, body, "accept-ranges" in headers) == (200, DATA, False)


def test_change_and_relabel(server):
    resource = server.serve("/a", DATA, faults=[None, Change(b"new"), Relabel(etag='"liar"'), Relabel(), None])
    old = resource.etag
    seen = [get(server, "/a") for _ in range(5)]
    assert [body for _, _, body in seen] == [DATA, *[b"new"] * 4]
    assert [headers.get("etag") for _, headers, _ in seen] == [old, resource.etag, '"liar"', None, resource.etag]
    assert resource.etag != old
    assert ["last-modified" in headers for _, headers, _ in seen] == [True, True, False, False, True]
    server.serve("/same", b"x", etag='W/"1"', last_modified=None, faults=[Change()])
    etag = get(server, "/same")[1]["etag"]
    assert etag.startswith('W/"')  # still weak, but another
    assert etag != 'W/"1"'


def test_status_redirect_and_credentials(server):
    faults = [Status(503, retry_after=1.5), Status(429, "Wed, 01 Jan 2025 00:00:00 GMT", body=b"no"), Status(204)]
    server.serve("/a", DATA, faults=faults)
    status, headers, body = get(server, "/a")
    assert (status, headers["retry-after"], body) == (503, "1.5", b"")
    status, headers, body = get(server, "/a")
    assert (status, headers["retry-after"], body) == (429, "Wed, 01 Jan 2025 00:00:00 GMT", b"no")
    assert get(server, "/a")[::2] == (204, b"")
    server.redirect("/moved", "file:///etc/passwd", 308)
    status, headers, _ = get(server, "/moved")
    assert (status, headers["location"]) == (308, "file:///etc/passwd")
    server.serve("/b", DATA, faults=[Redirect("//x")])
    assert [get(server, "/b")[0] for _ in range(2)] == [302, 200]
    server.serve("/private", DATA, always=[RequireBasic("me", "pä")])
    right = base64.b64encode("me:pä".encode()).decode()
    status, headers, _ = get(server, "/private")
    assert status == 401
    assert headers["www-authenticate"].startswith('Basic realm="testing"')
    assert get(server, "/private", Authorization="Basic eDp5")[0] == 401
    assert get(server, "/private", Authorization=f"Basic {right}")[::2] == (200, DATA)


def test_raw_replies_and_hangups(server):
    server.serve("/a", DATA, faults=[Raw(b"HTTP/1.1 200\r\nnonsense"), Hangup(), Hangup(reset=True)])
    assert [talk(server) for _ in range(3)] == [(b"HTTP/1.1 200\r\nnonsense", "end"), (b"", "end"), (b"", "reset")]
    server.serve("/a", DATA, faults=[Raw(b"HTTP/1.1 204 x\r\n\r\n", close=False), ConnectionClose()])
    reply, _ = talk(server, GET * 2)
    assert reply.startswith(b"HTTP/1.1 204 x\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_framing(server):
    server.serve("/a", DATA, always=[Chunked(piece=999, extension=";x=y", trailers=(("X-T", "1"),))])
    reply, _ = talk(server, GET[:-2] + b"Connection: close\r\n\r\n")
    assert b"Content-Length" not in reply
    assert body_of(reply).startswith(b"3e7;x=y\r\n" + DATA[:999] + b"\r\n3e7;x=y\r\n")
    assert reply.endswith(b"\r\n0\r\nX-T: 1\r\n\r\n")
    assert get(server, "/a")[2] == DATA
    assert b"chunked" not in talk(server, b"GET /a HTTP/1.0\r\n\r\n")[0]  # RFC 9112 section 7
    server.serve("/a", DATA, always=[Chunked(piece=100), Cut(150)])
    reply, _ = talk(server)
    assert body_of(reply) == b"64\r\n" + DATA[:100] + b"\r\n64\r\n" + DATA[100:150]
    release = threading.Event()
    release.set()
    server.serve("/a", DATA, always=[Chunked(), Stall(10, release)])
    assert get(server, "/a")[2] == DATA
    server.serve("/a", DATA, always=[CloseDelimited()])
    reply, end = talk(server)
    assert (body_of(reply), end, b"Content-Length" in reply) == (DATA, "end", False)
    server.serve("/a", DATA, faults=[WrongLength(7), WrongLength(-7)])
    assert [b"Content-Length: 5007" in talk(server)[0], b"Content-Length: 4993" in talk(server)[0]] == [True, True]


def test_the_life_of_the_connection(server):
    server.serve("/a", b"", always=[ConnectionClose()])
    reply, end = talk(server, GET * 2)
    assert (reply.count(b"HTTP/1.1"), b"Connection: close" in reply, end) == (1, True, "end")
    server.serve("/a", b"", always=[Vanish()])
    reply, end = talk(server)
    assert (reply.count(b"HTTP/1.1"), b"Connection: close" in reply, end) == (1, False, "end")
    server.serve("/a", b"x", always=[Http10()])
    reply, end = talk(server)
    assert (reply[:9], reply[-1:], end) == (b"HTTP/1.0 ", b"x", "end")


def test_heads(server):
    server.serve(
        "/a", b"x", faults=[SlowHead(piece=1), Interim(103, (("Link", "</s>"),), count=3), ExtraHeaders((("X", " y"),))]
    )
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall(GET)
        first = sock.recv(65536)
        assert b"HTTP/1.1 200 OK\r\n".startswith(first[:17])
    reply, _ = talk(server, GET[:-2] + b"Connection: close\r\n\r\n")
    assert reply.count(b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n") == 3
    assert reply.endswith(b"\r\n\r\nx")
    assert get(server, "/a")[1]["x"] == "y"
    connection.close()


def test_throttle_sends_in_pieces(server):
    server.serve("/a", DATA, always=[Throttle(rate=1e6, piece=100)])
    start = time.monotonic()
    assert get(server, "/a")[2] == DATA
    assert time.monotonic() - start > 0.004  # at least: 5,000 bytes at a megabyte a second


def test_gzip_is_another_representation(server):
    resource = server.serve("/a", DATA, etag='"x"', always=[Gzip()])
    assert get(server, "/a", Accept_Encoding="identity")[2] == DATA
    _, headers, body = get(server, "/a", Accept_Encoding="gzip")
    assert gzip.decompress(body) == DATA
    assert (headers["content-encoding"], headers["etag"], resource.etag) == ("gzip", '"x-gzip"', '"x"')
    server.serve("/b", DATA, always=[Gzip(always=True)])
    assert gzip.decompress(get(server, "/b")[2]) == DATA


def test_repr_digest(server):
    server.serve("/a", DATA, faults=[ReprDigest(), ReprDigest("sha-256=:AAAA:")])
    right = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    assert get(server, "/a", Range="bytes=1-2")[1]["repr-digest"] == f"sha-256=:{right}:"  # of the whole, RFC 9530
    assert get(server, "/a")[1]["repr-digest"] == "sha-256=:AAAA:"


def test_a_client_that_resets_does_no_harm(server):
    server.serve("/a", Pattern(1 << 30))
    with socket.create_connection((server.host, server.port)) as sock:
        sock.sendall(GET)
        assert sock.recv(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.wait_until(lambda: server.open_connections == 0)
    server.serve("/b", b"fine")
    assert get(server, "/b")[2] == b"fine"
