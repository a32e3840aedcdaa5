"""HttpServer without faults is right by RFC 9110 and 9112, as clients see it that none of us wrote."""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
import socket
import subprocess
import threading

import pytest

from asyncfetch.testing import HttpServer, Pattern

DATA = bytes(range(256)) * 5


@pytest.fixture
def server():
    with HttpServer() as server:
        yield server


def ask(server, *requests: str, shut: bool = False) -> bytes:
    """Send text over one connection; give everything until the server closes."""
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        sock.sendall("".join(requests).replace("\n", "\r\n").encode())
        if shut:
            sock.shutdown(socket.SHUT_WR)
        parts = []
        while part := sock.recv(65536):
            parts.append(part)
    return b"".join(parts)


def get(server, path: str, method: str = "GET", **headers: str):
    """Ask by http.client; give status, headers, body."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def test_a_plain_get(server):
    resource = server.serve("/a", DATA, content_type="text/x")
    status, headers, body = get(server, "/a")
    assert (status, body) == (200, DATA)
    assert headers["content-length"] == str(len(DATA))
    assert headers["etag"] == resource.etag
    assert headers["etag"].startswith('"')
    assert headers["last-modified"] == resource.last_modified
    assert headers["content-type"] == "text/x"
    assert headers["accept-ranges"] == "bytes"
    assert headers["date"].endswith("GMT")
    assert resource.digest == "sha256:" + hashlib.sha256(DATA).hexdigest()


def test_head_has_the_same_head_and_no_body(server):
    resource = server.serve("/a", DATA)
    reply = ask(server, "HEAD /a HTTP/1.1\nHost: h\nRange: bytes=1-2\nConnection: close\n\n")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"Content-Length: {len(DATA)}".encode() in head
    assert body == b""
    assert resource.body_bytes_sent == 0


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=100-", 100, 1280),
        ("bytes=1279-", 1279, 1280),
        ("bytes=1000-99999", 1000, 1280),
        ("bytes=-10", 1270, 1280),
        ("bytes=-99999", 0, 1280),
        ("Bytes=7-7", 7, 8),
    ],
)
def test_a_range(server, asked, start, stop):
    resource = server.serve("/a", DATA)
    status, headers, body = get(server, "/a", Range=asked)
    assert (status, body) == (206, DATA[start:stop])
    assert headers["content-range"] == f"bytes {start}-{stop - 1}/1280"
    assert headers["content-length"] == str(stop - start)
    assert headers["etag"] == resource.etag
    assert resource.requests[0].range == asked


@pytest.mark.parametrize("asked", ["bytes=1280-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_that_cannot_be(server, asked):
    server.serve("/a", DATA)
    status, headers, _ = get(server, "/a", Range=asked)
    assert status == 416
    assert headers["content-range"] == "bytes */1280"


@pytest.mark.parametrize("asked", ["lines=1-2", "bytes=5-2", "bytes=", "bytes=-", "bytes=0-1,5-6", "bytes=x-"])
def test_what_is_no_single_range_is_ignored(server, asked):
    server.serve("/a", DATA)
    assert get(server, "/a", Range=asked)[::2] == (200, DATA)


def test_if_range(server):
    old, new = "Tue, 31 Dec 2024 00:00:00 GMT", "Thu, 02 Jan 2025 00:00:00 GMT"
    strong = server.serve("/strong", DATA, etag='"x"')
    server.serve("/weak", DATA, etag='W/"x"')
    cases = [
        ("/strong", '"x"', 206),
        ("/strong", '"y"', 200),
        ("/strong", 'W/"x"', 200),
        ("/weak", 'W/"x"', 200),  # a weak tag never matches here (RFC 9110 section 13.1.5)
        ("/strong", strong.last_modified, 206),
        ("/strong", old, 200),
        ("/strong", new, 200),  # exactly the date, not "not newer"
        ("/strong", "yesterday", 200),
    ]
    for path, condition, status in cases:
        assert get(server, path, Range="bytes=1-", If_Range=condition)[0] == status, (path, condition)


def test_conditions(server):
    date, later, earlier = (f"Wed, 0{day} Jan 2025 00:00:00 GMT" for day in (2, 3, 1))
    server.serve("/a", DATA, etag='"x"', last_modified=date)
    server.serve("/none", DATA, etag=None, last_modified=None)
    cases = [
        ({"If_None_Match": '"x"'}, 304),
        ({"If_None_Match": 'W/"x"'}, 304),  # weak comparison
        ({"If_None_Match": '"q", "x"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"y"'}, 200),
        ({"If_None_Match": '"y"', "If_Modified_Since": date}, 200),  # the tag goes first
        ({"If_Modified_Since": date}, 304),
        ({"If_Modified_Since": later}, 304),
        ({"If_Modified_Since": earlier}, 200),
        ({"If_Modified_Since": "nonsense"}, 200),
        ({"If_Match": '"x"', "Range": "bytes=1-2"}, 206),
        ({"If_Match": '"y"'}, 412),
        ({"If_Match": 'W/"x"'}, 412),  # strong comparison
        ({"If_Match": "*"}, 200),
        ({"If_Unmodified_Since": date}, 200),
        ({"If_Unmodified_Since": earlier}, 412),
        ({"If_Match": '"x"', "If_Unmodified_Since": earlier}, 200),
        ({"If_None_Match": '"x"', "Range": "bytes=1-2"}, 304),  # before the range
    ]
    for headers, status in cases:
        got, answered, body = get(server, "/a", **headers)
        assert got == status, headers
        if status == 304:
            assert body == b""
            assert "content-length" not in answered
            assert answered["etag"] == '"x"'
    assert get(server, "/none", If_None_Match='"x"')[0] == 200
    assert get(server, "/none", If_Modified_Since=date)[0] == 200


def test_one_connection_serves_many_requests_also_pipelined(server):
    server.serve("/a", b"first")
    server.serve("/b", b"second")
    requests = ["GET /a HTTP/1.1\nHost: h\n\n", "GET /b HTTP/1.1\nHost: h\n\n"] * 20
    reply = ask(server, *requests, "GET /none HTTP/1.1\nHost: h\nConnection: close\n\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", reply) == [b"200"] * 40 + [b"404"]
    assert reply.count(b"first") == reply.count(b"second") == 20
    assert server.connections == 1
    assert [one.connection for one in server.requests] == [1] * 41


def test_the_server_closes_when_the_client_has_said_all(server):
    server.serve("/a", b"body")
    assert ask(server, "GET /a HTTP/1.1\nHost: h\n\n", shut=True).endswith(b"body")
    assert ask(server, "GET /a HTTP/1.0\n\n").endswith(b"body")


def test_requests_that_are_wrong(server):
    server.serve("/a", b"body")
    cases = [
        ("GET /a HTTP/1.1\n\n", b"400"),
        ("GET /a HTTP/1.1\nHost: h\nHost: i\n\n", b"400"),
        ("GET /a HTTP/1.1\nHost : h\n\n", b"400"),
        ("GET /a b HTTP/1.1\nHost: h\n\n", b"400"),
        ("GET /a HTTP/2.0\nHost: h\n\n", b"400"),
        ("GET /a HTTP/1.1\nHost: h\nX: " + "x" * 70_000 + "\n\n", b"431"),
        ("POST /a HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n", b"501"),
    ]
    for request, status in cases:
        assert ask(server, request).split()[1] == status, request[:60]
    posts = ask(
        server,
        "POST /a HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello",
        "GET /a HTTP/1.1\nHost: h\nConnection: close\n\n",
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", posts) == [b"405", b"200"]
    assert b"Allow: GET, HEAD" in posts


def test_paths_queries_and_absolute_targets(server):
    server.serve("/a", b"plain")
    server.serve("/a?v=2", b"versioned")
    server.serve("/a%20b", b"encoded")
    assert [get(server, path)[2] for path in ("/a", "/a?v=2", "/a?v=3", "/a%20b")] == [
        b"plain", b"versioned", b"plain", b"encoded",
    ]  # fmt: skip
    assert ask(server, "GET http://elsewhere:1/a HTTP/1.1\nHost: h\nConnection: close\n\n").endswith(b"plain")
    received = server.requests[-1]
    assert (received.target, received.path, received.header("HOST")) == ("http://elsewhere:1/a", "/a", "h")
    server.remove("/a%20b")
    assert get(server, "/a%20b")[0] == 404


def test_counters_and_waiting(server):
    resource = server.serve("/a", DATA)
    threads = [threading.Thread(target=get, args=(server, "/a")) for _ in range(5)]
    for thread in threads:
        thread.start()
    server.wait_until(lambda: resource.hits == 5)
    for thread in threads:
        thread.join()
    server.wait_until(lambda: server.open_connections == 0)
    assert resource.body_bytes_sent == server.body_bytes_sent == 5 * len(DATA)
    assert server.connections == 5
    with pytest.raises(TimeoutError, match="did not come true"):
        server.wait_until(lambda: resource.hits == 6, timeout=0.01)


def test_a_resource_may_change_at_any_time(server):
    resource = server.serve("/a", b"one")
    before = resource.etag, resource.last_modified
    resource.change(b"two")
    assert get(server, "/a")[2] == resource.data == b"two"
    assert resource.etag != before[0]
    assert resource.last_modified != before[1]
    resource.change(b"three", etag=before[0], last_modified=None)
    _, headers, body = get(server, "/a")
    assert (headers["etag"], "last-modified" in headers, body) == (before[0], False, b"three")


def test_large_bodies_are_not_held():
    size = 300 * 1024 * 1024
    pattern = Pattern(size, seed=9)
    with HttpServer() as server:
        resource = server.serve("/large", pattern)
        connection = http.client.HTTPConnection(server.host, server.port, timeout=10)
        connection.request("GET", "/large", headers={"Range": f"bytes={size - 1_000_000}-"})
        assert connection.getresponse().read() == pattern.read(size - 1_000_000)
        connection.request("GET", "/large")
        response = connection.getresponse()
        digest, view = hashlib.sha256(), memoryview(bytearray(1 << 20))
        while count := response.readinto(view):
            digest.update(view[:count])
        connection.close()
        assert f"sha256:{digest.hexdigest()}" == resource.digest


def test_leaving_joins_every_thread_whatever_clients_do():
    before = threading.active_count()
    with HttpServer() as server:
        server.serve("/a", Pattern(1 << 40))
        idle = socket.create_connection((server.host, server.port))
        stuck = socket.create_connection((server.host, server.port))
        stuck.sendall(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")  # and never read
        server.wait_until(lambda: server.body_bytes_sent > 0)
        server.wait_until(lambda: server.open_connections == 2)
    assert threading.active_count() == before
    assert server.open_connections == 0
    idle.close()
    stuck.close()
    with pytest.raises(OSError):
        socket.create_connection((server.host, server.port))


def test_dropped_connections_end_and_new_ones_are_served(server):
    server.serve("/a", b"body")
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        server.wait_until(lambda: server.open_connections == 1)
        server.drop_connections()
        assert sock.recv(1) == b""
    assert get(server, "/a")[2] == b"body"


def test_ipv6():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    try:
        server = HttpServer(host="::1")
        server.start()
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")
    try:
        resource = server.serve("/a", b"six")
        assert resource.url == f"http://[::1]:{server.port}/a"
        assert get(server, "/a")[2] == b"six"
    finally:
        server.stop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_agrees(server, tmp_path):
    pattern = Pattern(3_000_000)
    resource = server.serve("/a", pattern)
    target = tmp_path / "a"
    target.write_bytes(pattern.read(0, 1_000_000))
    subprocess.run(["curl", "-sSf", "-C", "-", "-o", target, resource.url], check=True, timeout=30)
    assert target.read_bytes() == pattern.read()
    assert [one.range for one in resource.requests] == ["bytes=1000000-"]
    assert resource.body_bytes_sent == 2_000_000
