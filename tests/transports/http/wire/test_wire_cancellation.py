"""Cancelled at every step of the loop, an exchange leaves nothing behind: no task, no connection, no descriptor."""

import asyncio

import pytest

from asyncfetch import Proxies, Settings, Url
from asyncfetch._model.errors import FetchError
from asyncfetch._transports.http.wire import WireLane

from .ends import EMPTY, HEADERS, only_sockets, read, sockets
from .proxy import proxy

pytestmark = pytest.mark.anyio
BODY = b"x" * 200_000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + BODY
STEPS = 2_000  # of the loop; no exchange here takes as many


async def _answer(reader, writer):
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER[:100_000])
            await writer.drain()
            writer.write(ANSWER[100_000:])
            await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


class FarEnd:
    """A server, and what a lane needs to get there."""

    def __init__(self, authority):
        self._authority = authority

    async def open(self, way):
        secure = way != "http"
        tls = self._authority.server_context() if secure else None
        self._server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=tls)
        self.url = f"{'https' if secure else 'http'}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        self._proxy = None
        proxies = Proxies()
        if "by" in way:
            self._proxy = proxy(tls=self._authority.server_context() if way.endswith("https") else None)
            proxies = Proxies(all=(await self._proxy.__aenter__()).url)
        self.settings = Settings(trust_env=False, proxies=proxies)
        self._context = self._authority.client_context()

    async def context(self):
        await asyncio.sleep(0)
        return self._context

    def lane(self):
        return WireLane(self.settings, self.context)

    async def aclose(self):
        if self._proxy is not None:
            await self._proxy.__aexit__(None, None, None)
        self._server.close()
        await self._server.wait_closed()


@pytest.fixture(params=["http", "https", "https by http", "https by https"])
async def far_end(request, anyio_backend, certificate_authority):
    end = FarEnd(certificate_authority)
    await end.open(request.param)
    yield end
    await end.aclose()
    await asyncio.sleep(0.01)  # for what serves connections, to see their end


async def _exchange(lane, url, times):
    for _ in range(times):
        async with lane.send("GET", Url(url), HEADERS) as reply:
            assert await read(reply) == BODY


def _tasks():
    return [task for task in asyncio.all_tasks() if "asyncfetch" in str(task.get_coro()) and not task.done()]


async def test_cancelled_at_every_step(far_end):
    cancelled, before = 0, sockets()
    for steps in range(STEPS):
        lane = far_end.lane()
        task = asyncio.ensure_future(_exchange(lane, far_end.url, 2))
        for _ in range(steps):
            await asyncio.sleep(0)
        done = task.done()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            cancelled += 1
        assert not lane.pool.busy
        assert not any(connection.waiting for connection in lane.pool._open)
        await lane.aclose()
        assert (repr(lane.pool), lane.pool._open, _tasks()) == (EMPTY, set(), [])
        if done:
            break
    else:
        raise AssertionError("it never came to its end")
    assert cancelled > 10
    await only_sockets(before)


async def test_closed_at_every_step(far_end):
    """`aclose` in the middle of anything ends it, with an error of the tree."""
    failed, before = 0, sockets()
    for steps in range(0, STEPS, 2):
        lane = far_end.lane()
        task = asyncio.ensure_future(_exchange(lane, far_end.url, 2))
        for _ in range(steps):
            await asyncio.sleep(0)
        done = task.done()
        await lane.aclose()
        try:
            await task
        except FetchError:
            failed += 1
        await lane.aclose()
        assert (repr(lane.pool), lane.pool._open, _tasks()) == (EMPTY, set(), [])
        if done:
            break
    assert failed > 3
    await only_sockets(before)


async def test_a_connection_survives_what_is_cancelled_beside_it(far_end):
    """Cancelling one exchange does not touch another's connection."""
    lane = far_end.lane()
    for steps in range(0, 60, 7):
        doomed = asyncio.ensure_future(_exchange(lane, far_end.url, 1))
        fine = asyncio.ensure_future(_exchange(lane, far_end.url, 1))
        for _ in range(steps):
            await asyncio.sleep(0)
        doomed.cancel()
        await fine
        await asyncio.gather(doomed, return_exceptions=True)
    assert " 0 busy" in repr(lane.pool)
    await lane.aclose()
