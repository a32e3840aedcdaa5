"""The wire lane against a real server: reuse, ends of bodies, failures."""

import asyncio
import threading

import pytest

from asyncfetch import Limits, Settings, Url
from asyncfetch._model.errors import ConnectFailed, Interrupted, MistakeError, ProtocolViolation, TooLarge
from asyncfetch._transports.http.wire import WireLane
from asyncfetch.testing import (
    Chunked,
    Cut,
    Hangup,
    HttpServer,
    Pattern,
    Raw,
    Reset,
    Stall,
    Status,
)

from .ends import EMPTY, HEADERS, get, in_thread, no_context, read, scripted

pytestmark = pytest.mark.anyio
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODY = bytes(range(256)) * 100


async def test_one_connection_serves_one_after_the_other(lane, http_server):
    server = http_server
    small, large = server.serve("/s", b"hello"), server.serve("/l", Pattern(3_000_000))
    chunked, empty = server.serve("/c", BODY, always=[Chunked(1000)]), server.serve("/e", b"")
    for _ in range(3):
        assert await get(lane, small.url) == (200, b"hello")
        assert await get(lane, chunked.url) == (200, BODY)
        assert await get(lane, empty.url) == (200, b"")
        assert await get(lane, small.url, "HEAD") == (200, b"")
        assert await get(lane, server.url("/none")) == (404, b"there is nothing\n")
        assert len((await get(lane, large.url, size=1 << 20))[1]) == 3_000_000
    assert server.connections == 1
    assert repr(lane) == f"<WireLane <Pool: 1 idle, 0 busy; {server.url('')} 1 idle 0 busy>>"


async def test_the_request_is_what_was_asked(lane, http_server):
    resource = http_server.serve("/a%20b", b"x")
    headers = [("User-Agent", "me"), ("Range", "bytes=0-0"), ("Host", "other"), ("connection", "close"),
               ("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("X-Word", "gr\xfc\xdf")]  # fmt: skip
    await get(lane, f"{resource.url}?q=1&r", headers=headers)
    received = http_server.requests[0]
    assert (received.method, received.target) == ("GET", "/a%20b?q=1&r")
    assert received.headers == (
        ("host", f"127.0.0.1:{http_server.port}"), ("user-agent", "me"), ("range", "bytes=0-0"),
        ("x-word", "gr\xfc\xdf"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", [("X", "a\r\nHost: b")]),
        ("GET", [("X", "a\nb")]),
        ("GET", [("X\r\nY", "a")]),
        ("GET", [("X", "a\0")]),
        ("GET", [("X", "\u20ac")]),
        ("GET /x HTTP/1.1\r\nX:", []),
        ("GET ", []),
        ("", []),
    ],
)
async def test_a_request_cannot_be_two(lane, http_server, method, headers):
    resource = http_server.serve("/a", b"x")
    with pytest.raises(MistakeError):
        await get(lane, resource.url, method, headers)
    assert http_server.connections == 0


async def test_connections_are_reused_most_recent_first(lane, http_server):
    resource = http_server.serve("/a", b"x")
    async with (
        lane.send("GET", Url(resource.url), HEADERS) as first,
        lane.send("GET", Url(resource.url), HEADERS) as second,
        lane.send("GET", Url(resource.url), HEADERS) as third,
    ):
        assert lane.pool.busy
        for reply in (first, second, third):
            await read(reply)
    assert http_server.connections == 3  # left in the order third, second, first
    await get(lane, resource.url)
    assert http_server.requests[-1].connection == http_server.requests[0].connection
    assert repr(lane.pool).endswith(" 3 idle 0 busy>")


async def test_what_the_server_closed_while_idle_is_replaced(lane, http_server):
    resource = http_server.serve("/a", b"x")
    for number in range(1, 4):
        assert await get(lane, resource.url) == (200, b"x")
        assert http_server.connections == number
        for thread in http_server.drop_connections():
            await in_thread(thread.join)


@pytest.mark.parametrize("reset", [False, True])
async def test_what_the_server_closes_on_our_request_is_replaced_once(lane, http_server, reset):
    resource = http_server.serve("/a", b"x")
    await get(lane, resource.url)
    resource.cue(Hangup(reset=reset))
    assert await get(lane, resource.url) == (200, b"x")
    assert (http_server.connections, resource.hits) == (2, 3)
    resource.cue(Hangup(reset=reset), Hangup(reset=reset))
    with pytest.raises(Interrupted, match="before it answered"):
        await get(lane, resource.url)
    assert resource.hits == 5


async def test_what_may_not_be_sent_twice_is_not(lane):
    async with scripted(lambda _, request: OK if request.startswith(b"GET") else None) as (url, requests, _):
        await get(lane, url)
        with pytest.raises(Interrupted):
            await get(lane, url, "POST")
        assert len(requests) == 2
        await lane.aclose()


async def test_an_answer_that_began_is_not_asked_for_again(lane, http_server):
    resource = http_server.serve("/a", b"x")
    await get(lane, resource.url)
    resource.cue(Raw(b"HTTP/1.1 2"))
    with pytest.raises(Interrupted, match="in the head of its answer"):
        await get(lane, resource.url)
    assert resource.hits == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 500 No\r\n\r\n",
    ],
)
async def test_some_connections_are_not_used_again(lane, http_server, raw):
    resource = http_server.serve("/a", faults=[Raw(raw, close=False)] * 3)
    for number in range(1, 4):
        assert await get(lane, resource.url) == (200, b"hello")
        assert http_server.connections == number
    assert repr(lane.pool) == EMPTY


