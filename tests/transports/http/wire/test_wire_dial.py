"""From a name to a connection: look-ups are shared, all addresses tried, and reasons told."""

import asyncio
import os
import socket
import time

import pytest

from asyncfetch import Timeouts, Url
from asyncfetch._model.errors import ConnectFailed, TimedOut
from asyncfetch._transports import race
from asyncfetch._transports.http import resolve
from asyncfetch.testing import HttpServer

from .ends import EMPTY, get, in_thread, only_sockets, sockets

pytestmark = pytest.mark.anyio
V4, V6 = socket.AF_INET, socket.AF_INET6


class Names:
    """Answers look-ups in place of the system: by host, a list of (family, address), or an error."""

    def __init__(self):
        self.answers = {}
        self.asked = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def ask(self, _loop, host, port, then):
        self.asked.append(host)
        await self.go_on.wait()
        then()
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port) if family == V4 else (address, port, 0, 0))
            for family, address in self.answers[host]
        ]


@pytest.fixture
async def names(anyio_backend, monkeypatch):
    """Put answers of ours in place of those of the system."""
    names = Names()
    monkeypatch.setattr(resolve, "ask_aside", names.ask)
    return names


async def test_one_look_up_serves_all(make_lane, http_server, names):
    names.answers = {"h.example": [(V4, "127.0.0.1")]}
    names.go_on.clear()
    lane = make_lane()
    http_server.serve("/a", b"x")
    url = f"http://h.example:{http_server.port}/a"
    tasks = [asyncio.ensure_future(get(lane, url)) for _ in range(20)]
    while not names.asked:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)
    for task in tasks[:5]:
        task.cancel()
    await asyncio.sleep(0)
    names.go_on.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[5:] == [(200, b"x")] * 15
    assert all(isinstance(result, asyncio.CancelledError) for result in results[:5])
    await get(lane, url.replace("/a", "/b"))
    assert names.asked == ["h.example"]


async def test_a_look_up_that_nobody_waits_for_ends(make_lane, names):
    names.go_on.clear()
    lane = make_lane()
    tasks = [asyncio.ensure_future(get(lane, "http://h.example/")) for _ in range(3)]
    while not names.asked:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if "_look_up" in str(task.get_coro())]


async def test_a_look_up_is_remembered_for_some_seconds(make_lane, http_server, names, monkeypatch):
    names.answers = {"h.example": [(V4, "127.0.0.1")]}
    lane = make_lane()
    resource = http_server.serve("/a", b"x")
    url = resource.url.replace("127.0.0.1", "h.example")
    for _ in range(3):
        await get(lane, url)
        for thread in http_server.drop_connections():
            await in_thread(thread.join)
    assert names.asked == ["h.example"]
    monkeypatch.setattr(resolve, "CACHE_SECONDS", -1.0)
    lane._ways._resolver.forget("h.example", http_server.port)
    for _ in range(2):
        await get(lane, url)
        for thread in http_server.drop_connections():
            await in_thread(thread.join)
    assert names.asked == ["h.example"] * 3
    assert http_server.connections == 5


async def test_a_name_that_is_not_known(lane):
    with pytest.raises(ConnectFailed, match=r"the name `h\.invalid` was not resolved: ") as caught:
        await get(lane, "http://h.invalid/")
    assert isinstance(caught.value.__cause__, socket.gaierror)


async def test_all_addresses_are_tried(make_lane, names):
    with HttpServer(host="127.0.0.1") as server:
        server.serve("/a", b"x")
        names.answers = {"h.example": [(V6, "::1"), (V4, "127.0.0.3"), (V4, "127.0.0.2"), (V4, "127.0.0.1")]}
        assert await get(make_lane(), f"http://h.example:{server.port}/a") == (200, b"x")


