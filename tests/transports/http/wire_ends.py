"""What the tests of the wire share: lanes that are seen to clear up, readers, and a transport that is fed by hand."""

import asyncio
import os

import pytest

from asyncfetch import Settings, Url
from asyncfetch._transports.http.connection import Connection
from asyncfetch._transports.http.wire import WireLane

UVLOOP = ("asyncio", {"use_uvloop": True})
LOOPS = [pytest.param("asyncio", id="asyncio"), pytest.param(UVLOOP, id="uvloop", marks=pytest.mark.every_loop)]
HEADERS = [("User-Agent", "tests"), ("Accept-Encoding", "identity")]
EMPTY = "<Pool: 0 idle, 0 busy>"


@pytest.fixture(scope="module", params=LOOPS)
def anyio_backend(request):
    """The wire runs on asyncio, and as well on uvloop."""
    return request.param


async def no_context():
    raise AssertionError("TLS was not asked for")


@pytest.fixture
async def make_lane(anyio_backend):
    """Make lanes; in the end they are closed, and nothing of theirs is left."""
    made = []

    def make(context=None, **settings):
        async def give():
            return context

        settings = Settings(**{"trust_env": False, **settings})
        made.append(WireLane(settings, no_context if context is None else give))
        return made[-1]

    yield make
    for lane in made:
        await lane.aclose()
        assert repr(lane.pool) == EMPTY
        assert not lane.pool._open
    assert [task for task in asyncio.all_tasks() if "asyncfetch" in str(task.get_coro())] == []


@pytest.fixture
def lane(make_lane):
    return make_lane()


async def read(reply, size=64 * 1024):
    """Read the body to its end."""
    view, whole = memoryview(bytearray(size)), bytearray()
    while count := await reply.fill(view):
        whole += view[:count]
    return bytes(whole)


async def get(lane, url, method="GET", headers=HEADERS, size=64 * 1024):
    """Make one exchange: status and body."""
    async with lane.send(method, Url(str(url)), headers) as reply:
        return reply.status, await read(reply, size)


async def in_thread(call, *arguments):
    """Wait for something that blocks, such as `HttpServer.wait_until`."""
    return await asyncio.get_running_loop().run_in_executor(None, call, *arguments)


class FedTransport:
    """The transport of a connection that is fed by hand, and counts what is done with it."""

    def __init__(self, connection):
        self.connection = connection
        self.sent = b""
        self.paused = False
        self.pauses = 0
        self.aborted = False
        connection.connection_made(self)

    def write(self, data):
        self.sent += data

    def pause_reading(self):
        assert not self.paused
        self.paused = True
        self.pauses += 1

    def resume_reading(self):
        assert self.paused
        self.paused = False

    def abort(self):
        self.aborted = True

    close = abort

    def feed(self, data):
        """Hand bytes over as a kernel would, as long as they are taken; gives how many were."""
        taken = 0
        while taken < len(data) and not self.paused and not self.aborted:
            place = self.connection.get_buffer(-1)
            assert len(place) > 0
            count = min(len(place), len(data) - taken)
            place[:count] = data[taken : taken + count]
            self.connection.buffer_updated(count)
            taken += count
        return taken

    def end(self, error=None):
        """End the connection: in order, or with an error."""
        if error is None and not self.aborted:
            self.connection.eof_received()
        self.connection.connection_lost(error)


def fed(loop, *, method="GET"):
    """Make a connection that waits for its response, and the transport to feed it by."""
    connection = Connection(loop)
    transport = FedTransport(connection)
    connection.ask(b"", Url("http://h.example/x"), bodiless=method == "HEAD")
    return connection, transport


def count_of(name, default):
    """Give how many times a long test runs: the environment can ask for more."""
    return int(os.environ.get(name) or default)