async def test_junk_that_comes_later_is_not_the_next_answer(lane):
    """Sent when the connection rests already: noticed by the loop, or at the latest when it is taken."""
    async with scripted(lambda *_: OK) as (url, _, writers):
        for number in range(1, 4):
            assert await get(lane, url) == (200, b"ok")
            assert len(writers) == number
            writers[-1].write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njunk")
            # it is in our socket now, whether our loop has looked or not
        await lane.aclose()


async def test_leaving_early_closes_the_connection(lane, http_server):
    resource = http_server.serve("/a", Pattern(100_000_000))
    async with lane.send("GET", Url(resource.url), HEADERS) as reply:
        assert await reply.fill(memoryview(bytearray(1000))) == 1000
    assert repr(lane.pool) == EMPTY
    await in_thread(http_server.wait_until, lambda: http_server.open_connections == 0)
    assert resource.body_bytes_sent < 100_000_000


async def test_leaving_a_small_rest_keeps_the_connection(lane, http_server):
    resource = http_server.serve("/a", b"not worth reading", always=[Status(404, body=b"nor this")])
    for _ in range(5):
        async with lane.send("GET", Url(resource.url), HEADERS) as reply:
            assert reply.status == 404
    assert http_server.connections <= 5  # the rest may come in a packet of its own
    assert await get(lane, resource.url) == (404, b"nor this")


async def test_reading_late_slows_the_far_end(lane, http_server):
    resource = http_server.serve("/a", Pattern(64_000_000))
    async with lane.send("GET", Url(resource.url), HEADERS) as reply:
        first = memoryview(bytearray(10_000))
        await reply.fill(first)
        sent = -1
        while sent != resource.body_bytes_sent:  # until the kernel's buffers are full
            sent = resource.body_bytes_sent
            await asyncio.sleep(0.05)
        assert sent < 40_000_000
        rest = await read(reply, 1 << 20)
        assert len(rest) == 63_990_000


@pytest.mark.parametrize("fault", [Cut(10_000), Reset(10_000)])
@pytest.mark.parametrize("chunked", [(), (Chunked(),)])
async def test_a_cut_body_is_never_whole(lane, http_server, fault, chunked):
    resource = http_server.serve("/a", BODY, always=[fault, *chunked])
    got = bytearray()
    async with lane.send("GET", Url(resource.url), HEADERS) as reply:
        view = memoryview(bytearray(3000))
        with pytest.raises(Interrupted):
            while count := await reply.fill(view):
                got += view[:count]
        with pytest.raises(Interrupted):
            await reply.fill(view)
    assert BODY.startswith(bytes(got))
    assert len(got) <= 10_000
    if isinstance(fault, Cut):
        assert len(got) == 10_000