async def test_when_no_address_answers_all_reasons_are_told(make_lane, names, http_server):
    port = http_server.port
    http_server.stop()
    names.answers = {"h.example": [(V6, "::1"), (V4, "127.0.0.1")]}
    lane = make_lane()
    for _ in range(2):
        with pytest.raises(ConnectFailed, match=f"host `h.example` port {port}: connection refused"):
            await get(lane, f"http://h.example:{port}/a")
    assert len(names.asked) == 2  # what did not work is not remembered


class Silence:
    """A port that takes no connection, and refuses none: its queue is full."""

    def __init__(self, host="127.0.0.1", port=0):
        self.listener = socket.create_server((host, port), backlog=0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((host, self.port))
            self.fillers.append(filler)
        time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (self.listener, *self.fillers):
            one.close()


async def test_a_silent_address_is_overtaken(make_lane, names, monkeypatch):
    monkeypatch.setattr(race, "STAGGER", 0.01)
    with HttpServer() as server, Silence("127.0.0.2", server.port):
        server.serve("/a", b"x")
        names.answers = {"h.example": [(V4, "127.0.0.2"), (V4, "127.0.0.1")]}
        assert await get(make_lane(), f"http://h.example:{server.port}/a") == (200, b"x")
        assert not [task for task in asyncio.all_tasks() if "_attempt" in str(task.get_coro())]


@pytest.mark.descriptors
async def test_connecting_takes_no_longer_than_allowed(make_lane):
    lane = make_lane(timeouts=Timeouts(connect=0.03))
    with (
        Silence() as silence,
        pytest.raises(TimedOut, match=f"no connection to `127.0.0.1` port {silence.port} in 0.03"),
    ):
        await get(lane, f"http://127.0.0.1:{silence.port}/")
    assert repr(lane.pool) == EMPTY


@pytest.mark.descriptors
async def test_losers_of_the_race_are_closed(make_lane, names, monkeypatch):
    monkeypatch.setattr(race, "STAGGER", 0.0)
    lane = make_lane()
    with HttpServer(host="127.0.0.1") as server:
        names.answers = {"h.example": [(V4, f"127.0.0.{number}") for number in range(1, 9)]}
        server.serve("/a", b"x")
        for _ in range(5):
            assert await get(lane, f"http://h.example:{server.port}/a") == (200, b"x")
        await lane.aclose()
        await in_thread(server.wait_until, lambda: server.open_connections == 0)


async def test_a_race_cancelled_at_every_step_leaves_no_socket(make_lane, names, monkeypatch):
    monkeypatch.setattr(race, "STAGGER", 0.0)
    with HttpServer() as server:
        server.serve("/a", b"x")
        names.answers = {"h.example": [(V4, f"127.0.0.{number}") for number in (2, 1, 1, 3)]}
        before, cancelled = sockets(), 0
        for steps in range(200):
            lane = make_lane()
            task = asyncio.ensure_future(get(lane, f"http://h.example:{server.port}/a"))
            for _ in range(steps):
                await asyncio.sleep(0)
            done = task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            cancelled += task.cancelled()
            await lane.aclose()
            if done:
                break
        assert cancelled > 3
        await only_sockets(before)


def test_families_take_turns():
    mixed = resolve._interleave([(V6, "a"), (V6, "b"), (V6, "a"), (V6, "c"), (V4, "d"), (V4, "e")])
    assert mixed == [(V6, "a"), (V4, "d"), (V6, "b"), (V4, "e"), (V6, "c")]


def test_addresses_need_no_look_up():
    assert resolve._literal("127.0.0.1", 80) == (V4, ("127.0.0.1", 80))
    assert resolve._literal("::1", 80) == (V6, ("::1", 80, 0, 0))
    for name in ("localhost", "1.2.3", "256.1.1.1", "h.example"):
        assert resolve._literal(name, 80) is None


async def test_nothing_waits_to_be_sent(lane, http_server):
    """No delay for small packets (TCP_NODELAY), or each request could wait for an acknowledgement."""
    resource = http_server.serve("/a", b"x")
    async with lane.send("GET", Url(resource.url), []) as reply:
        (connection,) = lane.pool.busy
        descriptor = connection._transport.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert reply.status == 200
