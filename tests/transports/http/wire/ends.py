"""What the tests of the wire share: readers, a transport that is fed by hand, and a server that answers by script."""

import asyncio
import contextlib
import os
from contextlib import asynccontextmanager

from asyncfetch import Url
from asyncfetch._transports.http.connection import Connection

HEADERS = [("User-Agent", "tests"), ("Accept-Encoding", "identity")]
EMPTY = "<Pool: 0 idle, 0 busy>"


async def no_context():
    raise AssertionError("TLS was not asked for")


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
    loop._ready.clear()  # the sending, for which this loop never runs: it would keep the connection for ever
    return connection, transport


def count_of(name, default):
    """Give how many times a long test runs: the environment can ask for more."""
    return int(os.environ.get(name) or default)


@asynccontextmanager
async def serving(converse):
    """Serve each connection by ``converse(number, reader, writer)``; gives the URL and the writers."""
    writers = []

    async def welcome(reader, writer):
        writers.append(writer)
        try:
            await converse(len(writers), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", writers
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*[writer.wait_closed() for writer in writers], return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def scripted(answer):
    """Serve on loopback what ``answer(number of the connection, request)`` gives; None closes.

    Gives the URL, the requests with the number of their connection, and the writers.
    """
    requests = []

    async def converse(number, reader, writer):
        while True:
            requests.append((number, await reader.readuntil(b"\r\n\r\n")))
            reply = answer(number, requests[-1][1])
            if reply is None:
                writer.close()
                return
            writer.write(reply)
            await writer.drain()

    async with serving(converse) as (url, writers):
        yield url, requests, writers


def sockets():
    """Count the sockets this process has open (where /proc tells)."""
    if not os.path.isdir("/proc/self/fd"):
        return 0
    count = 0
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
    return count


async def only_sockets(before):
    """The far ends close theirs when they see that ours are."""
    for _ in range(100):
        if sockets() == before:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{sockets() - before} sockets are left")