async def test_a_body_until_the_close(lane, http_server):
    resource = http_server.serve("/a", faults=[Raw(b"HTTP/1.1 200 OK\r\n\r\n" + BODY * 20)] * 2)
    for _ in range(2):
        async with lane.send("GET", Url(resource.url), HEADERS) as reply:
            assert reply.length is None
            assert await read(reply) == BODY * 20
    assert http_server.connections == 2


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", ProtocolViolation),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ProtocolViolation),
        (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n", ProtocolViolation),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", ProtocolViolation),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", ProtocolViolation),
        (b"220 ftp.example FTP server ready\r\n", ProtocolViolation),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000, TooLarge),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n", TooLarge),
    ],
)
async def test_an_answer_that_makes_no_sense(lane, http_server, raw, error):
    resource = http_server.serve("/a", always=[Raw(raw, close=False)])
    with pytest.raises(error) as caught:
        await get(lane, resource.url)
    assert caught.value.url == resource.url
    assert repr(lane.pool) == EMPTY


async def test_flush_brings_slow_bytes_home(lane, http_server):
    go_on = threading.Event()
    resource = http_server.serve("/a", BODY, always=[Stall(1000, until=go_on)])
    async with lane.send("GET", Url(resource.url), HEADERS) as reply:
        view = memoryview(bytearray(len(BODY)))
        filling = asyncio.ensure_future(reply.fill(view))
        while reply.landed < 1000:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)
        reply.flush()
        assert await filling == 1000
        go_on.set()
        assert bytes(view[:1000]) + await read(reply) == BODY


async def test_closing_ends_what_is_under_way(make_lane, http_server):
    lane = make_lane()
    resource = http_server.serve("/a", BODY, always=[Stall(10)])
    entered = asyncio.Event()

    async def one():
        async with lane.send("GET", Url(resource.url), HEADERS) as reply:
            entered.set()
            return await read(reply)

    task = asyncio.ensure_future(one())
    await entered.wait()
    await lane.aclose()
    with pytest.raises(Interrupted):
        await task
    with pytest.raises(Interrupted, match="closed"):
        await get(lane, resource.url)


async def test_a_closed_port(lane, http_server):
    url = http_server.url("/")
    http_server.stop()
    with pytest.raises(ConnectFailed, match=r"port .* connection refused") as caught:
        await get(lane, url)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


async def test_many_at_once(lane, http_server):
    resource = http_server.serve("/a", BODY)
    limit = asyncio.Semaphore(20)

    async def one():
        async with limit:
            assert await get(lane, resource.url) == (200, BODY)

    await asyncio.gather(*[one() for _ in range(300)])
    assert http_server.connections <= 20


async def test_timings_tell_where_the_time_went(lane, http_server):
    resource = http_server.serve("/a", b"x")
    seen = []
    for _ in range(2):
        async with lane.send("GET", Url(resource.url), HEADERS) as reply:
            seen.append(reply.timings)
            await read(reply)
    assert seen[0].connect > 0
    assert seen[1].connect == 0
    assert all(timings.first_byte > 0 and timings.tls == 0 for timings in seen)


async def test_a_lane_that_was_never_used_is_closed_too():
    await WireLane(Settings(limits=Limits()), no_context).aclose()


async def test_many_origins_are_forgotten(make_lane, monkeypatch):
    monkeypatch.setattr("asyncfetch._transports.http.wire._ROUTES_LIMIT", 2)
    lane = make_lane()
    with HttpServer() as one, HttpServer() as two, HttpServer() as three:
        for _ in range(2):
            for server in (one, two, three):
                assert await get(lane, server.serve("/a", b"x").url) == (200, b"x")
        assert [server.connections for server in (one, two, three)] == [1, 1, 1]  # routes go, connections stay
        assert len(lane.routes) <= 2
